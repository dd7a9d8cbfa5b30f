"""A drop is taken back: no run, watchdog or neighbour reads it from then on, and its
folder stays."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.drops import CONTEXT
from support.killed_withdrawal import killed_at_each_write, work
from support.ministry import Ministry

from pipelines.config import DeploymentPaths
from pipelines.data.drops import drop_hash, read_drop
from pipelines.data.intake import (
    accept,
    accepted_drops,
    accepted_tables,
    file_cache,
    known_drops,
    require_not_withdrawn,
    require_not_withdrawn_name,
)
from pipelines.data.sync import exchange_drops, share_accepted
from pipelines.data.tables import Tables
from pipelines.data.validate import validate_all
from pipelines.data.validation_result import ValidationResult
from pipelines.errors import ConfigError, DropError
from pipelines.ops.arrivals import SETTLED, waiting_drop
from pipelines.ops.withdrawing import withdraw_drop
from pipelines.run.events import read_events
from pipelines.run.withdrawn import withdrawn
from pipelines.storage import manifest_of, write_json
from pipelines.weeks import CDC

GOOD, BAD = "2018-12-04", "2018-12-11"


def ministry(paths: DeploymentPaths) -> Ministry:
    wide = {"adapter": "wide", "file": "metadata.csv", "columns": {"unit": "code"}}
    return Ministry(paths.home, wide, codes=CONTEXT.codes)


def bring(paths: DeploymentPaths, day: str, cases: int, edition: int = 1) -> Path:
    text = f"code,2018/w47,2018/w48\n05001,7,{cases}\n05360,7,{cases}\n"
    return ministry(paths).bring(day, edition, metadata_csv=text)


@pytest.fixture
def paths(home: Path) -> DeploymentPaths:
    """Two drops, both accepted."""
    paths = DeploymentPaths(home=home)
    drops = [bring(paths, GOOD, 8), bring(paths, BAD, 4000)]
    fixed = [
        {"received_date": d.name, "sha256": drop_hash(read_drop(d), file_cache(paths))}
        for d in drops
    ]
    folder = paths.artifacts / "datasets" / "v1"
    write_json(folder / "dataset.json", {"drops": fixed, "as_of_week": "2018-w48"})
    Tables.empty().save(folder / "tables")
    accept(paths, "v1", "2018-w48", fixed)
    return paths


def take_back(paths: DeploymentPaths, name: str = BAD) -> None:
    withdraw_drop(paths, name, "Ana", "the neighbour's figures", "ci")


def validated(paths: DeploymentPaths) -> ValidationResult:
    return validate_all(
        paths.drops,
        ministry(paths).context,
        None,
        None,
        file_cache(paths),
        accepted_drops(paths),
        withdrawn=withdrawn(paths, "drop"),
    )


def test_no_run_knows_it_not_even_a_look_back_and_its_folder_stays(paths: DeploymentPaths) -> None:
    before = manifest_of(paths.drops)
    take_back(paths)
    for as_of in (None, "2018-w48"):
        assert [d.name for d in known_drops(paths, as_of, CDC)] == [GOOD]
    assert manifest_of(paths.drops) == before


def test_its_values_are_those_of_the_drops_that_stand(paths: DeploymentPaths) -> None:
    def newest(result: ValidationResult) -> list[float]:
        cases = result.tables.cases
        return list(cases.loc[cases["week_no"] == CDC.week_no("2018-w48"), "cases"])

    assert 4000 in newest(validated(paths))
    take_back(paths)
    assert newest(validated(paths)) == [8, 8]


def test_a_withdrawn_drop_that_is_gone_or_broken_stops_no_run(paths: DeploymentPaths) -> None:
    take_back(paths)
    (paths.drops / BAD / "drop.yaml").write_text("received_date: 2081-12-11\n", encoding="utf-8")
    codes = {issue.code for issue in validated(paths).issues}
    assert not codes & {"accepted-drop-changed", "invalid-drop"}


def test_tables_that_held_it_are_no_yardstick_any_more(paths: DeploymentPaths) -> None:
    assert accepted_tables(paths) is not None
    take_back(paths)
    assert accepted_tables(paths) is None


def test_a_run_that_had_chosen_it_is_stopped_with_who_and_why(paths: DeploymentPaths) -> None:
    require_not_withdrawn(paths, {GOOD, BAD})
    take_back(paths)
    require_not_withdrawn(paths, {GOOD})
    with pytest.raises(
        DropError, match=r"withdrawn on .* by Ana: the neighbour's figures.*start a new run"
    ):
        require_not_withdrawn(paths, {GOOD, BAD})


def test_the_right_data_come_as_an_edition_and_the_old_name_is_refused(
    paths: DeploymentPaths,
) -> None:
    take_back(paths)
    with pytest.raises(DropError, match="--edition 2"):
        require_not_withdrawn_name(paths, BAD)
    require_not_withdrawn_name(paths, f"{BAD}.2")
    bring(paths, BAD, 9, edition=2)
    assert [d.name for d in known_drops(paths, None, CDC)] == [GOOD, f"{BAD}.2"]


def test_the_answer_names_the_next_free_edition(paths: DeploymentPaths) -> None:
    bring(paths, BAD, 9, edition=2)
    done = withdraw_drop(paths, f"{BAD}.2", "Ana", "wrong again", "ci")
    assert done.to_do[-1].endswith(f"denguard drop --received {BAD} --edition 3")


def test_arrivals_start_no_run_for_it(paths: DeploymentPaths) -> None:
    late = datetime.now(UTC) + 2 * SETTLED
    assert waiting_drop(paths, late) == BAD
    take_back(paths)
    assert waiting_drop(paths, late) == GOOD


def test_withdrawn_twice_it_is_one_record_and_one_event(paths: DeploymentPaths) -> None:
    take_back(paths)
    again = withdraw_drop(paths, BAD, "Ben", "another reason", "ci")
    assert again.earlier and again.record.by == "Ana"
    (event,) = read_events(paths, "drop-withdrawn")
    assert (event["name"], event["by"], event["content_id"]) == (
        BAD,
        "Ana",
        accepted_drops(paths)[BAD],
    )


def test_a_damaged_record_gives_no_drop_back(paths: DeploymentPaths) -> None:
    take_back(paths)
    (paths.data / "withdrawn" / f"{BAD}.json").write_text("{", encoding="utf-8")
    assert [d.name for d in known_drops(paths, None, CDC)] == [GOOD]


@pytest.mark.parametrize("name", ["2018-12-12", "../outside", "", "2018-12-11/images"])
def test_what_is_no_drop_is_refused_and_leaves_nothing(name: str, paths: DeploymentPaths) -> None:
    with pytest.raises(DropError, match="there is no drop"):
        take_back(paths, name)
    assert not (paths.data / "withdrawn").exists() and not list(read_events(paths))


def test_nobodys_withdrawal_is_refused(paths: DeploymentPaths) -> None:
    with pytest.raises(ConfigError, match="needs a name and a reason"):
        withdraw_drop(paths, BAD, "Ana", " ", "ci")
    assert not withdrawn(paths, "drop")


def test_a_folder_that_nobody_can_read_can_be_withdrawn(paths: DeploymentPaths) -> None:
    broken = paths.drops / "2081-12-04"
    broken.mkdir()
    (broken / "drop.yaml").write_text("received_date: 2081-12-04\n", encoding="utf-8")
    take_back(paths, broken.name)
    assert "2081-12-04" in withdrawn(paths, "drop")


def test_machines_that_share_a_store_withdraw_it_for_each_other(
    paths: DeploymentPaths,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path_factory.mktemp("store")))
    other = DeploymentPaths(home=tmp_path_factory.mktemp("other"))
    exchange_drops(paths)
    share_accepted(paths)
    exchange_drops(other)
    assert [d.name for d in known_drops(other, None, CDC)] == [GOOD, BAD]
    take_back(other)
    exchange_drops(paths)
    assert [d.name for d in known_drops(paths, None, CDC)] == [GOOD]
    assert withdrawn(paths, "drop") == withdrawn(other, "drop")


def test_killed_at_each_write_it_is_withdrawn_or_not_and_goes_on(
    paths: DeploymentPaths, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    homes = [Path(shutil.copytree(paths.home, folder / str(n))) for n in range(1, 7)]
    ended = killed_at_each_write(folder, "drop")
    assert ended == [-9] * 5 + [0], "record, its name, its folder, the folder above, event"
    for n, home in enumerate(homes, start=1):
        there = DeploymentPaths(home=home)
        before = withdrawn(there, "drop")
        assert [d.name for d in known_drops(there, None, CDC)] == ([GOOD] if n > 2 else [GOOD, BAD])
        work(home, "drop")
        assert len(list(read_events(there))) == 1 and (
            not before or withdrawn(there, "drop") == before
        )
        assert [d.name for d in known_drops(there, None, CDC)] == [GOOD]
