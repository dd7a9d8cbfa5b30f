"""A year of weekly drops on 45 municipalities: whether a run costs more for the drops before it.

    python benchmarks/weekly_drops.py walk FOLDER [--weeks 52]
    python benchmarks/weekly_drops.py measure FOLDER [--repeats 4] [--of 40 46 52 single] [--count]
    python benchmarks/weekly_drops.py disk FOLDER

`walk` brings a drop a week (the whole table so far) and runs the whole cycle after each, a process
of its own. It keeps copies of the home as it was before late runs. Beside the last of them it keeps
`single`: a home with the last drop alone, whose champion comes from one run on the drop of the week
before, taken back since. So its run does what the last run of the year does (there is a champion to
judge, and refits of past origins are kept), and has no other drop to read.

`measure` repeats those runs, each on a fresh copy, all of them in turn, and compares medians of CPU
seconds; nothing else may run meanwhile. With `--count` it counts calls of functions instead, which
other work on the machine does not move: they tell whether a run does more, not how long that takes.
`walk --count` counts them, too.

`disk` says what the year takes and what `denguard prune` leaves (weekly_disk.py).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median

from weekly_disk import print_disk
from year_of_drops import LAST, PROFILE, Cost, Year, say, size_mb

from pipelines.weeks import CDC

LATE = 13  # newest drops of the year that must cost the same
SINGLE, END = "single", "end"


def main() -> None:
    """Do one of the three."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("what", choices=("walk", "measure", "disk"))
    asked.add_argument("folder", type=Path, help="where the home and its copies lie")
    asked.add_argument("--weeks", type=int, default=52, help="drops that are walked")
    asked.add_argument("--repeats", type=int, default=4, help="runs of each kind that are measured")
    asked.add_argument(
        "--of",
        nargs="+",
        help="copies that are measured: numbers of drops, the last one among them, and `single`",
    )
    asked.add_argument("--count", action="store_true", help="count calls instead of seconds")
    given = asked.parse_args()
    year = Year(given.folder.resolve())
    if given.what == "walk":
        _walk(year, given.weeks, given.count)
    elif given.what == "measure":
        _measure(year, given.of or _kept(year), given.repeats, given.count)
    else:
        print_disk(year, END)


def _walk(year: Year, weeks: int, count: bool) -> None:
    """The home with a single drop, then the newest `weeks` weeks, a drop and a run each."""
    _keep_single(year)
    year.begin()
    costs: list[Cost] = []
    for number in range(1, weeks + 1):
        week = LAST - weeks + number
        year.drop(week)
        if number in _compared(weeks):
            year.keep(str(number))
        costs.append(year.run(week, count))
        say(
            f"{number:3} {CDC.week_label(week)}  {costs[-1].words()}  {size_mb(year.home):7.1f} "
            "MB on disk"
        )
    year.keep(END)
    _print_spread(f"the last {LATE} runs of the walk", costs[-LATE:])


def _compared(weeks: int) -> set[int]:
    """The last run and two before it, as far apart as the late drops reach."""
    return {weeks, max(weeks - LATE // 2, 1), max(weeks - LATE + 1, 1)}


def _keep_single(year: Year) -> None:
    year.begin()
    before = year.drop(LAST - 1)
    year.run(LAST - 1)
    year.say(
        "withdraw-drop",
        before.name,
        "--by",
        "benchmark",
        "--reason",
        "one drop alone",
        "--profile",
        PROFILE,
    )
    year.drop(LAST)
    year.keep(SINGLE)


def _kept(year: Year) -> list[str]:
    names = [path.name for path in (year.folder / "kept").iterdir() if path.name != END]
    return sorted(names, key=lambda name: (name == SINGLE, int(name) if name.isdigit() else 0))


def _measure(year: Year, names: list[str], repeats: int, count: bool) -> None:
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    weeks = max(int(name) for name in names if name != SINGLE)
    for _ in range(repeats):
        for name in names:
            year.put_back(name)
            week = LAST if name == SINGLE else LAST - weeks + int(name)
            costs[name].append(year.run(week, count))
            say(f"{name:>7}  {costs[name][-1].words()}")
    say("medians:")
    middle = {name: _median(found) for name, found in costs.items()}
    for name, cost in middle.items():
        say(f"{name:>7}  {cost.words()}  (CPU {_range(costs[name])})")
    if SINGLE in middle:
        _print_ratio(f"run {weeks} / a single drop", middle[str(weeks)], middle[SINGLE])
    _print_spread("late runs", [cost for name, cost in middle.items() if name != SINGLE])


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        *(median(getattr(cost, of) for cost in costs) for of in ("cpu_s", "calls", "peak_mb"))
    )


def _range(costs: list[Cost]) -> str:
    return f"{min(c.cpu_s for c in costs):.1f} to {max(c.cpu_s for c in costs):.1f} s"


def _print_ratio(what: str, one: Cost, other: Cost) -> None:
    calls = f"{one.calls / other.calls:.3f}" if other.calls else "not counted"
    say(
        f"{what}: CPU {one.cpu_s / other.cpu_s:.3f}, calls {calls}, memory "
        f"{one.peak_mb / other.peak_mb:.3f}"
    )


def _print_spread(what: str, costs: list[Cost]) -> None:
    most = Cost(
        max(c.cpu_s for c in costs), max(c.calls for c in costs), max(c.peak_mb for c in costs)
    )
    least = Cost(
        min(c.cpu_s for c in costs), min(c.calls for c in costs), min(c.peak_mb for c in costs)
    )
    _print_ratio(f"{what}, most / least", most, least)


if __name__ == "__main__":
    main()
