"""One size of one piece of work, alone in a process that then says what it took:
`python -m benchmarks.speed.scale_child WORK FOLDER`, one JSON line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.speed.side_by_side import cpu_seconds

EPOCHS = 2


def head(folder: Path) -> dict[str, float]:
    """From Parquet to a head that was trained for EPOCHS, batches of the default size."""
    from benchmarks.speed.made_features import HORIZON
    from pipelines.features.read import load_examples
    from pipelines.fusion.alignment import Shift
    from pipelines.train_config import LoopConfig
    from pipelines.training.train import fused_rows, train_fixed, train_gap

    rows = fused_rows(load_examples(folder, HORIZON))
    trained = train_fixed("early", rows, Shift(0.5, train_gap(rows)), LoopConfig(), EPOCHS)
    return {"loss": trained.history[-1].total}


WORK: dict[str, Callable[[Path], dict[str, float]]] = {"head": head}


def peak_bytes() -> int:
    """Of this program, by Linux: the most memory that it held at once, mapped files included.

    Not ru_maxrss, which a child inherits from who started it.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not say how much memory a process held")


def main(work: str, folder: str) -> None:
    """Print what the work found, its seconds and its peak."""
    cpu, start = cpu_seconds(), time.perf_counter()
    found = WORK[work](Path(folder))
    took = {"wall": time.perf_counter() - start, "cpu": cpu_seconds() - cpu}
    sys.stdout.write(json.dumps({**found, **took, "peak_bytes": peak_bytes()}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
