"""A training that is killed with signal 9 three times, each time at another kind of moment.

Run as a program with a folder that tests/support/tiny_raw.py filled; every life is a fork of its
own that goes on in folder/killed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.paper.raw import checkpoint, inputs, train_raw
from support import tiny_raw


def _kill_at(module: Any, name: str, when: Callable[..., bool]) -> None:
    """From now on the process dies as it calls this function in such a case."""
    real = getattr(module, name)

    def dying(*args: Any, **kwargs: Any) -> Any:
        if when(*args):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    setattr(module, name, dying)


def _call(number: int) -> Callable[..., bool]:
    calls = iter(range(1, 1_000_000))
    return lambda *_: next(calls) == number


# An epoch reads every image twice for its gradient and the watched ones once: 2 x 16 + 8 = 40.
MOMENTS = {
    "in the middle of epoch 2": lambda: _kill_at(inputs, "read_scene", _call(60)),
    "as the checkpoint of epoch 2 is written": lambda: _kill_at(checkpoint, "_to_disk", _call(1)),
    "before the checkpoint of epoch 2 is deleted": lambda: _kill_at(
        checkpoint.shutil, "rmtree", lambda path, *_: Path(path).name == "epoch-0002"
    ),
}


def load_libraries() -> None:
    """Import what a training imports when it opens its towers."""
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    from transformers import AutoTokenizer, BertModel, ViTModel  # noqa: F401


def _live(folder: Path, moment: Callable[[], None]) -> int:
    """One life; the number of the signal that ended it, 0 if none did."""
    if (child := os.fork()) == 0:
        moment()
        rows, watched = tiny_raw.killed_rows(folder)
        train_raw(rows, watched, tiny_raw.config(folder), folder / "killed")
        os._exit(0)
    return os.waitpid(child, 0)[1] & 0x7F


if __name__ == "__main__":
    load_libraries()  # before the lives, or each of them would
    for name, moment in MOMENTS.items():
        if _live(Path(sys.argv[1]), moment) != signal.SIGKILL:
            sys.exit(f"was not killed {name}")
