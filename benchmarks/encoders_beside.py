"""Two encoders on equal rows: Brier of a fused head by each, their difference with its interval.

Run: PYTHONPATH=. python benchmarks/encoders_beside.py HOME --profile sample --text text.yaml
HOME is a copy of a deployment that has run the profile once; vectors and feature versions are added
to it. Every test year is forecast from the years before it, as in a run's backtest; the learning
rate is what is varied, because the default of the loop is too high for few rows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from pipelines.config import DeploymentPaths, EncoderConfig, Profile, load_profile
from pipelines.contracts import Modality
from pipelines.data.intake import accepted_version
from pipelines.embed.plan import plan_embedding
from pipelines.embed.run import run_work
from pipelines.evaluate.backtest import backtest_year
from pipelines.evaluate.bootstrap import paired_interval
from pipelines.features.build import build_features
from pipelines.features.read import load_examples
from pipelines.fusion.examples import Examples, ModalityVectors

HEAD, LINEAR = "late_joint", "linear"
YEARS = (2015, 2016, 2017, 2018)
SEEN = {"text": ("text",), "image": ("image",), "both": ("image", "text")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--profile", default="sample")
    parser.add_argument("--text", type=Path, help="YAML of the other text encoder")
    parser.add_argument("--image", type=Path, help="YAML of the other image encoder")
    parser.add_argument("--seen", choices=sorted(SEEN), default="text", help="what the head reads")
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-4, 3e-5])
    parser.add_argument("--horizon", type=int, default=4)
    asked = parser.parse_args()
    files: dict[Modality, Path | None] = {"text": asked.text, "image": asked.image}
    others: dict[Modality, EncoderConfig] = {
        m: EncoderConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        for m, path in files.items()
        if path is not None
    }
    horizon = {
        "evaluate.horizons_weeks": [asked.horizon],
        "evaluate.primary_horizon_weeks": asked.horizon,
    }
    profile = load_profile(asked.profile, **horizon)
    paths = DeploymentPaths(home=asked.home.resolve())
    rows = {
        name: seen(_examples(profile.with_encoders(encoders), paths, asked.horizon), asked.seen)
        for name, encoders in {"own": {}, "other": others}.items()
    }
    lines = ["| rate | rows | linear | own | other | other - own | own - linear | other - linear |"]
    lines += ["|---" * 8 + "|"]
    lines += [_compared(profile, rows, asked.horizon, rate) for rate in asked.rates]
    sys.stdout.write("\n".join(lines) + "\n")


def seen(examples: Examples, what: str) -> Examples:
    """The same rows with the modalities that are not seen left out."""
    hidden = {m: _nothing(getattr(examples, m)) for m in ("image", "text") if m not in SEEN[what]}
    return replace(examples, **hidden)


def _nothing(vectors: ModalityVectors) -> ModalityVectors:
    return replace(vectors, row=np.full_like(vectors.row, -1))


def _examples(profile: Profile, paths: DeploymentPaths, horizon: int) -> Examples:
    dataset = paths.artifacts / "datasets" / str(accepted_version(paths))
    for file in plan_embedding(dataset, profile, paths).work_files:
        run_work(file, paths)
    return load_examples(build_features(dataset, profile, paths), horizon)


def _compared(profile: Profile, rows: Mapping[str, Examples], horizon: int, rate: float) -> str:
    found = {name: _backtests(profile, own, horizon, rate) for name, own in rows.items()}
    own, other = (found[name][found[name]["head"] == HEAD] for name in ("own", "other"))
    linear = found["own"][found["own"]["head"] == LINEAR]
    briers = [f"{_brier(one):.4f}" for one in (linear, own, other)]
    pairs = ((other, own), (own, linear), (other, linear))
    differences = [_difference(a, b, profile) for a, b in pairs]
    return f"| {rate:g} | {len(own)} | {' | '.join(briers + differences)} |"


def _backtests(profile: Profile, rows: Examples, horizon: int, rate: float) -> pd.DataFrame:
    """Test rows with a scene or a prompt, of every year."""
    loop = profile.train.model_copy(
        update={"learning_rate": rate, "max_epochs": 30, "lambda_grid": (0.0, 0.5, 1.0)}
    )
    trained = profile.model_copy(update={"train": loop})
    years = [backtest_year({horizon: rows}, trained, (LINEAR, HEAD), year, ()) for year in YEARS]
    found = pd.concat(years, ignore_index=True)
    return found[found["has_modality"]]


def _brier(rows: pd.DataFrame) -> float:
    return float(((rows["probability"] - rows["label"]) ** 2).mean())


def _difference(one: pd.DataFrame, other: pd.DataFrame, profile: Profile) -> str:
    found = paired_interval(one, other, profile.gate, profile.calendar)
    return f"{found.mean:+.4f} ({found.lower:+.4f} to {found.upper:+.4f})"


if __name__ == "__main__":
    main()
