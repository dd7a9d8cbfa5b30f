"""`denguard plan`: the work of a profile and a drop, timed on this machine, step by step."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.config import DeploymentPaths, Profile
from pipelines.data.drops import list_drops
from pipelines.errors import ConfigError
from pipelines.ops.growth import spell_bytes
from pipelines.ops.planning.estimate import Step, estimate
from pipelines.ops.planning.probes import Probes, measure
from pipelines.ops.planning.shrink import Saving, savings
from pipelines.ops.planning.work import Work, count_work
from pipelines.run.progress import spell

_DEADLINE = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@dataclass(frozen=True)
class Plan:
    """Attributes:
    steps: in order.
    savings: where the deadline is not kept, what shortens the run.
    deadline: seconds, None without one.
    """

    profile: str
    work: Work
    probes: Probes
    steps: tuple[Step, ...]
    savings: tuple[Saving, ...] = ()
    deadline: float | None = None

    @property
    def seconds(self) -> float:
        """Of the whole run, one step after the other."""
        return sum(step.seconds for step in self.steps)

    @property
    def memory_bytes(self) -> float:
        """Of the process that needs most."""
        return max(step.memory_bytes for step in self.steps)

    @property
    def disk_bytes(self) -> float:
        """That the home grows by."""
        return sum(step.disk_bytes for step in self.steps)

    def to_json(self) -> dict[str, object]:
        """For programs."""
        whole = {n: getattr(self, n) for n in ("seconds", "memory_bytes", "disk_bytes")}
        return {**asdict(self), **whole}

    def lines(self) -> Iterator[tuple[str, str, str, str, str]]:
        """Step, time, memory, disk, and of what; the whole run last."""
        for step in self.steps:
            yield step.name, *_spelt(step.seconds, step.memory_bytes, step.disk_bytes), step.of
        yield "whole run", *_spelt(self.seconds, self.memory_bytes, self.disk_bytes), ""

    def words(self) -> Iterator[str]:
        """What was measured, and what the deadline asks for."""
        yield f"Measured for {self.probes.seconds:.0f} s. A first run, as if no vector were kept."
        if self.deadline is None:
            return
        if self.seconds <= self.deadline:
            yield f"It keeps the deadline of {spell(self.deadline)}."
            return
        over = spell(self.seconds - self.deadline)
        yield f"It misses the deadline of {spell(self.deadline)} by {over}. What shortens it:"
        for one in self.savings:
            yield f"  {one.setting}: {one.what} saves {spell(one.seconds)}"
        if sum(one.seconds for one in self.savings) < self.seconds - self.deadline:
            yield "  All of it does not suffice: use more cores, or a smaller encoder."


def plan_run(
    profile: Profile,
    paths: DeploymentPaths,
    drop: Path | None = None,
    deadline: float | None = None,
) -> Plan:
    """Count, measure, multiply. Nothing is written but for temporary files.

    Raises:
        DropError: there is no drop, or it cannot be read.
        EncoderError: an encoder's weights are absent.
    """
    with _drop_of(profile, paths, drop) as folder:
        work = count_work(profile, folder)
        probes = measure(profile, paths, folder, tuple(work.batches))
    steps = tuple(estimate(work, probes))
    late = deadline is not None and sum(step.seconds for step in steps) > deadline
    shorter = tuple(savings(profile, work, probes)) if late else ()
    return Plan(profile.profile, work, probes, steps, shorter, deadline)


def seconds_of(text: str) -> float:
    """Of "45m", "2h" or "1h30m". Raises ConfigError for other texts."""
    found = _DEADLINE.fullmatch(text)
    if not text or found is None:
        raise ConfigError(f"{text!r} is no length of time", fix="write 45m, 2h or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(3600 * hours + 60 * minutes + seconds)


@contextmanager
def _drop_of(profile: Profile, paths: DeploymentPaths, drop: Path | None) -> Iterator[Path]:
    """The drop that is named, or the newest with a table, or that of the sample."""
    if drop is not None:
        yield drop
    elif profile.data.source == "sample" and not any(paths.drops.glob("[!.]*")):
        from pipelines.data.sources.sample import make_sample_drop

        with tempfile.TemporaryDirectory(prefix="denguard-plan-") as folder:
            yield make_sample_drop(Path(folder))
    else:
        yield [one for one in list_drops(paths.drops) if not one.info.scenes_alone][-1].path


def _spelt(seconds: float, memory: float, disk: float) -> tuple[str, str, str]:
    return spell(seconds), spell_bytes(memory), spell_bytes(disk)
