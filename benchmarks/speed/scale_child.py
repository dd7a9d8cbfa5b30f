"""One size of one piece of work, alone in a process that then says what it took:
`python -m benchmarks.speed.scale_child WORK FOLDER`, one JSON line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.speed.side_by_side import took

EPOCHS = 2


def head(folder: Path) -> Callable[[], object]:
    """From Parquet to a head that was trained for EPOCHS, batches of the default size."""
    from benchmarks.speed.made_features import HORIZON
    from pipelines.features.read import load_examples
    from pipelines.fusion.alignment import Shift
    from pipelines.train_config import LoopConfig
    from pipelines.training.rows import fused_rows, train_gap
    from pipelines.training.train import train_fixed

    def train() -> object:
        rows = fused_rows(load_examples(folder, HORIZON))
        return train_fixed("early", rows, Shift(0.5, train_gap(rows)), LoopConfig(), EPOCHS)

    return train


def features(folder: Path) -> Callable[[], object]:
    """A feature version of a dataset without scenes and prompts."""
    from pipelines.config import DeploymentPaths, load_profile
    from pipelines.features.build import build_features

    profile = load_profile("sample").model_copy(update={"embed": None})
    paths = DeploymentPaths(home=folder.parent / "home")
    return lambda: build_features(folder, profile, paths)


# Each imports what it needs and gives what is timed.
WORK: dict[str, Callable[[Path], Callable[[], object]]] = {"head": head, "features": features}


def peak_bytes() -> int:
    """Of this program, by Linux: the most memory that it held at once, mapped files included.

    Not ru_maxrss, which a child inherits from who started it.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not say how much memory a process held")


def main(work: str, folder: str) -> None:
    """Print seconds and peak."""
    spent = took(WORK[work](Path(folder)))
    found = {"wall": spent.wall, "cpu": spent.cpu, "peak_bytes": peak_bytes()}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
