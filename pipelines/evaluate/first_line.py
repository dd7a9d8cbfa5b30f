"""The report's first line: what was compared with the simplest candidate, and who serves or why
none."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.contracts import FUSED_HEADS, LINEAR
from pipelines.evaluate.decision import Comparison, difference_in_words, words

_MOST_REASONS = 2
_SYNTHETIC = (
    "The scenes of this run are synthetic: a computer drew them, and they cannot hold news."
)


def of_synthetic_scenes(line: str) -> str:
    """The line of a run whose scenes no satellite took."""
    return f"{_SYNTHETIC} {line}"


def subject(name: str) -> str:
    """How a recipe is called in a sentence: "the linear head", "boosting", "calibrated
    persistence".
    """
    is_head = name == LINEAR or name in FUSED_HEADS
    return f"the {name} head" if is_head else words(name)


def compared(found: Sequence[Comparison], confidence: float) -> str:
    """Such as "Fusion does not beat the linear head (...)"; "" if nothing was compared.

    Of several fused heads the best speaks for fusion; every other candidate speaks for itself.
    """
    families: dict[str, Comparison] = {}
    for one in sorted(found, key=lambda c: (not c.passed, c.interval.mean)):
        families.setdefault("fusion" if one.challenger in FUSED_HEADS else one.challenger, one)
    clauses = [_clause(one, confidence) for one in families.values()]
    return "; ".join([clauses[0][:1].upper() + clauses[0][1:], *clauses[1:]]) if clauses else ""


def _clause(one: Comparison, confidence: float) -> str:
    fused = one.challenger in FUSED_HEADS
    who = (
        ("fusion" if not one.passed else f"fusion ({one.challenger})")
        if fused
        else words(one.challenger)
    )
    verb = "beats" if one.passed else "does not beat"
    return (
        f"{who} {verb} {subject(one.reference)} ({difference_in_words(one.interval, confidence)})"
    )


def serves(
    comparison: str, chosen: str, reference: str, beaten: bool, others: Sequence[str]
) -> str:
    """The line of a run that promotes; `others` are the candidates beside the simplest one."""
    if chosen != reference:
        return f"{comparison}: it serves."
    if not comparison:
        why = (
            f"{', '.join(map(words, others))} cannot be compared with it yet"
            if others
            else "no other candidate was trained in this run"
        )
        return f"{capital(subject(reference))} serves; {why}."
    if beaten:
        return f"{comparison}, but is not sane at every horizon: {subject(reference)} serves."
    return f"{comparison}: {subject(reference)} serves."


def champion_stays(comparison: str, champion: str, version: str) -> str:
    """The line of a run that keeps the champion."""
    who = f"the champion, version {version} ({champion}), goes on serving."
    return f"{comparison}: {who}" if comparison else capital(who)


def nothing_serves(comparison: str, because: Sequence[str]) -> str:
    """The line of a run that leaves the place empty, with the true reasons."""
    shown = (
        "; ".join(reason.rstrip(".") for reason in because[:_MOST_REASONS])
        or "no candidate was trained"
    )
    more = len(because) - _MOST_REASONS
    line = f"nothing serves, because {shown}{f' (and {more} more)' if more > 0 else ''}."
    return f"{comparison}: {line}" if comparison else capital(line)


def provisional(line: str, blocks: int | None, origins: int | None, needed: str) -> str:
    """The same line of a model that history is too short to judge."""
    seen = (
        ""
        if blocks is None
        else f" on {blocks} blocks of weeks over {origins} test years, {needed} are needed"
    )
    return f"Provisional{seen}. {line}"


def capital(line: str) -> str:
    """With a capital first letter."""
    return line[:1].upper() + line[1:]
