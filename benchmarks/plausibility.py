"""How often the plausibility rules doubt honest weeks, and which lies they see from which size on.

    DENGUARD_REAL_DATA=... python benchmarks/plausibility.py honest [--table NAME] [--unanswered]
    ... smallest [--trials 20]        ... lies [--units 45] [--trials 20]

Weeks of 2019 are never read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from block_lies import LIES, Lie
from real_tables import Story, colombia, forty_five, judged, peru, some_of_colombia, taiwan, weekly
from smallest import smallest_lines
from views import Table, found, held, seen, table_of

from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.suspicion import Direction, Outcome
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.weeks import CDC

LIMITS = PlausibilityConfig()
SIZES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)  # share of the units that lie; 0 = one unit
JUDGED, CHOSEN = ("2017-w49", "2018-w48"), ("2009-w17", "2016-w52")
app = typer.Typer(add_completion=False)


class Confirmed(dict[str, Answer]):
    """A person who looks at every cause at once, and confirms it."""

    def get(self, key: str, default: Any = None) -> Answer:
        del default
        return Answer(key, "confirmed", "a person", "true", "", {})


def _spans() -> Iterator[tuple[str, Any, tuple[str, str]]]:
    """Name, how to read it, weeks."""
    yield "colombia", colombia, JUDGED
    yield "45", forty_five, JUDGED
    for units in (45, 10):
        for seed in range(4):
            yield f"{units}-choice-{seed}", lambda n=units, s=seed: some_of_colombia(n, s), JUDGED
    yield "peru", peru, ("2020-w08", "2022-w51")
    yield "departments", lambda: peru("departments"), ("2020-w08", "2022-w51")
    yield "taiwan", taiwan, ("2006-w10", "2024-w22")
    yield "colombia-chosen", colombia, CHOSEN
    yield "45-chosen", forty_five, CHOSEN


@app.command()
def honest(
    table: Annotated[list[str], typer.Option(help="only these: colombia, 45, ...")] = [],  # noqa: B006
    unanswered: Annotated[bool, typer.Option(help="nobody ever answers")] = False,
) -> None:
    """All rules, as a run asks them, week by week: unit-weeks held, stops, notes, by rule."""
    for name, read, span in _spans():
        if not table or name in table:
            for line in _honest_lines(read(), *span, unanswered):
                typer.echo(line)


def _honest_lines(story: Story, first: str, last: str, unanswered: bool) -> Iterator[str]:
    raws = weekly(story, CDC.week_no(first) - 1, CDC.week_no(last))
    judgement = judged(raws, {} if unanswered else Confirmed())
    start, weeks = raws[0].drop.name, len(raws) - 1
    doubts = judgement.doubts[judgement.doubts["drop"] != start]
    doubts = doubts[doubts["outcome"] != Outcome.NOTE.value]
    counts = doubts[doubts["kind"] == "week"]
    causes = [c for c in judgement.causes if c.drop != start]
    stopped = {c.drop for c in causes if c.suspicion.outcome is Outcome.STOP}
    stopped |= _crowded(counts, len(story.units))
    notes = Counter(c.suspicion.rule for c in causes if c.suspicion.outcome is Outcome.NOTE)
    begun = Counter(
        f"{c.suspicion.rule} ({c.suspicion.outcome.value})"
        for c in judgement.causes
        if c.drop == start
    )
    n = weeks * len(story.units)
    yield (
        f"{story.name}, {first}..{last}: {weeks} weeks, {len(counts)} of {n:,} unit-weeks held (1 "
        f"in {n // max(len(counts), 1):,}), {len(doubts) - len(counts)} other values held, "
        f"{len(stopped)} stops; notes: {_said(notes)}; first drop: {_said(begun)}"
    )
    for (rule, way), k in counts.groupby(["rule", "direction"]).size().items():
        yield f"    {rule:24s} {way:8s} {k:5d} unit-weeks"


def _crowded(counts: pd.DataFrame, units: int) -> set[str]:
    """Drops of which too many units are held, but for what is only high."""
    low = counts[counts["direction"] != Direction.HIGH.value]
    n = low.groupby("drop")["unit_id"].nunique()
    return set(n.index[(n > 1) & (n > LIMITS.max_held_share * units)])


def _said(counted: Counter[str]) -> str:
    return ", ".join(f"{k} {name}" for name, k in counted.most_common()) or "none"


@app.command()
def smallest(trials: Annotated[int, typer.Option(help="trials a cell")] = 20) -> None:
    """Level of the unit x kind of change: the smallest one that is seen in 90 % of trials."""
    for line in smallest_lines(table_of(colombia()), trials):
        typer.echo(line)


@app.command()
def lies(
    trials: Annotated[int, typer.Option(help="weeks a lie and size")] = 20,
    units: Annotated[
        int, typer.Option(help="0 = all, 45 = those of the tests of the whole cycle")
    ] = 0,
) -> None:
    """Lie x share of units: how often seen, and the share of lying cells that pass."""
    table = table_of(forty_five() if units else colombia())
    typer.echo(
        f"\n{table.name}: seen in % of {trials} weeks of 2017-2018, by share of the units that "
        "lie (a block in the order of codes); cells of that size that pass, in %"
    )
    head = " ".join(f"{'one' if not s else f'{s:.0%}':>9s}" for s in SIZES)
    typer.echo(f"    {'':34s} {head}   smallest seen in 90 %")
    for lie in LIES:
        typer.echo(_lie_line(table, lie, trials))


def _lie_line(table: Table, lie: Lie, trials: int) -> str:
    parts, smallest = [], "none"
    for size in SIZES:
        if size == 0.0 and lie.fewest > 1:
            parts.append(f"{'':>9s}")
            continue
        caught, passed = _tried(table, lie, size, trials)
        parts.append(f"{caught:4.0%}/{passed:4.0%}")
        if caught >= 0.9 and smallest == "none":
            smallest = f"{max(int(size * len(table.ids)), lie.fewest)} units"
    return f"    {lie.name:34s} {' '.join(parts)}   {smallest}"


def _tried(table: Table, lie: Lie, size: float, trials: int) -> tuple[float, float]:
    noise = np.random.default_rng(7)
    columns = [c for c in range(table.column("2017-w10"), table.column("2018-w52") + 1)]
    caught, passed, told = 0, 0, 0
    for column in noise.choice(columns, trials, replace=False):
        truth = table.counts[:, : column + 1]
        view, lying = _told(table, lie, size, truth, noise)
        mask, stop = held(view, found(view))
        unseen = lying & ~mask if not stop else lying & False
        caught += bool(stop or (lying & mask).any())
        passed, told = passed + int(unseen.sum()), told + int(lying.sum())
    return caught / trials, passed / max(told, 1)


def _told(table: Table, lie: Lie, size: float, truth: Any, noise: np.random.Generator) -> Any:
    """A drop in which at least one cell lies: a 0 in the place of a 0 does not."""
    for _ in range(200):
        told = lie.drop(table, truth, _block(truth, size, lie.fewest, noise), noise, seen)
        if told[1].any():
            break
    return told


def _block(truth: Any, size: float, fewest: int, noise: np.random.Generator) -> Any:
    """Neighbours in the order of codes; a single unit is one that has cases."""
    n = max(round(size * len(truth)), fewest)
    if size == 0.0:
        running = np.flatnonzero(truth[:, -9:].sum(axis=1) >= 40)
        return noise.choice(running, 1)
    start = int(noise.integers(0, len(truth) - n + 1))
    return np.arange(start, start + n)


if __name__ == "__main__":
    app()
