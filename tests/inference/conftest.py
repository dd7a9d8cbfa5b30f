"""Fixtures of this room: makers described in tests/fusion/synthetic_{examples,bundle}.py."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples


def _module(name: str) -> ModuleType:
    file = Path(__file__).parents[1] / "fusion" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make_examples() -> Callable[..., Examples]:
    return _module("synthetic_examples").make_examples


@pytest.fixture(scope="session")
def make_bundle() -> Callable[..., Bundle]:
    return _module("synthetic_bundle").make_bundle
