"""Counts the calls of functions in the main thread of every Python process that has this folder on
its path.

Each process leaves the count in a file of its own in the folder that DENGUARD_COUNT_CALLS names.
Compiled functions that Python code calls are counted; what these call in turn, and the size of
their work, is not.
"""

import atexit
import os
from cProfile import Profile
from pathlib import Path


def _count(folder: Path) -> None:
    counter = Profile()

    def leave() -> None:
        counter.disable()
        calls = sum(entry.callcount for entry in counter.getstats())
        (folder / f"{os.getpid()}.txt").write_text(str(calls), encoding="utf-8")
        if folder.joinpath("profiles").is_dir():
            counter.dump_stats(str(folder / "profiles" / f"{os.getpid()}.prof"))

    atexit.register(leave)
    counter.enable()


if _folder := os.environ.get("DENGUARD_COUNT_CALLS"):
    _count(Path(_folder))
