"""The gate's written record: what was compared, what was found, what happens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pandas as pd

from pipelines.config import Profile
from pipelines.contracts import LINEAR, HeadKind
from pipelines.errors import DenguardError
from pipelines.evaluate.bootstrap import Interval

UNJUDGED = "The candidates of this run could not be judged"
CHAMPION_NAMES = ("head", "bundle_id", "recipe_id", "as_of_week", "version")
MATURITY = "data.maturity"  # the part of a recipe that says what is done about the newest weeks
Verdict = Literal["promote", "keep", "none"]
Question = Literal["beats", "not worse than", "is better in the mean than"]


@dataclass(frozen=True)
class Candidate:
    """A trained bundle that could go live, by its head and ids.

    `without` are horizons that its recipe was trained for and that this bundle leaves out.
    """

    head: HeadKind
    bundle_id: str
    recipe_id: str
    as_of_week: str
    dataset_version: str = ""
    without: tuple[int, ...] = ()


@dataclass(frozen=True)
class Champion:
    """The bundle that serves now.

    `predictions` are its recipe's backtest rows (columns of backtest.PREDICTION_COLUMNS, its head
    only). They are needed when no candidate has its recipe, else they may be None. No challenger
    may serve fewer horizons than `horizons_weeks`, unless its own recipe is not sane there either.
    `untrainable` names parts of its recipe that ask for other rows, labels or vectors than this run
    has.
    `own_rows`: its recipe treats the newest weeks otherwise; `predictions` are of its own rows
        then.
    `withdrawn_drops`: what it was trained on and was taken back since.
    """

    head: HeadKind
    bundle_id: str
    recipe_id: str
    as_of_week: str
    version: str
    dataset_version: str = ""
    horizons_weeks: tuple[int, ...] = ()
    predictions: pd.DataFrame | None = None
    provisional: bool = False  # it serves although history was too short to judge it
    untrainable: tuple[str, ...] = ()
    own_rows: bool = False
    withdrawn_drops: tuple[str, ...] = ()

    def names(self) -> dict[str, str]:
        """The champion's identity without its predictions."""
        return {name: str(getattr(self, name)) for name in CHAMPION_NAMES}


@dataclass(frozen=True)
class Comparison:
    """One paired comparison at the primary horizon; passed if the upper bound is below `margin`, or
    the mean where history is too short to trust a bound.

    `superior` is reported and never required: the upper bound is below 0.
    """

    challenger: str
    reference: str
    question: Question
    margin: float
    interval: Interval
    passed: bool
    superior: bool


@dataclass(frozen=True)
class Sanity:
    """Whether a recipe is sane at one horizon; `problems` in plain words, empty if it is.

    `bias_lower` and `bias_upper` bound mean probability - rate; null where there is one block only.
    """

    brier: float | None
    brier_prevalence: float | None
    mean_probability: float | None
    rate: float | None
    problems: tuple[str, ...]
    bias_lower: float | None = None
    bias_upper: float | None = None


@dataclass(frozen=True)
class Decision:
    """The record of one decision.

    Attributes:
        decision: promote; keep (the champion stays); none (no champion and none is registered).
        head: head that was found fit to be judged for service; None if it did not come to that.
        bundle_id: its bundle: the one to register if decision is promote.
        first_line: how candidates compare with the simplest one and who serves, or why nothing
            does; the report's first line.
        reasons: why, in plain words, in the order they were found.
        confidence: of every interval in `comparisons`, two-sided.
        rules: the gate's settings (margin, blocks asked for, resamples, seed), also where nothing
            could be compared.
        blocks, origins: blocks of weeks and test years that the predictions hold at the primary
            horizon; None if they could not be counted.
        champion: who served when this was decided; its head is "unknown" if it could not be read.
        sanity: head -> horizon -> finding.
        reference: the simplest candidate, which the others had to beat.
        provisional: what serves after this decision was not judged on enough blocks of weeks.
        new_weeks: `recent` and `refit`, results of the newest weeks; empty if not checked.
        withheld: horizon -> why the judged bundle leaves it out: its recipe is not sane there. The
            others go on.
        power: horizon -> how large an effect of the best fused head these rows could have shown,
            see power.py; empty where none was trained.
        waits_for_person: it is registered and does not serve: `denguard promote` with its bundle's
            name lets it through.
    """

    decision: Verdict
    head: HeadKind | None
    bundle_id: str | None
    first_line: str
    reasons: tuple[str, ...]
    fusion_beats_linear: bool
    primary_horizon_weeks: int
    confidence: float
    rules: Mapping[str, float] = field(default_factory=dict)
    blocks: int | None = None
    origins: int | None = None
    champion: Mapping[str, str] | None = None
    comparisons: tuple[Comparison, ...] = ()
    sanity: Mapping[str, Mapping[str, Sanity]] = field(default_factory=dict)
    reference: HeadKind = LINEAR
    provisional: bool = False
    new_weeks: Mapping[str, Any] = field(default_factory=dict)
    waits_for_person: bool = False
    power: Mapping[str, Any] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return plain


def undecided(
    reason: str,
    profile: Profile,
    verdict: Verdict,
    champion: Mapping[str, str] | None = None,
    provisional: bool = False,
) -> Decision:
    """The record of a comparison that could not be made: whoever serves goes on serving."""
    serving = "nothing serves" if verdict == "none" else "whoever serves goes on serving"
    return Decision(
        decision=verdict,
        head=None,
        bundle_id=None,
        first_line=f"{'Provisional. ' if provisional else ''}{UNJUDGED}, so {serving}. {reason}",
        reasons=(f"The comparison could not be made. {reason}",),
        fusion_beats_linear=False,
        primary_horizon_weeks=profile.evaluate.primary_horizon_weeks,
        confidence=profile.gate.confidence,
        rules=profile.gate.model_dump(mode="json"),
        champion=champion,
        reference=profile.train.reference,
        provisional=provisional,
    )


def error_text(error: Exception) -> str:
    """An error as a sentence of the record; a bare KeyError says nothing by itself."""
    named = str(error).strip()
    return named if isinstance(error, DenguardError) else f"{type(error).__name__}: {named}"


def words(name: str) -> str:
    """A head's or baseline's name for people."""
    return "calibrated persistence" if name == "persistence_calibrated" else name.replace("_", " ")


def difference_in_words(interval: Interval, confidence: float) -> str:
    """Such as "Brier difference +0.0010, 95 % interval -0.0020 to +0.0040 over 20 blocks"."""
    if interval.lower == interval.mean == interval.upper == 0.0:
        return f"equal probabilities on all {interval.rows} rows"
    return (
        f"Brier difference {interval.mean:+.4f}, {confidence:.0%} interval "
        f"{interval.lower:+.4f} to {interval.upper:+.4f} over {interval.blocks} blocks"
    ).replace("%", " %")
