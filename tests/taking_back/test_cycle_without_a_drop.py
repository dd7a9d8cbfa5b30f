"""A whole cycle: a wrong drop is accepted and promoted, is withdrawn, and the next run is the one
without it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from support.drops import table_drop
from support.homes import Home
from support.tabular import FIRST, next_week, run_tabular

from pipelines.config import DeploymentPaths
from pipelines.data.drop_info import DropInfo
from pipelines.data.intake import accepted_version
from pipelines.ops.watch import check_lateness
from pipelines.ops.withdrawing import withdraw_drop, withdraw_forecast
from pipelines.run.success import last_success
from pipelines.storage import manifest_of

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]  # as tests/e2e
BAD = "2018-12-05"


def wrong_drop(home: Home, work: Path) -> Path:
    """The drop again, the newest weeks of every municipality being twice what they were."""
    drops = home.path / "data" / "drops"
    with (drops / "2018-12-04" / "metadata.csv").open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    newest = [header.index(f"2018/w{week}") for week in (47, 48)]
    for row in rows:
        for at in newest:
            row[at] = str(int(row[at]) * 4 // 3)  # not so wrong that it is doubted
    table = work / "metadata.csv"
    with table.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([header, *rows])
    return table_drop(table, None, drops, DropInfo(received_date=date.fromisoformat(BAD)))


def test_after_a_withdrawal_the_next_run_is_the_one_without_the_drop(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home = copied_tabular()
    paths = DeploymentPaths(home=home.path)
    folder = wrong_drop(home, tmp_path)
    before = manifest_of(folder)
    run_tabular(home, "wrong", "--force")
    assert (
        home.output("wrong", "snapshot")["dataset_version"]
        != home.output(FIRST, "snapshot")["dataset_version"]
    )

    profile = str(home.path / "tabular.yaml")
    code, output = home.denguard(
        "withdraw-drop", BAD, "--by", "Ana", "--reason", "counted twice", "--profile", profile
    )
    assert code == 0, output
    made, wrong = last_success(paths), home.output("wrong", "forecast")["forecast_version"]
    assert made is not None and made.forecast_version == wrong
    assert home.output("wrong", "snapshot")["dataset_version"] in output and wrong in output
    assert f"denguard withdraw-forecast {wrong}" in output
    assert any("rests on drop" in why for why in check_lateness(paths, made.when).why)
    for kind in ("data", "samples", "forecasts"):
        code, pulled = home.denguard(
            "pull", kind, "--version", "wrong", "--to", str(tmp_path / "pulled")
        )
        assert code == 0 and f"drop {BAD} was withdrawn" in pulled, pulled
    assert home.denguard("trace", f"drop:{BAD}")[0] == 0

    run_tabular(home, "right", "--force")

    for step, key in {
        "ingest": "drops",
        "snapshot": "dataset_version",
        "features": "feature_version",
    }.items():
        assert home.output("right", step)[key] == home.output(FIRST, step)[key]
    assert manifest_of(folder) == before
    again = last_success(paths)
    assert again is not None and not check_lateness(paths, again.when).late


def test_where_the_wrong_drop_had_a_week_of_its_own_the_week_before_it_is_the_bulletin_again(
    copied_tabular: Callable[[], Home],
) -> None:
    home = copied_tabular()
    paths = DeploymentPaths(home=home.path)
    next_week(home, {})
    run_tabular(home, "wrong")
    assert home.output("wrong", "gate")["decision"] == "promote"
    assert (last_success(paths) or pytest.fail("lost")).origin_week == "2018-w49"
    withdraw_drop(paths, "2018-12-11", "Ana", "the neighbour's figures", "tabular")
    withdraw_forecast(paths, "wrong", "Ana", "the neighbour's figures")

    run_tabular(home, "right")

    made = last_success(paths)
    assert made is not None and (made.run_id, made.origin_week) == ("right", "2018-w48")
    assert not check_lateness(paths, made.when).late
    assert accepted_version(paths) == home.output(FIRST, "snapshot")["dataset_version"]
    decision = home.output("right", "gate")
    assert decision["decision"] == "promote"
    assert any("drop 2018-12-11, which was withdrawn" in reason for reason in decision["reasons"])
    assert (
        home.output("right", "train")["candidates"]["linear"]["bundle_id"]
        == home.output(FIRST, "gate")["bundle_id"]
    )
