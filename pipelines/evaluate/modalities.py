"""What each modality brings: image alone, text alone and both, against what the heads add to.

Each head is trained again on the folds of the backtest with the other modality hidden, so it is
asked the same rows. Nothing is chosen by it: no candidate, no lambda, no decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace

import pandas as pd

from pipelines.config import Profile
from pipelines.contracts import HeadKind
from pipelines.evaluate.backtest import backtest_year
from pipelines.evaluate.bootstrap import count_blocks, paired_interval
from pipelines.evaluate.paired_base import by_horizon, fused_heads, with_base
from pipelines.fusion.examples import Examples
from pipelines.run.progress import Progress

BOTH = "both"
_FEWEST_BLOCKS = 2
ALONE: Mapping[str, Callable[[Examples], Examples]] = {
    "image": lambda rows: replace(rows, text=rows.text.hidden()),
    "text": lambda rows: replace(rows, image=rows.image.hidden()),
}


def alone(
    examples: Mapping[int, Examples],
    profile: Profile,
    heads: Sequence[HeadKind],
    years: Sequence[int],
) -> dict[str, pd.DataFrame]:
    """Modality -> backtest rows of fused heads that see nothing else, all test years.

    Raises:
        GateError, TrainingError: as backtest_year does.
    """
    progress = Progress("modalities alone, backtests", len(ALONE) * len(years))
    found = {}
    for name, hide in ALONE.items():
        seen = {h: hide(rows) for h, rows in examples.items()}
        made = []
        for year in years:
            made.append(backtest_year(seen, profile, heads, year, baselines=()))
            progress.advance()
        found[name] = pd.concat(made, ignore_index=True)
    return found


def brought(
    predictions: pd.DataFrame, hidden: Mapping[str, pd.DataFrame], profile: Profile
) -> dict[str, dict[str, object]]:
    """Horizon -> head -> what was seen ("image", "text", "both") -> Brier difference to the base on
    the judged units' rows and on the pool's, each with the gate's block interval; JSON-able.

    Args:
        predictions: the run's own backtest rows, in which heads saw both.
    """
    heads = fused_heads(predictions)
    tables = {**hidden, BOTH: predictions}
    found: dict[str, dict[str, dict[str, object]]] = {}
    for seen, table in tables.items():
        for horizon, rows in by_horizon(table[table["head"].isin(heads)]):
            for head, own in rows.groupby("head", sort=True):
                of_head = found.setdefault(str(horizon), {}).setdefault(str(head), {})
                of_head[seen] = _against_base(own, profile)
    return {horizon: dict(of_heads) for horizon, of_heads in found.items()}


def _against_base(rows: pd.DataFrame, profile: Profile) -> dict[str, object]:
    judged = rows[rows["in_benchmark"].astype(bool)]
    return {
        "rows_with_vectors": int(judged["has_modality"].sum()),
        "judged": _interval(judged, profile),
        "pool": _interval(rows, profile),
    }


def _interval(rows: pd.DataFrame, profile: Profile) -> dict[str, object] | None:
    """The interval as a record; None where the rows lie in one block of weeks."""
    if count_blocks(rows, profile.gate.block_weeks, profile.calendar) < _FEWEST_BLOCKS:
        return None
    return asdict(paired_interval(*with_base(rows), profile.gate, profile.calendar))
