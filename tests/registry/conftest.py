"""Tiny real bundles and a real SQLite registry in a temporary home."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mlflow.db import upgrade

from pipelines.config import Places
from pipelines.contracts import COVARIATE_NAMES
from pipelines.fusion.bundle import Bundle, BundleMeta, write_bundle
from pipelines.fusion.linear import DESIGN_NAMES, LinearModel
from pipelines.fusion.model import HorizonModel

HORIZONS = (1, 4)


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, made once, because migrating takes a second."""
    database = tmp_path_factory.mktemp("registry") / "mlflow.db"
    upgrade.callback(f"sqlite:///{database}")
    return database


@pytest.fixture
def where(home: Path, empty_registry: Path) -> Places:
    """A home whose registry is empty but made."""
    target = home / "artifacts" / "mlflow" / "mlflow.db"
    target.parent.mkdir(parents=True)
    shutil.copy(empty_registry, target)
    return Places(home=home)


@pytest.fixture
def nowhere(home: Path) -> Places:
    """A home without a registry."""
    return Places(home=home)


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Path]:
    """Write a linear bundle; another bias is another bundle."""

    def make(bias: float = -1.0) -> Path:
        width = len(DESIGN_NAMES)
        linear = LinearModel(np.zeros(width), np.ones(width), np.full(width, 0.1), bias)
        models = {h: HorizonModel(h, linear) for h in HORIZONS}
        meta = BundleMeta(
            head="linear",
            recipe={},
            recipe_id="r1",
            lambda_shift=0.0,
            lambda_reason="the linear head reads no vectors",
            horizons_weeks=HORIZONS,
            decision_thresholds={h: 0.5 for h in HORIZONS},
            threshold_cases={"05001": 40.0, "05360": 8.0},
            image_encoder={},
            text_encoder={},
            prompt_template_id="p1",
            language="es",
            label_rule_id="median_2016_2017",
            dataset_version="d1",
            embedding_version="e1",
            feature_version="f1",
            as_of_week="2018-w48",
            synthetic_scenes=True,
            covariate_names=COVARIATE_NAMES,
        )
        return write_bundle(Bundle(meta, models), tmp_path / "made" / f"bias{bias:g}" / "bundle")

    return make
