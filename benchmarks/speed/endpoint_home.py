"""A deployment with a small linear and a small fused champion, trained here, and rows to ask it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from pipelines.config import DeploymentPaths, load_profile
from pipelines.contracts import COVARIATE_NAMES, LINEAR, EncoderSpec
from pipelines.data.prompts import load_template
from pipelines.embed.base import describe_encoder
from pipelines.fusion.bundle import Bundle, write_bundle
from pipelines.fusion.bundle_meta import BundleMeta
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.fusion.forecaster import Folds, Forecaster
from pipelines.fusion.horizon import HorizonModel
from pipelines.fusion.linear import fit_linear
from pipelines.models.fused import FusedHeadForecaster
from pipelines.registry.aliases import set_champion
from pipelines.registry.lookup import get_version
from pipelines.registry.register import register_bundle
from pipelines.testing.rows import make_examples
from pipelines.training.fused import HeadConfig

FUSED = "late_joint"
HORIZON, WEEK, UNITS = 4, "2018-w48", ("05001", "05360", "08001", "23001")
_EPOCHS = 3
Body = Mapping[str, object]


@dataclass(frozen=True)
class Home:
    """Attributes:
    versions: head -> its version in the registry.
    widths: of the image and the text encoder's vectors.
    """

    paths: DeploymentPaths
    versions: Mapping[str, str]
    widths: tuple[int, int]

    def let_serve(self, head: str) -> None:
        """Make it the champion."""
        set_champion(self.versions[head], paths=self.paths)

    def model_folder(self, head: str) -> Path:
        """What `mlflow models serve` takes: the same bundle as an MLflow model."""
        run = get_version(self.versions[head], self.paths).run_id
        (found,) = self.paths.artifacts.glob(f"mlflow/artifacts/**/{run}/**/MLmodel")
        return found.parent

    def vectors(self) -> dict[str, object]:
        """A row of covariates and raw vectors."""
        draw = np.random.default_rng(5)
        image, text = (draw.normal(size=width).astype(np.float32).tolist() for width in self.widths)
        numbers = draw.uniform(0, 1, len(COVARIATE_NAMES)).round(4).tolist()
        covariates = dict(zip(COVARIATE_NAMES, numbers, strict=True))
        named = {"municipality_code": UNITS[0], "horizon_weeks": HORIZON}
        return {**named, "covariates": covariates, "image": image, "text": text}


def ours(row: Body) -> bytes:
    """A row of vectors as POST /predictions takes it."""
    return json.dumps({"vectors": [row]}).encode()


def rivals(row: Body) -> bytes:
    """The same row as MLflow's /invocations takes it."""
    flat = {name: value for name, value in row.items() if name != "covariates"}
    covariates = row["covariates"]
    assert isinstance(covariates, Mapping)
    return json.dumps({"dataframe_records": [{**flat, **covariates}]}).encode()


def fields(cases: int) -> bytes:
    """A row of fields with all that its prompt needs; another count is another prompt."""
    recent = [cases, 28, 40, 37, 33, 29, 36, 41, 38, 30, 27, 35]
    month = {"temp_mean_c": 21.0, "rainfall_mm": 180.0}
    row = {
        "municipality_code": UNITS[0],
        "municipality_name": "Medellín",
        "origin_week": WEEK,
        "horizon_weeks": HORIZON,
        "recent_cases": recent[::-1],
        "climate": [month, month, month],
        "population": 2_400_000,
        "age_0_14_pct": 20.0,
    }
    return json.dumps({"rows": [row]}).encode()


def make_home(folder: Path) -> Home:
    """Train both and register them; some ten seconds."""
    paths = DeploymentPaths(home=folder)
    (paths.artifacts / "mlflow").mkdir(parents=True)
    embed = load_profile("sample").embed
    assert embed is not None
    image, text = (describe_encoder(config, paths) for config in (embed.image, embed.text))
    rows = _examples(image.width, text.width)
    linear = fit_linear(rows, 0.05)
    folds = Folds(linear, linear.logit(rows))
    config = HeadConfig(load_profile("sample").train, 0.5, _EPOCHS)
    heads: dict[str, Forecaster] = {
        LINEAR: linear,
        FUSED: FusedHeadForecaster(FUSED).fit(rows, folds, config),
    }
    versions = {
        head: register_bundle(
            write_bundle(
                Bundle(_meta(head, rows, image, text), {HORIZON: HorizonModel(HORIZON, fitted)}),
                paths.artifacts / "made" / head / "bundle",
            ),
            head,
            paths=paths,
        )
        for head, fitted in heads.items()
    }
    return Home(paths, versions, (image.width, text.width))


def _examples(image: int, text: int) -> Examples:
    """Made rows with vectors as wide as those of the shipped encoders."""
    rows, draw = make_examples(HORIZON, len(UNITS), planted=1.0), np.random.default_rng(2)

    def wide(vectors: ModalityVectors, width: int) -> ModalityVectors:
        table = draw.normal(size=(len(vectors.table), width)).astype(np.float32)
        table[:, : vectors.width] = vectors.table
        return replace(vectors, table=table)

    made = sorted(set(rows.unit_id))
    codes = np.array([UNITS[made.index(code)] for code in rows.unit_id], dtype=object)
    return replace(rows, unit_id=codes, image=wide(rows.image, image), text=wide(rows.text, text))


def _meta(head: str, rows: Examples, image: EncoderSpec, text: EncoderSpec) -> BundleMeta:
    thresholds = dict(zip(map(str, rows.unit_id), map(float, rows.threshold_cases), strict=True))
    return BundleMeta.model_validate(
        {
            "head": head,
            "recipe": load_profile("sample").recipe(head),
            "recipe_id": "bench",
            "lambda_shift": 0.0 if head == LINEAR else 0.5,
            "lambda_reason": "set by the bench",
            "horizons_weeks": (HORIZON,),
            "decision_thresholds": {HORIZON: 0.5},
            "threshold_cases": thresholds,
            "image_encoder": asdict(image),
            "text_encoder": asdict(text),
            "prompt_template_id": load_template("es").template_id,
            "language": "es",
            "label_rule_id": "bench",
            "dataset_version": "bench",
            "embedding_version": "bench",
            "feature_version": "bench",
            "as_of_week": WEEK,
            "synthetic_scenes": True,
            "covariate_names": COVARIATE_NAMES,
        }
    )
