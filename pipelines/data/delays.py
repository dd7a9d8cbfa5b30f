"""How long reports took: counts by unit, week of onset and weeks to the report, over all drops."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pandas as pd

from pipelines.data.raw import RawDrop
from pipelines.data.tables import Tables, ordered

_KEYS = ["unit_id", "week_no", "delay_weeks"]


def delay_vintages(raws: Sequence[RawDrop], units: Collection[str]) -> pd.DataFrame:
    """Rows of the table `delays`: a drop, oldest first, adds what is new or differs.

    Within the weeks of its line lists a drop says 0 of whatever it does not name.

    Args:
        units: those of the clean tables; others are left out.
    """
    frames = list(_vintages(raws, set(units)))
    if not frames:
        return Tables.empty().delays
    return ordered("delays", pd.concat(frames, ignore_index=True))


def _vintages(raws: Sequence[RawDrop], units: set[str]) -> Iterator[pd.DataFrame]:
    known = pd.Series(dtype=np.float64, index=pd.MultiIndex.from_arrays([[], [], []], names=_KEYS))
    for raw in raws:
        if raw.delays is None or not raw.spans:
            continue
        here = raw.delays[raw.delays["unit_id"].isin(units)]
        now = here.groupby(_KEYS)["cases"].sum()
        weeks = known.index.get_level_values("week_no")
        first, last = max(s[0] for s in raw.spans.values()), min(s[1] for s in raw.spans.values())
        absent = known[(weeks >= first) & (weeks <= last) & ~known.index.isin(now.index)]
        reported = pd.concat([now, absent * 0.0]) if len(absent) else now
        new = reported[reported.to_numpy() != known.reindex(reported.index).to_numpy()]
        known = (
            pd.concat([reported, known[~known.index.isin(reported.index)]])
            if len(known)
            else reported
        )
        if len(new):
            yield (
                new.rename("cases").reset_index().assign(received_date=raw.drop.info.received_date)
            )
