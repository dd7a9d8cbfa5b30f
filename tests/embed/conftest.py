"""A small dataset folder with real scene files and prompts, and encoders loaded once."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import tiny_checkpoints
from support.by_torch import BY_TORCH

from pipelines.config import DeploymentPaths, EncoderConfig, Profile, load_profile
from pipelines.contracts import COVARIATE_NAMES
from pipelines.embed.base import Encoder, describe_encoder, load_encoder
from pipelines.embed.brought import Taken, take_vectors
from pipelines.embed.exchange import Origin
from pipelines.embed.lent import give_inputs, make_vectors
from pipelines.weeks import CDC

EMBED_ALL = f"""
import json, sys
from pathlib import Path
from pipelines.config import DeploymentPaths, load_profile
from pipelines.embed.plan import plan_embedding
from pipelines.embed.run import embed_shard
profile, places = load_profile("ci", **{BY_TORCH}), DeploymentPaths(home=Path(sys.argv[1]))
for work_file in plan_embedding(Path(sys.argv[2]), profile, places).work_files:
    assert embed_shard(work_file, profile, places).encoder_started
print(json.dumps([m for m in ("torch", "transformers", "timm") if m in sys.modules]))
"""
ORIGIN = Origin(by="Partner GPU", made_on=date(2026, 11, 30), note="one of theirs")
UNITS = ("05001", "76001", "99999")  # the last one is not in the pool


@pytest.fixture(scope="session")
def profile() -> Profile:
    """The profile ci with encoders that torch computes, as any without a runtime."""
    return load_profile("ci", **BY_TORCH)


@pytest.fixture
def paths(tmp_path: Path) -> DeploymentPaths:
    return DeploymentPaths(home=tmp_path)


@pytest.fixture(scope="session")
def shared_places(tmp_path_factory: pytest.TempPathFactory) -> DeploymentPaths:
    return DeploymentPaths(home=tmp_path_factory.mktemp("encoders"))


@pytest.fixture(scope="session")
def minilm(profile: Profile, shared_places: DeploymentPaths) -> Encoder:
    return load_encoder(profile.embed.text, shared_places)


@pytest.fixture(scope="session")
def lite0(profile: Profile, shared_places: DeploymentPaths) -> Encoder:
    return load_encoder(profile.embed.image, shared_places)


@pytest.fixture
def make_dataset(paths: DeploymentPaths) -> Callable[..., Path]:
    """Writes a dataset folder of `weeks` origins a municipality, each with a prompt of its own."""
    return lambda weeks=4, scenes=3: _write_dataset(paths, weeks, scenes)


@pytest.fixture(scope="session")
def embedded_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A home whose dataset (3 weeks, 2 scenes) was embedded by a process of its own, once for all
    tests, and which heavy libraries that process had loaded itself."""
    home = tmp_path_factory.mktemp("embedded")
    dataset = _write_dataset(DeploymentPaths(home=home), weeks=3, scenes=2)
    command = [sys.executable, "-c", EMBED_ALL, str(home), str(dataset)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout)


@pytest.fixture
def embedded(embedded_home: tuple[Path, list[str]], paths: DeploymentPaths) -> Path:
    """A copy of the embedded home in `places`; the dataset's folder in it."""
    shutil.copytree(embedded_home[0], paths.home, dirs_exist_ok=True)
    return next((paths.artifacts / "datasets").iterdir())


@pytest.fixture(scope="session")
def tiny_dinov2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoints.dinov2(tmp_path_factory.mktemp("dinov2"))


@pytest.fixture
def own(tiny_dinov2: Path, tmp_path: Path) -> EncoderConfig:
    """The encoder with weights in a folder of its own, which a test may take away."""
    return tiny_checkpoints.config(
        "dinov2", Path(shutil.copytree(tiny_dinov2, tmp_path / "w")), "cls"
    )


@pytest.fixture
def chosen(profile: Profile, own: EncoderConfig) -> Profile:
    return profile.with_encoders({"image": own})


@pytest.fixture
def dataset(make_dataset: Callable[..., Path]) -> Path:
    return make_dataset(weeks=4, scenes=4)


@pytest.fixture
def partner(tiny_dinov2: Path, tmp_path: Path) -> DeploymentPaths:
    """Another machine, on which the same weights were verified once."""
    paths = DeploymentPaths(home=tmp_path / "partner")
    describe_encoder(tiny_checkpoints.config("dinov2", tiny_dinov2, "cls"), paths)
    return paths


@pytest.fixture
def made(
    dataset: Path,
    chosen: Profile,
    own: EncoderConfig,
    paths: DeploymentPaths,
    partner: DeploymentPaths,
    tmp_path: Path,
) -> Path:
    """What the partner sends back."""
    assert give_inputs(dataset, chosen, "image", own, paths, tmp_path / "asked") == 4
    assert make_vectors(tmp_path / "asked", tmp_path / "made", ORIGIN, partner) == 4
    return tmp_path / "made"


@pytest.fixture
def taking(chosen: Profile, paths: DeploymentPaths) -> Callable[..., Taken]:
    def take(folder: Path, **options: bool) -> Taken:
        encoders, scenes = chosen.encoders, chosen.data.scenes
        return take_vectors(folder, encoders, scenes, paths, "Ana", **options)

    return take


def _write_dataset(paths: DeploymentPaths, weeks: int, scenes: int) -> Path:
    uris = [_write_scene(paths.data, i) for i in range(scenes)]
    folder = paths.artifacts / "datasets" / f"{weeks:08x}{scenes:08x}"
    rows = pd.DataFrame(row for unit in UNITS for i in range(weeks) for row in _rows(unit, i, uris))
    for year, part in rows.groupby(rows["origin_week"].str[:4]):
        out = folder / "samples" / f"epi_year={year}"
        out.mkdir(parents=True)
        part.to_parquet(out / "part.parquet", index=False)
    pd.DataFrame(
        {"unit_id": UNITS, "threshold_cases": [10.0, 20.0, 0.0], "in_pool": [True, True, False]}
    ).to_parquet(folder / "thresholds.parquet", index=False)
    described = {
        "label_rule_id": "median_2016_2017",
        "synthetic_scenes": True,
        "prompt_template_id": "es-1",
        "as_of_week": "2018-w48",
    }
    (folder / "dataset.json").write_text(json.dumps(described))
    return folder


def _write_scene(data: Path, seed: int) -> tuple[str, str]:
    uri = f"drops/2018-12-04/images/05001/image_2018-{seed + 1:02d}-01.png"
    path = data / uri
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return uri, hashlib.sha256(path.read_bytes()).hexdigest()


def _rows(unit: str, i: int, uris: list[tuple[str, str]]) -> list[dict[str, object]]:
    origin = CDC.week_no("2018-w01") + i
    text = f"Municipio {unit}, semana {CDC.week_label(origin)}: 12, 15, 9 y {i} casos de dengue."
    scene = uris[i % len(uris)] if unit == UNITS[0] and uris else (None, None)
    return [_row(unit, origin, horizon, text, scene) for horizon in (1, 4)]


def _row(
    unit: str, origin: int, horizon: int, text: str, scene: tuple[str | None, str | None]
) -> dict[str, object]:
    label = CDC.week_label(origin)
    return {
        "sample_id": f"{unit}-{label}-h{horizon:02d}",
        "unit_id": unit,
        "group_id": unit,
        "origin_week": label,
        "target_week": CDC.week_label(origin + horizon),
        "origin_week_no": np.int32(origin),
        "target_week_no": np.int32(origin + horizon),
        "horizon_weeks": np.int32(horizon),
        "image_uri": scene[0],
        "image_sha256": scene[1],
        "image_date": None,
        "image_quality": "ok" if scene[0] else "none",
        "image_age_weeks": 2.0 if scene[0] else np.nan,
        "text": text,
        "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
        **{name: 0.5 for name in COVARIATE_NAMES},
        "cases": np.nan if horizon == 4 else 11.0,
    }
