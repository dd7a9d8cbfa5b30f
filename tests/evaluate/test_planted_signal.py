"""Scenes that hold news are promoted, and scenes that hold none are not: one trial of each of the
benchmark's, which has many."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "planted_signal.py"
UNITS, YEARS, TRIAL, SEED = 10, 6, 1, 7


@pytest.fixture(scope="module")
def planted() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("planted_signal", BENCHMARK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def world(planted: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return planted.make_world(UNITS, YEARS, tmp_path_factory.mktemp("kept"))


def trial(planted: ModuleType, world: Any, strength: float) -> dict[str, Any]:
    made: dict[str, Any] = planted.trial(world, planted.Cell(strength, UNITS, YEARS, TRIAL, SEED))
    return made


def test_scenes_that_lean_on_the_cases_to_come_are_promoted(
    planted: ModuleType, world: Any
) -> None:
    found = trial(planted, world, 0.9)
    assert found["promoted"] and found["upper"] < 0, found


def test_scenes_without_news_are_not(planted: ModuleType, world: Any) -> None:
    found = trial(planted, world, 0.0)
    assert not found["promoted"] and found["decision"] == "promote linear", found
