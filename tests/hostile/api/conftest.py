"""The endpoint as it is, with a small linear champion; no registry is asked, so that a case is
milliseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.prompts import load_template
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.bundle_meta import BundleMeta
from pipelines.fusion.design import DESIGN_NAMES
from pipelines.fusion.horizon import HorizonModel
from pipelines.fusion.linear import LinearModel
from pipelines.registry.alias import Registered
from pipelines.storage import manifest_of
from serving.app import create_app
from serving.champion import Champion
from serving.settings import Settings

KEY = "a-key-for-tests"
ROW: dict[str, Any] = {
    "municipality_code": "05001",
    "origin_week": "2018-w48",
    "horizon_weeks": 4,
    "recent_cases": [30, 28, 27, 35, 31, 40],
    "climate": [{"temp_mean_c": 21.0, "rainfall_mm": 180.0}],
    "population": 2_400_000,
}
VECTOR: dict[str, Any] = {
    "municipality_code": "05001",
    "horizon_weeks": 4,
    "covariates": {"log1p_cases_lag00": 3.5},
}


def champion() -> Champion:
    """A linear bundle of two municipalities and two horizons, taken as from the registry."""
    width = len(DESIGN_NAMES)
    linear = LinearModel(np.zeros(width), np.ones(width), np.full(width, 0.05), -1.0)
    meta = BundleMeta(
        head="linear",
        recipe={},
        recipe_id="r1",
        lambda_shift=0.0,
        lambda_reason="the linear head reads no vectors",
        horizons_weeks=(1, 4),
        decision_thresholds={1: 0.5, 4: 0.5},
        threshold_cases={"05001": 40.0, "05360": 8.0},
        image_encoder={},
        text_encoder={},
        prompt_template_id=load_template("es").template_id,
        language="es",
        label_rule_id="median_2016_2017",
        dataset_version="d1",
        embedding_version="e1",
        feature_version="f1",
        as_of_week="2018-w48",
        synthetic_scenes=True,
        covariate_names=COVARIATE_NAMES,
    )
    bundle = Bundle(meta, {h: HorizonModel(h, linear) for h in (1, 4)})
    return Champion(Registered("1", "b" * 16, "run", "models:/m-1"), bundle, None)


def make_app(home: Path, **settings: Any) -> FastAPI:
    """The app with its champion in place; its thread is not started."""
    hashed = hashlib.sha256(KEY.encode()).hexdigest()
    app = create_app(Settings(api_key_sha256=hashed, home=home, **settings))
    app.state.holder.current = champion()
    return app


@pytest.fixture(scope="session")
def api_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="session")
def client(api_home: Path) -> Iterator[TestClient]:
    app = make_app(api_home, max_rows=1000, request_timeout_s=20.0)
    headers = {"Authorization": f"Bearer {KEY}"}
    yield TestClient(app, headers=headers, raise_server_exceptions=False)


@pytest.fixture(autouse=True)
def _nothing_written(api_home: Path) -> Iterator[None]:
    """Whatever is sent, the endpoint writes its prediction log and nothing else."""
    yield
    assert all(name.startswith("artifacts/predictions/") for name in manifest_of(api_home))
