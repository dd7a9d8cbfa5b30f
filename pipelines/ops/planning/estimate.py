"""Time, memory and disk of each step: work times what a unit of it takes on this machine.

What cannot be timed alone in half a minute (imports, checks, records) comes from a recorded run,
reference.yaml, slowed down or sped up by this machine's pace. That file is written by
`python -m benchmarks.speed.plan_reference`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipelines.encoder_config import Frozen
from pipelines.ops.planning.probes import Probes
from pipelines.ops.planning.work import Work
from pipelines.plain_yaml import read_plain_yaml

REFERENCE = Path(__file__).with_name("reference.yaml")


class StepReference(Frozen):
    """Seconds, bytes of memory and of disk of a step: what it takes at all, and for each row."""

    seconds: float
    row_seconds: float = 0.0
    memory_bytes: float = 0.0
    row_memory_bytes: float = 0.0
    disk_bytes: float = 0.0
    row_disk_bytes: float = 0.0


class Reference(Frozen):
    """Attributes:
    pace: seconds of the probe of that name where the runs were recorded.
    steps: less what the other probes measure: scenes read, inputs embedded, batches trained.
    """

    pace: float
    steps: dict[str, StepReference]


@dataclass(frozen=True)
class Step:
    """What a step is expected to take."""

    name: str
    seconds: float
    memory_bytes: float
    disk_bytes: float
    of: str = ""  # its largest part, in words


@cache
def reference() -> Reference:
    """The recorded runs."""
    return Reference.model_validate(read_plain_yaml(REFERENCE))


def estimate(work: Work, probes: Probes, known: Reference | None = None) -> list[Step]:
    """Each step of a first run, in order."""
    known = known or reference()
    speed, beside = probes.pace / known.pace, measured_seconds(work, probes)
    vectors = work.scenes * probes.image.vector_bytes + work.prompts * probes.text.vector_bytes
    steps = []
    for name, one in known.steps.items():
        seconds = speed * (one.seconds + work.rows * one.row_seconds) + beside.get(name, 0.0)
        memory = one.memory_bytes + work.rows * one.row_memory_bytes
        if name == "embed":
            memory = max(memory, probes.image.peak_bytes, probes.text.peak_bytes)
        disk = one.disk_bytes + work.rows * one.row_disk_bytes + vectors * (name == "embed")
        steps.append(Step(name, seconds, memory, disk, _largest(name, work)))
    return steps


def measured_seconds(work: Work, probes: Probes) -> Mapping[str, float]:
    """Step -> seconds of what the probes measure by itself."""
    trained = sum(probes.batch[head] * count for head, count in work.batches.items())
    both = (
        (probes.image, work.scenes, work.scene_shards),
        (probes.text, work.prompts, work.prompt_shards),
    )
    return {
        "validate": probes.scene * work.scenes,
        "embed": sum(one.start * shards + one.each * count for one, count, shards in both),
        "train": trained,
        "backtest": trained * work.test_years / 2,  # half of the years lie before one, on average
    }


def _largest(name: str, work: Work) -> str:
    if name == "embed":
        return f"{work.scenes:,} scenes, {work.prompts:,} prompts"
    if name in ("train", "backtest"):
        return f"{work.rows:,} rows, {sum(work.batches.values()):,} batches a replay"
    return f"{work.rows:,} rows" if name in ("snapshot", "features") else ""
