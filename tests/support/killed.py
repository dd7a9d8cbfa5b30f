"""A piece of work that dies by kill -9 at its n-th write, in a forked copy of this process.

A write is what a power cut can part: a file is said to be on the disk (fsync), gets its name
(replace), a folder gets its name (rename). The process ends before it.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_fsync, _replace, _rename = os.fsync, Path.replace, Path.rename


def die_at(write: int | str) -> None:
    """Let this process end at that many writes, or before what is so called gets its name."""
    left = [write if isinstance(write, int) else 0]

    def count(*names: str) -> None:
        left[0] -= 1
        if left[0] == 0 or write in names:
            os.kill(os.getpid(), signal.SIGKILL)

    def fsync(handle: int) -> None:
        count()
        _fsync(handle)

    def replace(self: Path, target: Any) -> Path:
        count(self.name, Path(target).name)
        return _replace(self, target)

    def rename(self: Path, target: Any) -> Path:
        count(self.name, Path(target).name)
        return _rename(self, target)

    os.fsync = fsync  # type: ignore[assignment]
    Path.replace = replace  # type: ignore[method-assign, assignment]
    Path.rename = rename  # type: ignore[method-assign, assignment]


def dies_at(write: int | str, work: Callable[[], object]) -> bool:
    """Do the work in a copy of this process; whether it was killed, or had fewer writes and ended
    well.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            die_at(write)
            work()
            code = 0
        finally:
            if code:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), f"the work failed by itself: {code}"
    return code != 0
