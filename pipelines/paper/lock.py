"""Who is at work in a protocol's folder: one reproduction alone, or the tasks of one DAG run
together.

Cells are found again whoever made them, but the plan is one file: a second reproduction with other
approaches would change it under the first. The kernel frees the lock, whatever ends the process.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import BusyError

LOCK = ".at-work"


@contextmanager
def at_work(folder: Path, together: bool = False) -> Iterator[None]:
    """Hold the folder while the block runs; no wait.

    Args:
        together: others who say so too may be at work meanwhile.

    Raises:
        BusyError: another reproduction is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if together else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise BusyError(
                "another reproduction is at work in this folder",
                where=str(folder),
                fix=(
                    "wait for it, or end its process, which frees the folder; what it finished is "
                    "found again"
                ),
            ) from err
        yield
