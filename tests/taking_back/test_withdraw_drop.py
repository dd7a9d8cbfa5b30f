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

from pipelines.config import Places
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


def ministry(where: Places) -> Ministry:
    wide = {"adapter": "wide", "file": "metadata.csv", "columns": {"unit": "code"}}
    return Ministry(where.home, wide, codes=CONTEXT.codes)


def bring(where: Places, day: str, cases: int, edition: int = 1) -> Path:
    text = f"code,2018/w47,2018/w48\n05001,7,{cases}\n05360,7,{cases}\n"
    return ministry(where).bring(day, edition, metadata_csv=text)


@pytest.fixture
def where(home: Path) -> Places:
    """Two drops, both accepted."""
    where = Places(home=home)
    drops = [bring(where, GOOD, 8), bring(where, BAD, 4000)]
    said = [
        {"received_date": d.name, "sha256": drop_hash(read_drop(d), file_cache(where))}
        for d in drops
    ]
    folder = where.artifacts / "datasets" / "v1"
    write_json(folder / "dataset.json", {"drops": said, "as_of_week": "2018-w48"})
    Tables.empty().save(folder / "tables")
    accept(where, "v1", "2018-w48", said)
    return where


def take_back(where: Places, name: str = BAD) -> None:
    withdraw_drop(where, name, "Ana", "the neighbour's figures", "ci")


def validated(where: Places) -> ValidationResult:
    return validate_all(
        where.drops,
        ministry(where).context,
        None,
        None,
        file_cache(where),
        accepted_drops(where),
        withdrawn=withdrawn(where, "drop"),
    )


def test_no_run_knows_it_not_even_a_look_back_and_its_folder_stays(where: Places) -> None:
    before = manifest_of(where.drops)
    take_back(where)
    for as_of in (None, "2018-w48"):
        assert [d.name for d in known_drops(where, as_of, CDC)] == [GOOD]
    assert manifest_of(where.drops) == before


def test_its_values_are_those_of_the_drops_that_stand(where: Places) -> None:
    def newest(result: ValidationResult) -> list[float]:
        cases = result.tables.cases
        return list(cases.loc[cases["week_no"] == CDC.week_no("2018-w48"), "cases"])

    assert 4000 in newest(validated(where))
    take_back(where)
    assert newest(validated(where)) == [8, 8]


def test_a_withdrawn_drop_that_is_gone_or_broken_stops_no_run(where: Places) -> None:
    take_back(where)
    (where.drops / BAD / "drop.yaml").write_text("received_date: 2081-12-11\n", encoding="utf-8")
    codes = {issue.code for issue in validated(where).issues}
    assert not codes & {"accepted-drop-changed", "invalid-drop"}


def test_tables_that_held_it_are_no_yardstick_any_more(where: Places) -> None:
    assert accepted_tables(where) is not None
    take_back(where)
    assert accepted_tables(where) is None


def test_a_run_that_had_chosen_it_is_stopped_with_who_and_why(where: Places) -> None:
    require_not_withdrawn(where, {GOOD, BAD})
    take_back(where)
    require_not_withdrawn(where, {GOOD})
    with pytest.raises(
        DropError, match=r"withdrawn on .* by Ana: the neighbour's figures.*start a new run"
    ):
        require_not_withdrawn(where, {GOOD, BAD})


def test_the_right_data_come_as_an_edition_and_the_old_name_is_refused(where: Places) -> None:
    take_back(where)
    with pytest.raises(DropError, match="--edition 2"):
        require_not_withdrawn_name(where, BAD)
    require_not_withdrawn_name(where, f"{BAD}.2")
    bring(where, BAD, 9, edition=2)
    assert [d.name for d in known_drops(where, None, CDC)] == [GOOD, f"{BAD}.2"]


def test_the_answer_names_the_next_free_edition(where: Places) -> None:
    bring(where, BAD, 9, edition=2)
    done = withdraw_drop(where, f"{BAD}.2", "Ana", "wrong again", "ci")
    assert done.to_do[-1].endswith(f"denguard drop --received {BAD} --edition 3")


def test_arrivals_start_no_run_for_it(where: Places) -> None:
    late = datetime.now(UTC) + 2 * SETTLED
    assert waiting_drop(where, late) == BAD
    take_back(where)
    assert waiting_drop(where, late) == GOOD


def test_withdrawn_twice_it_is_one_record_and_one_event(where: Places) -> None:
    take_back(where)
    again = withdraw_drop(where, BAD, "Ben", "another reason", "ci")
    assert again.earlier and again.record.by == "Ana"
    (event,) = read_events(where, "drop-withdrawn")
    assert (event["name"], event["by"], event["content_id"]) == (
        BAD,
        "Ana",
        accepted_drops(where)[BAD],
    )


def test_a_damaged_record_gives_no_drop_back(where: Places) -> None:
    take_back(where)
    (where.data / "withdrawn" / f"{BAD}.json").write_text("{", encoding="utf-8")
    assert [d.name for d in known_drops(where, None, CDC)] == [GOOD]


@pytest.mark.parametrize("name", ["2018-12-12", "../outside", "", "2018-12-11/images"])
def test_what_is_no_drop_is_refused_and_leaves_nothing(name: str, where: Places) -> None:
    with pytest.raises(DropError, match="there is no drop"):
        take_back(where, name)
    assert not (where.data / "withdrawn").exists() and not list(read_events(where))


def test_nobodys_withdrawal_is_refused(where: Places) -> None:
    with pytest.raises(ConfigError, match="needs a name and a reason"):
        withdraw_drop(where, BAD, "Ana", " ", "ci")
    assert not withdrawn(where, "drop")


def test_a_folder_that_nobody_can_read_can_be_withdrawn(where: Places) -> None:
    broken = where.drops / "2081-12-04"
    broken.mkdir()
    (broken / "drop.yaml").write_text("received_date: 2081-12-04\n", encoding="utf-8")
    take_back(where, broken.name)
    assert "2081-12-04" in withdrawn(where, "drop")


def test_machines_that_share_a_store_withdraw_it_for_each_other(
    where: Places, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path_factory.mktemp("store")))
    other = Places(home=tmp_path_factory.mktemp("other"))
    exchange_drops(where)
    share_accepted(where)
    exchange_drops(other)
    assert [d.name for d in known_drops(other, None, CDC)] == [GOOD, BAD]
    take_back(other)
    exchange_drops(where)
    assert [d.name for d in known_drops(where, None, CDC)] == [GOOD]
    assert withdrawn(where, "drop") == withdrawn(other, "drop")


def test_killed_at_each_write_it_is_withdrawn_or_not_and_goes_on(
    where: Places, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    homes = [Path(shutil.copytree(where.home, folder / str(n))) for n in range(1, 7)]
    ended = killed_at_each_write(folder, "drop")
    assert ended == [-9] * 5 + [0], "record, its name, its folder, the folder above, event"
    for n, home in enumerate(homes, start=1):
        there = Places(home=home)
        before = withdrawn(there, "drop")
        assert [d.name for d in known_drops(there, None, CDC)] == ([GOOD] if n > 2 else [GOOD, BAD])
        work(home, "drop")
        assert len(list(read_events(there))) == 1 and (
            not before or withdrawn(there, "drop") == before
        )
        assert [d.name for d in known_drops(there, None, CDC)] == [GOOD]
