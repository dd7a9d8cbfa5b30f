"""The weekly cycle goes on, with today's code, in a deployment that the first version made: by the
commands of docs/upgrading.md, in their order.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.first_home import denguard, live_in, unpack_first_home
from support.make_first_home import cut_table

from pipelines.config import DeploymentPaths
from pipelines.registry.audit import read_trail
from pipelines.registry.lookup import lookup
from pipelines.run.success import last_success
from pipelines.storage import read_json

NOTE = (Path(__file__).parents[2] / "docs" / "upgrading.md").read_text(encoding="utf-8")
# OpenBLAS's names of processors whose products have the archive's bits.
KERNELS_OF_THE_ARCHIVE = {"SkylakeX", "Cooperlake", "SapphireRapids"}
COMMANDS = re.findall(r"^ *\$ \.venv/bin/denguard (.+)$", NOTE, re.M)


@dataclass(frozen=True)
class Week:
    """What a run left: its decision, who served after it, and its outputs."""

    home: Path
    run_id: str
    serving: dict[str, str | None]

    @property
    def decision(self) -> dict[str, Any]:
        return read_json(self.home / "artifacts" / "decisions" / f"{self.run_id}.json")

    def output(self, step: str) -> dict[str, Any]:
        return read_json(self.home / "artifacts" / "runs" / self.run_id / f"{step}.json")


def _week(home: Path, run_id: str) -> Week:
    serving = {
        alias: lookup(alias, DeploymentPaths(home=home)) for alias in ("champion", "previous")
    }
    return Week(home, run_id, {alias: found and found.version for alias, found in serving.items()})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One home for the weeks below, which follow each other."""
    made = unpack_first_home(tmp_path_factory.mktemp("first") / "home")
    with pytest.MonkeyPatch.context() as patch:
        live_in(made, patch)
        yield made


@pytest.fixture(scope="module")
def outputs(home: Path) -> list[str]:
    """What the commands of the upgrade note answer; one that fails fails every test here."""
    return [denguard(*shlex.split(command)) for command in COMMANDS]


@pytest.fixture(scope="module")
def unchanged(home: Path, outputs: list[str]) -> Week:
    """The note's run, the first of today's code, without anything new since the old one's last."""
    return _week(home, "after-upgrade")


@pytest.fixture(scope="module")
def next_week(home: Path, unchanged: Week, tmp_path_factory: pytest.TempPathFactory) -> Week:
    """A week later: the same municipalities, one more week."""
    table = tmp_path_factory.mktemp("given") / "metadata.csv"
    cut_table(table)
    denguard(
        "drop",
        "--table",
        str(table),
        "--profile",
        "profile.yaml",
        "--received",
        "2018-12-11",
        "--until",
        "2018-w49",
    )
    denguard("run", "--profile", "profile.yaml", "--run-id", "second")
    return _week(home, "second")


def _bits_can_differ(home: Path) -> bool:
    """Whether candidates were made on another CPU, or by other versions of what they all name."""
    receipts = [read_json(p) for p in (home / "artifacts" / "candidates").glob("*/receipt.json")]
    shared = set.intersection(*(set(r["versions"]) for r in receipts))
    facts = {
        (r["threads"], r["cpu_capability"], *(r["versions"][name] for name in sorted(shared)))
        for r in receipts
    }
    # The archive's own receipts do not name their kernels of linear algebra.
    kernels = {name for r in receipts for name in r.get("blas", ())}
    return len(facts) > 1 or not kernels <= KERNELS_OF_THE_ARCHIVE


def test_the_upgrade_note_reads_what_the_old_version_left_and_then_runs(outputs: list[str]) -> None:
    _profile, before, trace, _run, decisions, after = outputs
    assert "run first: finished" in before
    assert "Every link of these" in trace
    assert "after-upgrade" in decisions
    assert "run after-upgrade: finished" in after


def test_an_unchanged_week_is_nothing_new_although_the_code_is(unchanged: Week) -> None:
    if _bits_can_differ(unchanged.home):
        pytest.skip("another CPU or other libraries than the archive's give other bits")
    assert unchanged.decision["decision"] == "keep"
    assert unchanged.decision["reasons"][-1].startswith("Nothing new")
    assert unchanged.output("register")["version"] is None
    assert unchanged.serving["champion"] == "1"


def test_the_old_champion_is_judged_as_the_same_recipe_and_makes_way_for_fresher_data(
    unchanged: Week, next_week: Week
) -> None:
    assert next_week.decision["decision"] == "promote"
    assert next_week.decision["reasons"][-1].startswith(
        "Same recipe as the champion (linear), on data up to 2018-w49"
    )
    assert "champion" not in next_week.output("backtest_2018")  # no rival was trained beside it
    assert next_week.serving["previous"] == unchanged.serving["champion"]
    assert next_week.serving["champion"] == next_week.output("register")["version"]


def test_the_data_of_both_versions_lie_side_by_side(next_week: Week) -> None:
    assert [d["received_date"] for d in next_week.output("ingest")["drops"]] == [
        "2018-12-04",
        "2018-12-11",
    ]
    assert next_week.output("validate")["quarantined"] == 0
    versions = {d.name for d in (next_week.home / "artifacts" / "datasets").iterdir()}
    assert next_week.output("snapshot")["dataset_version"] in versions
    assert len(versions) >= 2


def test_both_weeks_have_a_bulletin_by_the_model_that_served(
    unchanged: Week, next_week: Week
) -> None:
    weeks = {week.run_id: week.output("forecast") for week in (unchanged, next_week)}
    assert weeks["after-upgrade"]["forecast_version"].startswith("2018-w48")
    assert weeks["second"]["forecast_version"].startswith("2018-w49")
    made = last_success(DeploymentPaths(home=next_week.home))
    assert made is not None
    assert (made.run_id, made.origin_week_end) == ("second", "2018-12-08")


def test_the_old_model_and_the_new_one_say_nearly_the_same_of_one_week(unchanged: Week) -> None:
    folders = sorted((unchanged.home / "artifacts" / "forecasts").glob("2018-w48-*"))
    tables = [pd.read_csv(f / "forecast.csv", dtype={"municipality_code": str}) for f in folders]
    for table in tables[1:]:
        pd.testing.assert_series_equal(table["probability"], tables[0]["probability"], atol=1e-4)


def test_the_chain_of_the_audit_goes_on_from_the_first_versions_entry(next_week: Week) -> None:
    trail = read_trail(DeploymentPaths(home=next_week.home))
    assert (trail.broken, trail.torn) == ("", "")
    assert [entry["run_id"] for entry in trail.entries][:1] == ["first"]
    moves = [entry["to_version"] for entry in trail.entries if entry["run_id"] == "second"]
    assert moves == [next_week.serving["champion"]]  # whoever was rolled back after it


def test_the_first_versions_champion_serves_again_after_a_rollback(next_week: Week) -> None:
    outputs = denguard("rollback", "--reason", "a rehearsal", "--by", "test")
    assert f"Version {next_week.serving['previous']} " in outputs
    found = lookup("champion", DeploymentPaths(home=next_week.home))
    assert found is not None
    assert found.version == next_week.serving["previous"]
