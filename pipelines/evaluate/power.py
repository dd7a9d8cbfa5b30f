"""How large an effect these rows could have shown: what stands behind "fusion was not better".

The gate finds an improvement if the upper bound of its interval is below the margin. Over blocks of
weeks the mean difference divided by its standard error follows Student's t, about a true
improvement the noncentral one: the smallest improvement that is found with a given probability is
the standard error times the noncentrality at which that probability is reached. It holds of heads
that depart from their base as much as this one does: one that hardly does could show very little,
and could not have brought more either; so the rows that differ are counted beside it.
Source: Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, section 2; the standard
error is the block bootstrap's, as in bootstrap.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy.special import nctdtrinc, stdtrit

from pipelines.arrays import Float64s
from pipelines.config import GateConfig, Profile
from pipelines.evaluate.bootstrap import block_standard_error, count_blocks
from pipelines.evaluate.paired_base import by_horizon, fused_heads, with_base
from pipelines.weeks import Calendar

POWER = 0.8
_LEAST = 0.0001  # of a Brier score that is written out


@dataclass(frozen=True)
class Shown:
    """What the rows of one horizon could have shown of the best fused head against its base.

    Attributes:
        seen: mean Brier of the base less the head's, above 0 = the head is better.
        smallest: the smallest true improvement that the gate would have found with probability
            `power`; None where it finds none, or where the head changes no row.
        base_brier: of which shares are taken.
        changed_rows: rows that head and base answer differently.
        sentence: the same in words.
    """

    head: str
    seen: float
    smallest: float | None
    base_brier: float
    power: float
    rows: int
    changed_rows: int
    blocks: int
    sentence: str


def smallest_found(
    standard_error: float, blocks: int, confidence: float, margin: float = 0.0
) -> float:
    """The smallest true improvement that a bound over so many blocks shows with POWER.

    Args:
        standard_error: of the mean Brier difference.
        margin: the upper bound has to stay below it; 0 where a candidate is to beat another.
    """
    freedom = blocks - 1
    bound = stdtrit(freedom, (1 + confidence) / 2)  # standard errors between mean and bound
    away = float(nctdtrinc(freedom, 1 - POWER, bound))
    return max(away * standard_error - margin, 0.0)


def power_statements(predictions: pd.DataFrame, profile: Profile) -> dict[str, dict[str, object]]:
    """Horizon in weeks, as text -> what the judged units' rows could have shown, JSON-able; empty
    where no fused head was trained."""
    heads = fused_heads(predictions)
    judged = predictions["in_benchmark"].astype(bool) & predictions["head"].isin(heads)
    found = {}
    for horizon, rows in by_horizon(predictions[judged]):
        best = max(heads, key=lambda head: _seen(rows[rows["head"] == head]))
        own = rows[rows["head"] == best]
        found[str(horizon)] = asdict(shown(best, own, profile.gate, profile.calendar))
    return found


def shown(head: str, rows: pd.DataFrame, gate: GateConfig, calendar: Calendar) -> Shown:
    """What these rows of a head could have shown against its base."""
    loss, base = _losses(rows)
    gain, changed = base - loss, int((loss != base).sum())
    blocks = count_blocks(rows, gate.block_weeks, calendar)
    enough = blocks >= gate.min_blocks and rows["test_year"].nunique() >= gate.min_origins
    error = block_standard_error(rows, gain, gate, calendar) if enough and changed else None
    smallest = None if error is None else smallest_found(error, blocks, gate.confidence)
    seen, brier = float(gain.mean()), float(base.mean())
    why_not = "" if enough else f"{blocks} blocks of weeks are too few for the gate's interval"
    sentence = _sentence(seen, smallest, brier, why_not)
    if 0 < changed < len(rows):
        sentence += f" Head and base differ on {changed:,} of {len(rows):,} rows."
    return Shown(head, seen, smallest, brier, POWER, len(rows), changed, blocks, sentence)


def _seen(rows: pd.DataFrame) -> float:
    loss, base = _losses(rows)
    return float((base - loss).mean()) if len(rows) else -np.inf


def _losses(rows: pd.DataFrame) -> tuple[Float64s, Float64s]:
    """(N,) squared errors of a head and of its base."""
    label = rows["label"].to_numpy(np.float64)
    own, base = ((one["probability"].to_numpy(np.float64) - label) ** 2 for one in with_base(rows))
    return own, base


def _sentence(seen: float, smallest: float | None, brier: float, why_not: str) -> str:
    saw = f"seen was {_amount(seen, brier)}"
    if smallest is not None:
        return (
            f"These rows could have shown an improvement of {_amount(smallest, brier)} with "
            f"{POWER:.0%} probability; {saw}."
        ).replace("0%", "0 %")
    why = why_not or "the fused head answers every row as its base does"
    return f"These rows could have shown no improvement, because {why}; {saw}."


def _amount(value: float, brier: float) -> str:
    """Such as "0.0035 (3.2 %)", a share of the base's Brier score; what is worse is a loss."""
    size, sign = abs(value), "a loss of " if value < 0 else ""
    if 0 < size < _LEAST:
        return f"{sign}less than {_LEAST}"
    share = f"{size / brier:.1%}".replace("%", " %") if brier else "–"
    return f"{sign}{size:.4f} ({share})"
