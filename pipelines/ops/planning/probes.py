"""Short pieces of the real work, timed on this machine."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from pipelines.config import DeploymentPaths, EncoderConfig, Profile
from pipelines.contracts import FusedKind, Modality
from pipelines.data.drops import scene_files
from pipelines.data.scenes import read_scene, scene_stats
from pipelines.embed.base import describe_encoder
from pipelines.embed.run import run_work
from pipelines.embed.work import ShardWork, WorkInput, write_work
from pipelines.fusion.alignment import Shift
from pipelines.storage import sha256_file
from pipelines.training.rows import FusedRows, train_gap
from pipelines.training.train import train_fixed

_SCENES, _PROMPTS = 48, 64
_ENCODER_SECONDS = 8.0  # for one of them, loading included
_SCENES_READ = 20
_DISK_BYTES = 64 * 2**20
_STEPS, _WIDTH = 60, 1280  # of the wider encoder that ships
_PROMPT = (
    "Dengue en Medellín, semana {number} de 2017, hasta 2017-01-07. Casos recientes por semana: "
    "124, 122, 110, 89. Clima de diciembre 2016: 21.0 °C, lluvia 150 mm. Población 2414616; "
    "menores de 15 años 17.1 %, hogares sin agua 1.4 %."
)
_PACE = (
    "import pandas, pyarrow.dataset, sklearn.linear_model, mlflow; "
    "frame = pandas.DataFrame({'a': range(400_000)}); "
    "[frame.assign(b=frame.a.astype(str)).sort_values('b') for _ in range(2)]"
)


@dataclass(frozen=True)
class Encoding:
    """Seconds to start an encoder, and for each input; bytes of its process, and of a vector."""

    start: float = 0.0
    each: float = 0.0
    peak_bytes: int = 0
    vector_bytes: int = 0


@dataclass(frozen=True)
class Probes:
    """What was measured.

    Attributes:
        pace: seconds of a process that imports what steps import and sorts a table.
        scene: seconds to read and judge a scene.
        image, text: of the profile's encoders.
        batch: head -> seconds of one training step.
        disk_write: bytes a second, synced.
        seconds: that measuring took.
    """

    pace: float
    scene: float
    image: Encoding
    text: Encoding
    batch: dict[str, float]
    disk_write: float
    seconds: float


def measure(profile: Profile, paths: DeploymentPaths, drop: Path, heads: Sequence[str]) -> Probes:
    """Measure for under half a minute; nothing is kept.

    Raises:
        EncoderError: an encoder's weights are absent, or it cannot run here.
    """
    start = time.perf_counter()
    image, text = Encoding(), Encoding()
    scenes = [path for path, match in scene_files(drop / "images") if match]
    if profile.embed is not None:
        text = _encoding("text", profile.embed.text, _texts(), profile, paths)
        if scenes:
            chosen = _pictures(scenes[:_SCENES], drop)
            image = _encoding("image", profile.embed.image, chosen, profile, paths, drop)
    return Probes(
        pace=_seconds(_pace),
        scene=_scene_seconds(scenes[:_SCENES_READ], profile),
        image=image,
        text=text,
        batch={head: _batch_seconds(head, profile) for head in heads},
        disk_write=_DISK_BYTES / _seconds(lambda: _write(paths.artifacts)),
        seconds=time.perf_counter() - start,
    )


def _encoding(
    modality: Modality,
    encoder: EncoderConfig,
    inputs: Sequence[WorkInput],
    profile: Profile,
    paths: DeploymentPaths,
    data: Path | None = None,
) -> Encoding:
    """Embed a few inputs as a shard of a run would, in a store that is thrown away."""
    spec = describe_encoder(encoder, paths)
    with tempfile.TemporaryDirectory(prefix="denguard-plan-") as folder:
        work = ShardWork(
            modality=modality,
            space_id=spec.space_id,
            spec=asdict(spec),
            encoder=encoder,
            scenes=profile.data.scenes,
            inputs=tuple(inputs),
            data=data,
            store=Path(folder) / "store",
        )
        file = write_work(Path(folder) / "work.json", work)
        start = time.perf_counter()
        done = run_work(file, paths, _ENCODER_SECONDS)
        wall = time.perf_counter() - start
    each = done.seconds / max(done.embedded, 1)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return Encoding(wall - done.seconds, each, peak, spec.width * 4)


def _texts() -> list[WorkInput]:
    """Prompts as long as those of the template."""
    made = [_PROMPT.format(number=number) for number in range(_PROMPTS)]
    shas = [hashlib.sha256(text.encode()).hexdigest() for text in made]
    return [WorkInput(key=sha, sha256=sha, text=text) for sha, text in zip(shas, made, strict=True)]


def _pictures(scenes: Sequence[Path], drop: Path) -> list[WorkInput]:
    found = {sha256_file(path): path for path in scenes}
    return [
        WorkInput(key=sha, sha256=sha, uri=path.relative_to(drop).as_posix())
        for sha, path in found.items()
    ]


def _scene_seconds(scenes: Sequence[Path], profile: Profile) -> float:
    if not scenes:
        return 0.0
    policy = profile.data.scenes
    return _seconds(lambda: [scene_stats(read_scene(one, policy)) for one in scenes]) / len(scenes)


def _batch_seconds(head: FusedKind, profile: Profile) -> float:
    """Of rows as wide as the profile's vectors; the first epoch is not counted."""
    count, width = _STEPS * profile.train.batch_rows, _WIDTH
    vectors, there = torch.randn(count, width), torch.ones(count, dtype=torch.bool)
    label = torch.arange(count).remainder(2).float()
    rows = FusedRows(np.arange(count), vectors, vectors, there, there, torch.zeros(count), label)
    trained = train_fixed(head, rows, Shift(0.5, train_gap(rows)), profile.train, 2)
    return trained.history[-1].train_seconds / _STEPS


def _pace() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", _PACE], check=True, timeout=120)


def _write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(os.urandom(_DISK_BYTES))
        file.flush()
        os.fsync(file.fileno())


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
