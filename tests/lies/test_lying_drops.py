"""Every lie on two tables, walked to the bulletin: held, stopped, or as on the honest week.

`pytest -m slow tests/lies -o log_cli=true` logs for each lie the share of false cells that are
neither held nor stopped, how many of these are in units that ran, and how far the forecast of units
that are not held moves.

What no rule sees may stay small: a zero after less than one case a week is an honest week every
second time. So false cells of units that ran must be seen. The forecast of a false unit that no
rule saw is logged: it is as false as its count. Every other unit's may move no further than by an
honest refit.
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.homes import Home
from support.lies.kinds import CODE, LIES, NEWEST, Cells, Sheet, counts, week_columns
from support.lies.sheets import bring, rows_of
from support.lies.slips import SLIPS
from support.registries import moved_registry

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
log = logging.getLogger(__name__)
SEED = 20
WALKED = LIES | SLIPS
MOST_UNSEEN = 0.1  # of the false cells in units that ran
RUNNING_CASES = 10  # mean of the four weeks before; the level from which a lone zero is held


@dataclass(frozen=True)
class Outcome:
    """What a week came to: `forecast` is None if the run was stopped.

    `reach` is by horizon how far one unit moved at most between two honest refits of past years.
    """

    stopped: tuple[str, ...]
    forecast: pd.DataFrame | None
    doubts: pd.DataFrame
    promoted: bool
    reach: dict[int, float]


@pytest.fixture(params=["45 units", "all municipalities"], scope="session")
def base(request: pytest.FixtureRequest) -> Home:
    name = "tabular" if request.param == "45 units" else "every_unit"
    home: Home = request.getfixturevalue(name)
    return home


def week(base: Home, tmp_path: Path, sheet: Sheet, name: str) -> Outcome:
    """A copy of the deployment after the run of this week's drop."""
    home = Home(tmp_path / name.replace(" ", "-"))
    shutil.copytree(base.path, home.path)
    moved_registry(home.path / "artifacts" / "mlflow", base.path / "artifacts" / "mlflow")
    bring(home, sheet)
    profile = str(home.path / "tabular.yaml")
    code, output = home.denguard("run", "--profile", profile, "--horizon", "4", "--run-id", "week")
    run = home.path / "artifacts" / "runs" / "week"
    doubts = pd.read_parquet(home.path / "artifacts" / "held" / "doubts.parquet")
    if code != 0:
        assert "ValidationStopped" in output, output[-2000:]
        issues = json.loads((run / "validation" / "issues.json").read_text())
        critical = tuple(i["code"] for i in issues if i["level"] == "critical")
        shutil.rmtree(home.path)
        return Outcome(critical, None, doubts, promoted=False, reach={})
    made = json.loads((run / "forecast.json").read_text())
    table = pd.read_parquet(home.path / made["forecast"] / "forecast.parquet")
    gate = json.loads((run / "gate.json").read_text())
    moves = gate["new_weeks"]["refit"]["horizons"]
    shutil.rmtree(home.path)
    reach = {int(horizon): float(move["unit_limit"]) for horizon, move in moves.items()}
    return Outcome((), table, doubts, gate["decision"] == "promote", reach)


@pytest.fixture(scope="session")
def honest(base: Home, every_sheet: Sheet, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return week(base, tmp_path_factory.mktemp("honest"), rows_of(base, every_sheet), "honest")


def unseen(outcome: Outcome, false: Cells, among: set[str] | None = None) -> float:
    """Share of false newest counts that are neither held nor stopped, of all units or of some."""
    if outcome.forecast is None:
        return 0.0
    held = outcome.doubts[outcome.doubts["held"].astype(bool)]
    units = set(held.loc[held["kind"] == "week", "unit_id"])
    newest = [
        code for code, column in false if column == NEWEST and (among is None or code in among)
    ]
    return sum(code.zfill(5) not in units for code in newest) / max(len(newest), 1)


def running(sheet: Sheet) -> set[str]:
    """Codes of the units with ten cases or more a week before the newest."""
    before = counts(sheet, week_columns(sheet)[-5:-1]).mean(axis=1)
    return set(sheet.loc[before >= RUNNING_CASES, CODE])


def moved(outcome: Outcome, honest: Outcome, false: Cells, of_false: bool) -> dict[int, float]:
    """By horizon the largest change of a probability among units in no doubt: those that lie, or
    the others.
    """
    if outcome.forecast is None or honest.forecast is None:
        return {}
    keys = ["municipality_code", "horizon_weeks"]
    both = outcome.forecast.merge(honest.forecast, on=keys, suffixes=("", "_honest"))
    lying = both["municipality_code"].isin({code.zfill(5) for code, _ in false})
    own = both[(both["state"] == "") & (both["state_honest"] == "") & (lying == of_false)]
    change = (own["probability"] - own["probability_honest"]).abs()
    return {int(h): float(c) for h, c in change.groupby(own["horizon_weeks"]).max().items()}


def test_an_honest_week_is_neither_held_nor_stopped(honest: Outcome) -> None:
    assert honest.stopped == () and honest.forecast is not None
    share = honest.doubts["held"].astype(bool).sum() / len(honest.forecast)
    log.warning(f"honest week: {share:.2%} of units held, promoted: {honest.promoted}")
    assert share < 0.02


@pytest.mark.parametrize("name", WALKED)
def test_a_lie_reaches_neither_champion_nor_bulletin_unseen(
    name: str, base: Home, honest: Outcome, every_sheet: Sheet, tmp_path: Path
) -> None:
    true = rows_of(base, every_sheet)
    lie = WALKED[name](true, np.random.default_rng(SEED))
    outcome = week(base, tmp_path, lie.sheet, name)
    share, of_running = unseen(outcome, lie.false), unseen(outcome, lie.false, running(true))
    change = moved(outcome, honest, lie.false, of_false=False)
    itself = moved(outcome, honest, lie.false, of_false=True)
    state = "stopped: " + ", ".join(outcome.stopped) if outcome.stopped else "went on"
    log.warning(
        f"{name}: {state}; false cells unseen {share:.1%}, of units that ran {of_running:.1%}; "
        f"unseen false units moved {itself}, others {change}, honest refits {honest.reach}"
    )
    assert outcome.stopped or not outcome.doubts.empty
    assert of_running <= MOST_UNSEEN, share
    assert all(change[horizon] <= honest.reach[horizon] for horizon in change)
    assert outcome.stopped or outcome.promoted == honest.promoted
