"""Horizons that a person asks for, where a champion forecasts others."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from support.registries import closed_port

from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, RegistryError
from pipelines.registry import retries
from pipelines.registry.aliases import set_champion
from pipelines.run import run_folder
from pipelines.steps.asked_horizons import require_some

RUN = "by-hand"


def start(*horizons: int) -> None:
    steps.start(RUN, {"profile": "ci", "horizons": list(horizons)})


@pytest.fixture
def champion(three: DeploymentPaths) -> DeploymentPaths:
    """Version 1, which forecasts 1 and 4 weeks ahead."""
    set_champion("1")
    return three


def test_horizons_of_which_the_champion_forecasts_none_are_refused_at_the_start(
    champion: DeploymentPaths,
) -> None:
    with pytest.raises(ConfigError) as refused:
        start(2, 5)
    assert refused.value.what == (
        "the champion, version 1, forecasts 1 and 4 weeks ahead, and this run is for 2 and 5 "
        "weeks ahead: while it serves there would be no forecast"
    )
    assert "(1 and 4 weeks ahead)" in refused.value.fix
    assert not (run_folder(champion, RUN) / "run.json").exists()


def test_one_that_it_forecasts_is_enough_and_the_others_are_named(
    champion: DeploymentPaths, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        start(3, 4)
    assert "does not forecast 3 weeks ahead" in caplog.text
    assert (run_folder(champion, RUN) / "run.json").is_file()


def test_the_profiles_own_horizons_are_not_asked_about(
    champion: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")
    steps.start(RUN, {"profile": "ci"})


def test_before_the_first_champion_any_may_be_asked_for(three: DeploymentPaths) -> None:
    start(2, 5)


def test_nor_is_a_registry_made_for_the_question(home: Path) -> None:
    start(2, 5)
    assert not (DeploymentPaths(home=home).artifacts / "mlflow").exists()


def test_a_registry_that_is_away_is_waited_for(
    champion: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setattr(retries, "PAUSES_S", (0.0,))
    with pytest.raises(RegistryError) as away:
        start(2, 5)
    assert away.value.away


@pytest.mark.parametrize(("has", "said"), [([1], "1 week ahead"), ([2, 1, 8], "1, 2 and 8 weeks")])
def test_weeks_are_named_as_people_say_them(has: list[int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        require_some(has, [5], "3")
