"""What a model costs: memory by the paper's formula, and beside it what was measured.

The paper's formula is numel x element size, MB = 2^20: of the parameters alone, and of what a
loader hands out, which is vectors or pixels and the label; tokens are not counted. Table 2's
printed sizes follow from it to the last digit but for one (reported.known_slips).
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pipelines.paper.cost.energy import POWERCAP, READ_EVERY_S, EnergyCounter
from pipelines.paper.cost.memory import CLEAR_REFS, SAMPLE_EVERY_S, SAMPLED, PeakMemory

if TYPE_CHECKING:
    from torch import nn

MEGABYTE = 2**20
RAW_VALUES = 3 * 224 * 224  # of one image as the raw-data approach reads it
PAPER_BATCH = 64
_FLOAT_BYTES = 4


def model_bytes(model: nn.Module) -> int:
    """Bytes of the parameters; buffers, such as running means, are not counted."""
    return sum(p.numel() * p.element_size() for p in model.parameters())


def batch_bytes(rows: int, values: int, outputs: int) -> int:
    """Bytes of an epoch's batches: rows of `values` float32 numbers and a label.

    Args:
        values: text width + image width, or RAW_VALUES.
        outputs: width of the head's output; the label is float32 of that width, one-hot where
            there are more than two classes.
    """
    return rows * (values + outputs) * _FLOAT_BYTES


def batch_bytes_as_printed(
    test_rows: int, train_rows: int, values: int, outputs: int, batch: int = PAPER_BATCH
) -> float:
    """The paper's figure for a TEST epoch: batches' bytes x test batches / train batches.

    Our reading of the printed figures, all 18 of which it gives: an average over test batches was
    taken with the number of training batches. `batch_bytes` is the size that is meant.
    """
    batches = [math.ceil(rows / batch) for rows in (test_rows, train_rows)]
    return batch_bytes(test_rows, values, outputs) * batches[0] / batches[1]


@dataclass(frozen=True)
class Usage:
    """What a stretch of work took, of this process alone but for the energy.

    Attributes:
        wall_s: seconds from start to end.
        peak_rss_bytes: most memory resident at any time.
        peak_above_start_bytes: of it, what was not resident at the start.
        peak_method: how the peak was found.
        energy_j: joules of the whole machine; None where none could be read.
        energy_note: what was counted, or why nothing was.
    """

    wall_s: float
    peak_rss_bytes: int
    peak_above_start_bytes: int
    peak_method: str
    energy_j: float | None
    energy_note: str


class Meter:
    """`with Meter() as meter: ...`, then `meter.usage`; meters may lie within each other.

    Memory of child processes is not in it: their peak is their own.
    """

    usage: Usage

    def __init__(self, powercap: Path = POWERCAP, clear_refs: Path = CLEAR_REFS) -> None:
        self._powercap, self._clear_refs = powercap, clear_refs
        self._ended = threading.Event()
        self._watch: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._memory = PeakMemory(self._clear_refs)
        self._energy = EnergyCounter(self._powercap)
        if self._memory.method == SAMPLED or self._energy.joules is not None:
            self._watch = threading.Thread(target=self._look, name="meter", daemon=True)
            self._watch.start()
        self._start = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wall_s = time.perf_counter() - self._start
        self._ended.set()
        if self._watch is not None:
            self._watch.join()
        self._energy.update()
        peak = self._memory.stop()
        self.usage = Usage(
            wall_s,
            peak,
            max(0, peak - self._memory.start_bytes),
            self._memory.method,
            self._energy.joules,
            self._energy.note,
        )

    def _look(self) -> None:
        """Sample memory if need be, and never miss a round of the energy counters."""
        every_s = SAMPLE_EVERY_S if self._memory.method == SAMPLED else READ_EVERY_S
        due = time.monotonic() + READ_EVERY_S
        while not self._ended.wait(every_s):
            if self._memory.method == SAMPLED:
                self._memory.note()
            if time.monotonic() >= due:
                self._energy.update()
                due = time.monotonic() + READ_EVERY_S
