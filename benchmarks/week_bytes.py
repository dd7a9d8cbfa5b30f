"""What one new week adds to the versions' remote and to the shared store, in bytes.

    python benchmarks/week_bytes.py {sample,units} FOLDER

`sample`: the `ci` profile on all municipalities, ten with scenes, as benchmarks/speed/week.py has
them. `units`: 45 municipalities with weekly drops of the whole table so far (year_of_drops.py).
Each runs a week, then the next one; files that the second run added are listed by what they are,
the largest first. Nothing is timed, so that other work on the machine changes no figure.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path

from year_of_drops import LAST, Year

STORES = ("remote", "shared")
_SHOWN = 24
_ID = re.compile(r"[0-9a-f]{16,}")


def main() -> None:
    """Run two weeks and print what the second one added."""
    what, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["DENGUARD_ARTIFACTS_URI"] = str(folder / "shared")
    os.environ["DENGUARD_DVC_REMOTE"] = str(folder / "remote")
    first, week = {"sample": _sample, "units": _units}[what](folder)
    first()
    before = {name: _sizes(folder / name) for name in STORES}
    week()
    for name in STORES:
        now, named = _sizes(folder / name), _names(folder / name)
        new = {key: wrote[0] for key, wrote in now.items() if before[name].get(key) != wrote}
        _say(name, sum(size for size, _ in before[name].values()), new, named)


def _units(folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    year = Year(folder)
    year.begin()

    def of(week: int) -> Callable[[], None]:
        return lambda: (year.drop(week), year.run(week), None)[-1]

    return of(LAST - 1), of(LAST)


def _sample(folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    home = folder / "home"

    def of(run_id: str, *drop: date | str | int) -> Callable[[], None]:
        return lambda: _bring_and_run(home, run_id, drop)

    before = (date(2018, 11, 27), "2018-w47", 2013 * 12, 2018 * 12 + 9)
    week = (date(2018, 12, 4), "2018-w48", 2018 * 12 + 10, 2018 * 12 + 10)
    return of("first", *before), of("week", *week)


def _bring_and_run(home: Path, run_id: str, drop: tuple[date | str | int, ...]) -> None:
    from benchmarks.speed.week import make_drop_of

    make_drop_of(home / "data" / "drops", *drop)  # type: ignore[arg-type]
    command = [sys.executable, "-W", "ignore", "-m", "pipelines.cli", "run"]
    done = subprocess.run(
        [*command, "--profile", "ci", "--run-id", run_id],
        env={**os.environ, "DENGUARD_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    if done.returncode:
        raise SystemExit((done.stdout + done.stderr)[-3000:])


def _sizes(store: Path) -> dict[str, tuple[int, int]]:
    """Key -> its size and when it was written."""
    found = ((p.relative_to(store).as_posix(), p.stat()) for p in _files(store))
    return {key: (stat.st_size, stat.st_mtime_ns) for key, stat in found}


def _files(store: Path) -> Iterator[Path]:
    return (path for path in store.rglob("*") if path.is_file())


def _names(store: Path) -> Mapping[str, str]:
    """Key of an object -> the name under which a version or a folder has it."""
    found: dict[str, str] = {}
    for path in (store / "versions").glob("*.dvc"):
        md5 = re.search(r"md5: ([0-9a-f]{32})\.dir", path.read_text(encoding="utf-8"))
        listing = store / "files" / "md5" / md5[1][:2] / f"{md5[1][2:]}.dir" if md5 else None
        if listing is None or not listing.is_file():
            continue
        kind = path.stem.split("-")[0]
        found[listing.relative_to(store).as_posix()] = f"{kind}: list of files"
        for one in json.loads(listing.read_bytes()):
            found.setdefault(
                f"files/md5/{one['md5'][:2]}/{one['md5'][2:]}", f"{kind}: {one['relpath']}"
            )
    for path in (store / "manifests").rglob("*.json"):
        about = path.relative_to(store / "manifests").with_suffix("").as_posix()
        for name, content in json.loads(path.read_bytes())["files"].items():
            found.setdefault(
                f"objects/{content['sha256'][:2]}/{content['sha256']}", f"{about}: {name}"
            )
    return found


def _say(store: str, before: int, new: Mapping[str, int], named: Mapping[str, str]) -> None:
    total, counted = Counter[str](), Counter[str]()
    for key, size in new.items():
        label = _ID.sub("*", named.get(key, key))
        total[label] += size
        counted[label] += 1
    sys.stdout.write(
        f"{store}: {before:,} bytes, then {sum(total.values()):,} more in {len(new)} files\n"
    )
    for label, size in total.most_common(_SHOWN):
        sys.stdout.write(f"{size:12,}  {counted[label]:4} x  {label}\n")


if __name__ == "__main__":
    main()
