"""What a year of weekly drops takes on the disk, and what `denguard prune` leaves of it.

All runs of weekly_drops.py were made in one day, and prune goes by ages. So each run's files, and
MLflow's note of it, are set back to the week that it stands for, and later by three years more for
all but the newest runs. After each prune what serves, the newest forecast and a pinned one are
traced with every hash made again, and every version that is still listed is pulled.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from bisect import bisect_left
from datetime import timedelta
from pathlib import Path

from year_of_drops import LAST, PROFILE, Year, say, size_mb

from pipelines.client import Client
from pipelines.config import load_profile
from pipelines.weeks import CDC

_WEEK_S = timedelta(weeks=1).total_seconds()
_YOUNG, _YEARS = 8, 3  # runs that stay young when all others become so many years older


def print_disk(year: Year, name: str) -> None:
    """Use the copy of the home at the end of the year."""
    year.put_back(name)
    weeks = len(_ends(year.home))
    pinned = CDC.week_label(LAST - weeks + 1 + weeks // 10)
    year.say(
        "prune",
        "--pin",
        pinned,
        "--by",
        "benchmark",
        "--reason",
        "kept for good",
        "--profile",
        PROFILE,
    )
    full = size_mb(year.home)
    say(f"{weeks} runs, {pinned} pinned: {_rooms(year.home)}")
    _age(year.home, [weeks - 1 - at for at in range(weeks)])
    after_a_year = _prune(year, "each run as old as its week", pinned)
    _age(year.home, [52 * _YEARS if at < weeks - _YOUNG else 0 for at in range(weeks)])
    at_last = _prune(year, f"all but the newest {_YOUNG} runs {_YEARS} years older", pinned)
    _print_bound((full, after_a_year, at_last), weeks, _growth(year, full, weeks))


def _growth(year: Year, full: float, weeks: int) -> float:
    """MB a week over the late runs, before any prune."""
    first = min(int(p.name) for p in (year.folder / "kept").iterdir() if p.name.isdigit())
    return (full - size_mb(year.folder / "kept" / str(first))) / (weeks - first + 1)


def _print_bound(sizes: tuple[float, float, float], weeks: int, grown: float) -> None:
    full, after_a_year, at_last = sizes
    kept = load_profile("ci").retention  # which the profile of the year has, too
    old = max(weeks - _YOUNG, 1)
    soon, later = (full - after_a_year) / old, (after_a_year - at_last) / old
    stays = grown - soon - later
    say(
        f"disk a week: {grown:.2f} MB; of it {soon:.2f} go after {kept.kept_weeks} weeks, "
        f"{later:.2f} after {kept.versions_weeks}, {stays:.2f} stay for good"
    )
    bound = after_a_year + (kept.versions_weeks - weeks) * (later + stays)
    say(
        f"after prune: {after_a_year:.0f} MB after this year, {bound:.0f} MB after "
        f"{kept.versions_weeks} weeks, from then on {52 * stays:.0f} MB a year"
    )


def _prune(year: Year, when: str, pinned: str) -> float:
    """The list first, which touches nothing, then the deed, then the proof; what is left, in MB."""
    before = size_mb(year.home)
    listed = year.say("prune", "--profile", PROFILE)
    if size_mb(year.home) != before:
        raise SystemExit("a list changed the home")
    year.say("prune", "--yes", "--profile", PROFILE)
    after = size_mb(year.home)
    say(f"{when}: {before:.1f} MB before, {after:.1f} after. {listed.splitlines()[-1]}")
    say(f"  left: {_rooms(year.home)}")
    _require_whole(year, ("champion", CDC.week_label(LAST), pinned))
    return after


def _require_whole(year: Year, names: tuple[str, ...]) -> None:
    for name in names:
        found = json.loads(year.say("trace", name, "--up", "--verify", "--json"))
        gone = [node["key"] for node in found["nodes"] if "pruned" in node["facts"]]
        if gone:
            raise SystemExit(f"{name} rests on what was pruned: {gone}")
        say(f"  {name}: {len(found['nodes'])} things that it rests on are whole, by content")
    client = Client(str(year.home / "artifacts" / "remote"))
    with tempfile.TemporaryDirectory() as to:
        pulled = [client.pull(version.kind, version.id, to) for version in client.list()]
    say(f"  {len(pulled)} versions are listed; each was pulled and verified")


def _ends(home: Path) -> list[float]:
    """When each run wrote its last record, in order."""
    runs = (home / "artifacts" / "runs").iterdir()
    return sorted(max(path.stat().st_mtime for path in run.glob("*.json")) for run in runs)


def _age(home: Path, back: list[int]) -> None:
    """Set what each run wrote back by its number of weeks."""
    ends = _ends(home)

    def older(at: float) -> float:
        run = bisect_left(ends, at)
        return at - (back[run] * _WEEK_S if run < len(ends) else 0)

    seen: set[int] = set()
    for path in sorted(home.rglob("*"), reverse=True):
        facts = path.lstat()
        if facts.st_ino not in seen:  # a second name of a file would set it back twice
            seen.add(facts.st_ino)
            os.utime(path, (older(facts.st_mtime),) * 2, follow_symlinks=False)
    with sqlite3.connect(home / "artifacts" / "mlflow" / "mlflow.db") as database:
        for run, began in database.execute("select run_uuid, start_time from runs").fetchall():
            moved = int(older(began / 1000) * 1000)
            database.execute("update runs set start_time = ? where run_uuid = ?", (moved, run))


def _rooms(home: Path) -> str:
    """Largest first."""
    folders = [home / "data", *(path for path in (home / "artifacts").iterdir() if path.is_dir())]
    sizes = sorted(((size_mb(path), path.name) for path in folders), reverse=True)
    return ", ".join(f"{name} {size:.1f} MB" for size, name in sizes if size >= 0.05)
