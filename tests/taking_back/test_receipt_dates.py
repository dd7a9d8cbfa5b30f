"""A receipt date that cannot be right is refused on every way in; a person who is sure is
believed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.drops import CONTEXT
from support.ministry import Ministry
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import DeploymentPaths
from pipelines.contracts import Issue, Level
from pipelines.data import receipts
from pipelines.data.drops import survey_drops
from pipelines.data.intake import accept, file_cache
from pipelines.data.receipts import receipt_issues
from pipelines.data.sources import source_of
from pipelines.data.sync import exchange_drops
from pipelines.data.tables import Tables
from pipelines.data.validate import validate_all
from pipelines.run.withdrawn import withdraw, withdrawn
from pipelines.storage import write_json
from pipelines.weeks import CDC

TODAY = date(2018, 12, 20)
WIDE = {"adapter": "wide", "file": "metadata.csv", "columns": {"unit": "code"}}


class Deployment:
    """A ministry's home at a day: drops, which were accepted, and what a run would say."""

    def __init__(self, home: Path) -> None:
        self.paths = DeploymentPaths(home=home)
        self.ministry = Ministry(home, WIDE, codes=CONTEXT.codes)

    def bring(self, day: str, last: str, cases: int = 8, edition: int = 1) -> Path:
        """A drop placed by hand, of the four weeks up to `last`."""
        until = CDC.week_no(last)
        weeks = [CDC.week_label(n).replace("-", "/") for n in range(until - 3, until + 1)]
        text = f"code,{','.join(weeks)}\n05001,1,2,3,{cases}\n05360,1,2,3,{cases}\n"
        return self.ministry.bring(day, edition, metadata_csv=text)

    def accept(self, *names: str) -> None:
        folder = self.paths.artifacts / "datasets" / "v"
        write_json(folder / "dataset.json", {"drops": []})
        Tables.empty().save(folder / "tables")
        accept(self.paths, "v", "2018-w48", [{"received_date": n, "sha256": ""} for n in names])

    def check(self, *accepted: str, today: date | None = TODAY) -> list[Issue]:
        """What a run says of receipt dates, if these names were accepted."""
        drops, _ = survey_drops(self.paths.drops, withdrawn(self.paths, "drop"))
        context = self.ministry.context
        raws = [source_of(context.config).read_raw(drop, context) for drop in drops]
        return receipt_issues(raws, accepted, today, context)


@pytest.fixture
def at(home: Path) -> Deployment:
    return Deployment(home)


def critical(found: list[Issue]) -> list[Issue]:
    return [i for i in found if i.level is Level.CRITICAL]


def codes(found: list[Issue]) -> list[str]:
    return [i.code for i in critical(found)]


@pytest.mark.parametrize("accepted", [(), ("2081-12-04",)])
def test_a_drop_of_the_future_stops_a_run_until_it_is_withdrawn(
    at: Deployment, accepted: tuple[str, ...]
) -> None:
    at.bring("2018-12-04", "2018-w47")
    at.bring("2081-12-04", "2018-w48", cases=77)
    (found,) = critical(at.check(*accepted))
    assert (found.code, found.place) == ("receipt-in-future", "2081-12-04/drop.yaml")
    assert "denguard withdraw-drop 2081-12-04" in found.fix
    withdraw(at.paths, "drop", "2081-12-04", "Ana", "2081 for 2018")
    assert not critical(at.check("2018-12-04"))


def test_tomorrow_is_today_elsewhere_and_the_day_after_is_not(at: Deployment) -> None:
    at.bring(TODAY.isoformat(), "2018-w48")
    assert codes(at.check(today=TODAY - timedelta(days=1))) == []
    assert codes(at.check(today=TODAY - timedelta(days=2))) == ["receipt-in-future"]


def test_a_drop_of_the_future_from_another_machine_stops_a_run_here(
    at: Deployment, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path_factory.mktemp("store")))
    other = Deployment(tmp_path_factory.mktemp("other"))
    other.bring("2081-12-04", "2018-w48")
    exchange_drops(other.paths)
    exchange_drops(at.paths)
    assert codes(at.check()) == ["receipt-in-future"]


@pytest.mark.real_data
def test_field_case_10_a_mistyped_year_no_longer_beats_the_right_drop(
    at: Deployment, real_data: Path
) -> None:
    at.ministry = Ministry(at.paths.home, codes=CONTEXT.codes, source="satellitebench")
    table = (real_data / "field-cases" / "10-received-date-typo" / "drop.csv").read_bytes()
    at.ministry.bring("2018-12-04", metadata_csv=table)
    at.ministry.bring("2081-12-04", metadata_csv=table.replace(b"5001,", b"05001,"))
    at.ministry.bring("2018-12-11", metadata_csv=table)
    result = at.check("2018-12-04", "2081-12-04")
    assert "receipt-in-future" in codes(result)
    withdraw(at.paths, "drop", "2081-12-04", "Ana", "2081 for 2018")
    assert not critical(at.check("2018-12-04"))


def test_a_drop_older_than_what_was_accepted_is_refused_and_told_what_it_loses(
    at: Deployment,
) -> None:
    at.bring("2018-12-11", "2018-w48", cases=5)
    at.bring("2018-12-04", "2018-w48", cases=77)
    result = at.check("2018-12-11")
    (found,) = critical(result)
    assert (
        found.code == "receipt-older-than-accepted"
        and "before the accepted drop 2018-12-11" in found.message
    )
    (lost,) = [i for i in result if i.code == "loses-to-newer-drop"]
    assert lost.rows == 2 and "05001 2018-w48: 77 here, 5 in 2018-12-11" in lost.message


def test_of_drops_that_are_all_read_for_the_first_time_each_loses_to_the_newest(
    at: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day, cases in (("2018-12-04", 77), ("2018-12-11", 5), ("2018-12-18", 6)):
        at.bring(day, "2018-w48", cases=cases)
    read: list[str] = []
    counts = receipts._counts
    monkeypatch.setattr(receipts, "_counts", lambda raw: read.append(raw.drop.name) or counts(raw))
    lost = {i.place: i.message for i in at.check() if i.code == "loses-to-newer-drop"}
    assert lost.keys() == {"2018-12-04", "2018-12-11"}
    assert "05001 2018-w48: 77 here, 6 in 2018-12-18" in lost["2018-12-04"]
    assert "05001 2018-w48: 5 here, 6 in 2018-12-18" in lost["2018-12-11"]
    assert sorted(read) == ["2018-12-04", "2018-12-11", "2018-12-18"], "a drop was read again"


def test_a_lower_edition_of_an_accepted_day_is_older_and_a_higher_one_is_not(
    at: Deployment,
) -> None:
    at.bring("2018-12-11", "2018-w48", edition=2)
    at.bring("2018-12-11", "2018-w48", edition=1)
    assert codes(at.check("2018-12-11.2")) == ["receipt-older-than-accepted"]
    assert codes(at.check("2018-12-11")) == []


def test_a_paper_file_of_last_month_that_arrived_today_is_taken_and_wins(at: Deployment) -> None:
    at.bring("2018-12-11", "2018-w48", cases=5)
    at.bring("2018-12-18", "2018-w44", cases=77)
    result = at.check("2018-12-11")
    assert not critical(result) and "loses-to-newer-drop" not in {i.code for i in result}


def test_a_year_ahead_of_its_siblings_is_refused_while_the_data_moved_by_a_week(
    at: Deployment,
) -> None:
    at.bring("2016-12-06", "2016-w47")
    at.bring("2018-12-13", "2016-w48")
    (found,) = critical(at.check("2016-12-06"))
    assert found.code == "receipt-far-ahead"
    assert "105 weeks after 2016-12-06, and its newest week is 1 week newer" in found.message


def test_deliveries_that_pause_for_a_year_and_bring_it_are_taken(at: Deployment) -> None:
    at.bring("2017-12-05", "2017-w47")
    at.bring("2018-12-11", "2018-w48")
    assert not critical(at.check("2017-12-05"))


def test_a_year_too_small_is_refused_though_it_is_the_first_drop(at: Deployment) -> None:
    at.bring("2016-12-04", "2018-w48")
    found = [i for i in critical(at.check()) if i.code == "receipt-before-data"]
    assert len(found) == 1 and "2018-12-01, 103 weeks later" in found[0].message


def test_what_was_accepted_before_is_not_asked_again(at: Deployment) -> None:
    at.bring("2016-12-06", "2016-w47")
    at.bring("2018-12-13", "2016-w48")
    assert not critical(at.check("2016-12-06", "2018-12-13"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("2018-12-11", "2018-w48"), ("2018-12-04", "2018-w48")),
        (("2016-12-06", "2016-w47"), ("2018-12-13", "2016-w48")),
    ],
)
def test_a_person_who_is_sure_says_why_in_the_drop_and_is_believed(
    at: Deployment, first: tuple[str, str], second: tuple[str, str]
) -> None:
    at.bring(*first)
    folder = at.bring(*second)
    assert critical(at.check(first[0]))
    with (folder / "drop.yaml").open("a", encoding="utf-8") as out:
        out.write("received_confirmed: found in the post room\n")
    assert not critical(at.check(first[0]))


@pytest.fixture
def profile(at: Deployment) -> Path:
    text = (
        "profile: town\ndata:\n  inputs:\n    - {adapter: wide, file: metadata.csv, columns: "
        "{unit: code}}\nplace:\n  codes: {pattern: '[0-9]{5}'}\n"
    )
    path = at.paths.home / "town.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def denguard(at: Deployment, profile: Path) -> Callable[..., tuple[int, str]]:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*arguments, "--profile", str(profile)])
        return done.exit_code, f"{done.output}{done.exception or ''}"

    return run


def test_the_command_refuses_before_anything_is_stored_and_records_the_confirmation(
    at: Deployment, denguard: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    at.bring("2018-12-11", "2018-w48", cases=5)
    at.accept("2018-12-11")
    file = tmp_path / "late.csv"
    shutil.copyfile(at.paths.drops / "2018-12-11" / "metadata.csv", file)
    for day, message in {
        "2018-12-04": "before the accepted drop 2018-12-11",
        "2026-01-05": "368 weeks after 2018-12-11",
    }.items():
        code, output = denguard("drop", str(file), "--received", day)
        assert code != 0 and message in output
    assert [p.name for p in at.paths.drops.iterdir()] == ["2018-12-11"]
    code, output = denguard(
        "drop",
        str(file),
        "--received",
        "2018-12-04",
        "--received-confirmed",
        "lay in the post room",
    )
    assert code == 0, output
    assert "received_confirmed: lay in the post room" in (
        at.paths.drops / "2018-12-04" / "drop.yaml"
    ).read_text(encoding="utf-8")


def test_the_name_of_a_withdrawn_drop_is_refused_and_its_next_edition_taken(
    at: Deployment, denguard: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    folder = at.bring("2018-12-11", "2018-w48")
    withdraw(at.paths, "drop", folder.name, "Ana", "the neighbour's figures")
    file = tmp_path / "right.csv"
    shutil.copyfile(folder / "metadata.csv", file)
    code, output = denguard("drop", str(file), "--received", "2018-12-11")
    assert code != 0 and "--edition 2" in output
    assert denguard("drop", str(file), "--received", "2018-12-11", "--edition", "2")[0] == 0


def test_trying_files_says_of_the_receipt_date_what_a_run_would(
    at: Deployment, denguard: Callable[..., tuple[int, str]]
) -> None:
    file = at.bring("2018-12-11", "2018-w48") / "metadata.csv"
    at.accept("2018-12-11")
    code, output = denguard("validate", str(file), "--received", "2081-12-18")
    assert code == 1 and "in the future" in output and "a run would stop here" in output
    code, output = denguard("validate", str(file), "--received", "2018-12-04")
    assert code == 1 and "before the accepted drop 2018-12-11" in output


def test_a_run_and_its_validation_ask_for_receipt_dates(at: Deployment) -> None:
    at.bring("2081-12-04", "2018-w48")
    result = validate_all(
        at.paths.drops, at.ministry.context, None, None, file_cache(at.paths), today=TODAY
    )
    assert result.critical and "receipt-in-future" in codes(list(result.issues))
