"""A published forecast is taken back: who passes over it, and who still gets it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.killed_withdrawal import killed_at_each_write, work
from support.planted_versions import Planted

from pipelines.client import Client
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, VersioningError
from pipelines.ops.withdrawing import withdraw_forecast
from pipelines.run import start_run
from pipelines.run.events import read_events
from pipelines.run.withdrawn import withdrawn
from pipelines.steps.newest import published
from pipelines.storage import manifest_of


@pytest.fixture
def copied(planted: Planted, tmp_path: Path) -> Callable[[str], Path]:
    """Makes copies of the deployment, remote and all."""
    return lambda name: Path(shutil.copytree(planted.home, tmp_path / name, symlinks=True))


@pytest.fixture
def paths(copied: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> DeploymentPaths:
    """A copy that the environment names."""
    home = copied("home")
    monkeypatch.setenv("DENGUARD_HOME", str(home))
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", str(home / "remote"))
    return DeploymentPaths(home=home)


def analyst(paths: DeploymentPaths) -> Client:
    return Client(str(paths.home / "remote"))


def newest(paths: DeploymentPaths) -> str:
    return analyst(paths).find("forecasts").version


def test_latest_passes_over_a_withdrawn_forecast_and_says_so(
    paths: DeploymentPaths, caplog: pytest.LogCaptureFixture
) -> None:
    before = newest(paths)
    done = withdraw_forecast(paths, before, "Ana", "made from wrong counts")
    with caplog.at_level(logging.WARNING):
        found = analyst(paths).find("forecasts")
    assert (found.as_of_week, done.earlier) == ("2018-w47", False)
    assert f"{found.id} is not the newest: forecast {before} was withdrawn" in caplog.text
    assert "by Ana: made from wrong counts" in caplog.text


def test_the_gate_scores_no_challenger_beside_a_withdrawn_forecast(paths: DeploymentPaths) -> None:
    before = [path.name for path in published(start_run("fourth", {"profile": "ci"}))]
    withdraw_forecast(paths, newest(paths), "Ana", "made from wrong counts")
    after = [path.name for path in published(start_run("fourth", {"profile": "ci"}))]
    assert (len(before), after) == (3, before[:2])


def test_the_report_that_shows_it_is_passed_over_as_well(paths: DeploymentPaths) -> None:
    done = withdraw_forecast(paths, "third", "Ana", "made from wrong counts")
    assert analyst(paths).find("report").run_id == "second"
    assert done.downstream == {"report": ("third",)}


@pytest.mark.parametrize("asked", ["2018-w48", "third", ""])
def test_asked_for_by_name_it_is_pulled_whole_and_marked(
    asked: str, paths: DeploymentPaths, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version = newest(paths)
    withdraw_forecast(paths, version, "Ana", "made from wrong counts")
    client = analyst(paths)
    with caplog.at_level(logging.WARNING):
        folder = client.pull("forecasts", asked or version, tmp_path / "pulled")
    assert folder.name == f"forecasts-{version}"
    assert manifest_of(folder) == manifest_of(paths.artifacts / "forecasts" / version)
    assert caplog.text.count("was withdrawn") == 1
    (mark,) = client.withdrawals(client.find("forecasts", version))
    assert (mark.by, mark.reason) == ("Ana", "made from wrong counts")


def test_a_week_with_a_second_forecast_means_the_one_that_stands(paths: DeploymentPaths) -> None:
    from pipelines.versioning.catalogue import read_catalogue
    from pipelines.versioning.find import find_version
    from pipelines.versioning.source import Source

    catalogue = read_catalogue(Source(str(paths.home / "remote")))
    mine = find_version(catalogue, "forecasts", "third")
    again = mine.model_copy(
        update={"id": "forecasts-2018-w48-again", "version": "2018-w48-again", "run_id": "again"}
    )
    both = {**catalogue, again.id: again}
    with pytest.raises(VersioningError, match="could be any of 2"):
        find_version({again.id: again, mine.id: mine}, "forecasts", "2018-w48")
    assert find_version(both, "forecasts", "2018-w48", withdrawn={mine.id}) == again


def test_when_every_forecast_was_withdrawn_latest_says_so(paths: DeploymentPaths) -> None:
    for run in ("first", "second", "third"):
        withdraw_forecast(paths, run, "Ana", "a wrong model")
    with pytest.raises(VersioningError, match="every one of the forecasts versions was withdrawn"):
        newest(paths)


def test_withdrawn_twice_it_is_one_record_one_event_and_the_first_reason(
    paths: DeploymentPaths,
) -> None:
    withdraw_forecast(paths, "third", "Ana", "made from wrong counts")
    again = withdraw_forecast(paths, "third", "Ben", "another reason")
    assert again.earlier and again.record.by == "Ana"
    (event,) = read_events(paths, "forecast-withdrawn")
    assert (event["by"], event["reason"]) == ("Ana", "made from wrong counts")


@pytest.mark.parametrize(
    ("wanted", "by", "reason", "said"),
    [
        ("latest", "Ana", "wrong", "another forecast once this one is withdrawn"),
        ("third", " ", "wrong", "needs a name and a reason"),
        ("third", "Ana", "", "needs a name and a reason"),
    ],
)
def test_what_cannot_be_audited_or_repeated_is_refused(
    wanted: str, by: str, reason: str, said: str, paths: DeploymentPaths
) -> None:
    with pytest.raises(ConfigError, match=said):
        withdraw_forecast(paths, wanted, by, reason)
    assert not list(read_events(paths))


def test_a_forecast_that_nobody_published_is_refused_with_those_there_are(
    paths: DeploymentPaths,
) -> None:
    with pytest.raises(VersioningError, match="no forecasts version is '2017-w01'"):
        withdraw_forecast(paths, "2017-w01", "Ana", "wrong")


def test_killed_at_each_write_it_is_withdrawn_or_not_and_goes_on(
    copied: Callable[[str], Path], paths: DeploymentPaths, tmp_path: Path
) -> None:
    homes = [copied(f"killed/{n}") for n in range(1, 12)]
    ended = killed_at_each_write(tmp_path / "killed", "forecast")
    writes = "record, its name, three folders, event, mark, its name, two folders"
    assert ended == [-9] * 10 + [0], writes
    for n, home in enumerate(homes, start=1):
        before = withdrawn(DeploymentPaths(home=home), "forecast")
        assert bool(before) is (n > 2)
        work(home, "forecast")
        after = withdrawn(DeploymentPaths(home=home), "forecast")
        assert len(after) == 1 and (not before or after == before)
        assert len(list(read_events(DeploymentPaths(home=home)))) == 1
        assert len(list((home / "remote" / "withdrawn").glob("*.json"))) == 1


def test_a_home_that_published_nothing_is_told_so_and_not_of_a_remote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DENGUARD_DVC_REMOTE", raising=False)
    paths = DeploymentPaths(home=tmp_path)
    with pytest.raises(ConfigError, match="there is no forecast here") as told:
        withdraw_forecast(paths, "2018-w48", "Ana", "wrong counts")
    assert "remote" not in str(told.value)
