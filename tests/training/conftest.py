"""Fixtures of this room: makers described in tests/fusion/synthetic_{examples,bundle}.py."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pipelines.config import Profile, load_profile
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


@pytest.fixture(scope="session")
def train_and_write() -> Callable[[Path], str]:
    return _module("synthetic_bundle").train_and_write


@pytest.fixture(scope="session")
def quick() -> Profile:
    """The sample profile at two horizons with a sweep that takes a second."""
    overrides = {
        "evaluate.horizons_weeks": (1, 4),
        "train.max_epochs": 4,
        "train.lambda_grid": (0.0, 0.5),
    }
    return load_profile("sample", **overrides)
