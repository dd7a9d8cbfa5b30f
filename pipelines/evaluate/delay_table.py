"""What weeks of reporting delay cost: the linear model's Brier score on the pool, by horizon and
delay.

Where no vintages are kept nobody can say what was known at an origin. The table says what it costs
if the newest 1, 2 or 4 weeks are not known at all: the headline scores have them. It takes minutes,
so it is made when a whole year of data or the recipe changes, under a name that says so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.config import Profile
from pipelines.contracts import LINEAR, content_id
from pipelines.data.tables import Tables
from pipelines.errors import ConfigError
from pipelines.evaluate.backtest import backtest_year
from pipelines.evaluate.in_memory import tabular_examples
from pipelines.run.progress import Progress
from pipelines.storage import read_json, write_json

log = logging.getLogger(__name__)
DELAYS = (0, 1, 2, 4)  # weeks
Record = dict[str, Any]


def delay_table_id(profile: Profile, years: Sequence[int]) -> str:
    """The name of a table: another recipe of the linear model, or another test year, is another
    one.
    """
    return content_id(
        {"recipe": profile.recipe_id(LINEAR), "test_years": sorted(years), "delays": DELAYS}
    )


def make_delay_table(
    tables: Tables, profile: Profile, years: Sequence[int], folder: Path, facts: Record
) -> Record:
    """Score the linear model at every delay on the same target weeks, and keep the table.

    Args:
        tables: clean tables, every unit.
        facts: recorded as given: run, dataset version, day.

    Raises:
        ConfigError: there is no test year.
        GateError, TrainingError: a year cannot be judged at one of the delays.
    """
    if not years:
        raise ConfigError(
            "no year can be judged, so no delay either",
            where=f"profile {profile.profile}",
            fix="wait for more weeks, or send earlier ones",
        )
    progress = Progress("reporting delays scored", len(DELAYS))
    found: dict[int, pd.DataFrame] = {}
    for delay in DELAYS:
        found[delay] = _scored(tables, _delayed(profile, delay), years)
        progress.advance()
    same = set.intersection(*(set(map(tuple, rows[_KEYS].to_numpy())) for rows in found.values()))
    scores = {delay: _by_horizon(rows, same) for delay, rows in found.items()}
    record = {
        "delay_table_id": delay_table_id(profile, years),
        "profile": profile.profile,
        "recipe_id": profile.recipe_id(LINEAR),
        "test_years": sorted(years),
        "delays_weeks": list(DELAYS),
        "horizons_weeks": sorted(profile.evaluate.horizons_weeks),
        "units": int(found[0]["unit_id"].nunique()),
        "rows": len(same),
        "brier": {
            str(h): [scores[d][h] for d in DELAYS] for h in sorted(profile.evaluate.horizons_weeks)
        },
        **facts,
    }
    write_json(folder / f"{record['delay_table_id']}.json", record)
    return record


_KEYS = ["horizon_weeks", "unit_id", "target_week_no"]


def last_delay_table(folder: Path, profile: Profile, years: Sequence[int]) -> Record | None:
    """The table of this recipe and these years, else the last one of the profile, else None."""
    own = folder / f"{delay_table_id(profile, years)}.json"
    if own.is_file():
        return read_json(own)
    others = [read_json(path) for path in sorted(folder.glob("*.json"))]
    mine: list[Record] = [other for other in others if other["profile"] == profile.profile]
    mine.sort(key=lambda other: (other["test_years"][-1], other["made_on"]))
    return mine[-1] if mine else None


def _delayed(profile: Profile, delay: int) -> Profile:
    """The profile with its linear model alone, on counts that are known after `delay` weeks."""
    raw = profile.model_dump(mode="json")
    raw["data"] |= {"reporting_delay_weeks": delay, "maturity": {"method": "none"}}
    raw["train"] = {**raw["train"], "candidates": [LINEAR]}
    return Profile.model_validate(raw | {"embed": None})


def _scored(tables: Tables, profile: Profile, years: Sequence[int]) -> pd.DataFrame:
    """Predictions of the pool in all test years."""
    last = profile.calendar.number(max(years) + 1, 1) - 1
    examples, _ = tabular_examples(tables, profile, last, profile.evaluate.horizons_weeks)
    return pd.concat([backtest_year(examples, profile, (LINEAR,), year, ()) for year in years])


def _by_horizon(rows: pd.DataFrame, same: set[tuple[Any, ...]]) -> dict[int, float]:
    kept = rows[[tuple(key) in same for key in rows[_KEYS].to_numpy()]]
    error = (kept["probability"] - kept["label"]) ** 2
    scores = error.groupby(kept["horizon_weeks"]).mean()
    return {h: round(float(scores[h]), 5) for h in sorted(scores.index.tolist())}
