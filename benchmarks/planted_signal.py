"""From which strength, units and years of scenes on fusion is promoted: planted news, real gate.

Run: PYTHONPATH=.:tests python benchmarks/planted_signal.py RESULTS.jsonl --strength 0 0.9
     PYTHONPATH=.:tests python benchmarks/planted_signal.py RESULTS.jsonl --table
Real weekly cases of Colombia; scenes are those of tests/support/planted_scenes.py, with a driver of
the cases to come of declared strength (0 to 1, a correlation). Everything after the pictures is the
weekly road's: its encoders, covariates, label, rolling test years, tuning and gate; only files are
left out. A trial is a line of RESULTS: what is there already is not run again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from support.municipal import municipal_tables
from support.planted_scenes import LEVELS, TEXTURES, flood_level, flooded, monthly_cases, news

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths, EncoderConfig, Profile, load_profile
from pipelines.data.availability import Matrices
from pipelines.data.prompt_rows import prompt_texts
from pipelines.data.prompts import template_of
from pipelines.data.scene_indices import scene_indices
from pipelines.data.scene_values import SceneValues
from pipelines.data.sources.sample import package_table
from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.data.tables import Tables
from pipelines.embed.base import load_encoder
from pipelines.evaluate.backtest import backtest_year
from pipelines.evaluate.bootstrap import paired_interval
from pipelines.evaluate.decision import Candidate
from pipelines.evaluate.gate import decide
from pipelines.evaluate.in_memory import tabular_examples
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.train_config import TunedConfig
from pipelines.weeks import CDC

HEAD, LINEAR, HORIZON = "late_joint", "linear", 4
YEARS = (2015, 2016, 2017, 2018)
AS_OF, END_MONTH = CDC.week_no("2018-w52"), 2019 * 12
FEWEST_YEARS = 6  # of scenes, so that lambda may be chosen at all
SEED, POOL = 7, 45  # units whose rows the tabular forecaster learns from
# Chosen on trial 0 of 0.9, which the table leaves out: the default rate overfits in an epoch.
LOOP = {
    "train.batch_rows": 256,
    "train.learning_rate": 3e-4,
    "train.weight_decay": 1.0,
    "train.max_epochs": 12,
    "train.tuned": {},  # nothing but lambda and epochs is chosen
}
TUNED = TunedConfig(
    learning_rate=(1e-3, 3e-4, 1e-4), noise_sigma=(0.0, 0.01, 0.03), alignment_weight=(0.0, 0.1)
)
KEYS = ("strength", "units", "years", "trial", "seed", "index", "tuned", "means")


@dataclass(frozen=True)
class Cell:
    """One trial: how much news, how many units have scenes, for how many years."""

    strength: float
    units: int
    years: int
    trial: int
    seed: int
    index: bool = False  # the tabular models are told the scene's NDWI
    tuned: bool = False  # rate, noise and weight of L_reg are chosen on validation, from TUNED
    means: int = 1  # seeds whose mean decides every choice, lambda's too

    @property
    def key(self) -> tuple[float, ...]:
        return tuple(getattr(self, name) for name in KEYS)


@dataclass(frozen=True)
class World:
    """What all trials share: rows without vectors, and vectors by picture and by row.

    Attributes:
        water: (M,) NDWI of each picture.
    """

    profile: Profile
    rows: Examples
    units: tuple[str, ...]
    pictures: Float32s
    water: Float32s
    texts: Float32s
    text_of: dict[str, int]
    news: dict[str, dict[int, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    parser.add_argument("--strength", type=float, nargs="+", default=[0.0, 0.3, 0.5, 0.7, 0.9])
    parser.add_argument("--units", type=int, nargs="+", default=[10])
    parser.add_argument("--years", type=int, nargs="+", default=[6])
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--first-trial", type=int, default=0)
    parser.add_argument("--index", action="store_true", help="NDWI as a covariate")
    parser.add_argument("--tuned", action="store_true", help="rate, noise, L_reg on validation")
    parser.add_argument("--means", type=int, default=1, help="seeds whose mean decides a choice")
    parser.add_argument("--seeds", type=int, nargs="+", default=[SEED], help="of the training")
    asked = parser.parse_args()
    if asked.table:
        sys.stdout.write("\n".join(table(_done(asked.results))) + "\n")
        return
    numbers = range(asked.first_trial, asked.first_trial + asked.trials)
    ways = [[asked.index], [asked.tuned], [asked.means]]
    grid = product(asked.strength, asked.units, asked.years, numbers, asked.seeds, *ways)
    done = {tuple(one[name] for name in KEYS) for one in _done(asked.results)}
    cells = [cell for cell in (Cell(*one) for one in grid) if cell.key not in done]
    world = make_world(max(asked.units), max(asked.years), asked.results.parent)
    for cell in cells:
        line = json.dumps(trial(world, cell))
        with asked.results.open("a", encoding="utf-8") as out:
            out.write(line + "\n")
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def make_world(units: int, years: int, kept: Path) -> World:
    """Rows of the pool, and vectors of all pictures and prompts (kept in a folder)."""
    table = package_table()
    listed = _units(table)
    profile = _profile(listed[:units], years)
    tables = _of(municipal_tables(table), listed)
    examples, known = tabular_examples(tables, profile, AS_OF, [HORIZON])
    rows = examples[HORIZON]
    distinct, text_of = _prompts(profile, tables, known.matrices, rows)
    bands = [flooded(*one).transpose(1, 2, 0) for one in product(range(LEVELS), range(TEXTURES))]
    values = [SceneValues(one, np.zeros(one.shape[:2], dtype=np.bool_)) for one in bands]
    embed = profile.embed
    assert embed is not None
    return World(
        profile,
        rows,
        listed,
        _vectors(embed.image, [one.shown() for one in values], kept / "pictures.npy"),
        np.array([scene_indices(one)["ndwi"] for one in values], dtype=np.float32),
        _vectors(embed.text, distinct, kept / f"texts-{units}-{years}.npy"),
        text_of,
        {unit: news(cases) for unit, cases in monthly_cases(table, listed).items()},
    )


def _profile(units: Sequence[str], years: int) -> Profile:
    window = {"municipalities": units, "first_week": f"{2019 - years}-w01", "last_week": "2018-w52"}
    return load_profile(
        "sample",
        **{
            "evaluate.horizons_weeks": [HORIZON],
            "evaluate.test_years": list(YEARS),
            "train.candidates": [LINEAR, HEAD],
            "data.text_window": window,
            **LOOP,
        },
    )


def _prompts(
    profile: Profile, tables: Tables, matrices: Matrices, rows: Examples
) -> tuple[list[str], dict[str, int]]:
    """Distinct prompts, and which one each row has by its id."""
    origins = np.unique(rows.origin_week_no).astype(np.int64)
    window, template = profile.data.text_window, template_of(profile.place)
    written = prompt_texts(matrices, tables.units, origins, HORIZON, window, template)
    by_unit = {
        (unit, int(week)): written[i, j]
        for i, unit in enumerate(matrices.unit_ids)
        for j, week in enumerate(origins)
        if written[i, j] is not None
    }
    distinct = sorted(set(by_unit.values()))
    at = {text: i for i, text in enumerate(distinct)}
    keys = zip(rows.sample_id, rows.unit_id, rows.origin_week_no, strict=True)
    return distinct, {
        str(one): at[by_unit[unit, int(week)]]
        for one, unit, week in keys
        if (unit, int(week)) in by_unit
    }


def trial(world: World, cell: Cell) -> dict[str, object]:
    """Train, judge and decide once."""
    chosen = world.units[: cell.units]
    examples = with_vectors(world, cell, chosen)
    tuned = (TUNED if cell.tuned else TunedConfig()).model_copy(update={"seeds": cell.means})
    profile = world.profile.model_copy(
        update={
            "train": world.profile.train.model_copy(update={"seed": cell.seed, "tuned": tuned}),
            "evaluate": world.profile.evaluate.model_copy(update={"municipalities": chosen}),
        }
    )
    frames = [backtest_year({HORIZON: examples}, profile, (LINEAR, HEAD), year) for year in YEARS]
    predictions = pd.concat(frames, ignore_index=True)
    candidates = [
        Candidate(name, f"bundle-{name}", profile.recipe_id(name), "2018-w52")
        for name in (LINEAR, HEAD)
    ]
    decision = decide(predictions, candidates, None, profile)
    judged = predictions[predictions["in_benchmark"]]
    own, linear = (judged[judged["head"] == name] for name in (HEAD, LINEAR))
    found = paired_interval(own, linear, profile.gate, profile.calendar)
    shifts = own.groupby("test_year")["lambda_shift"].first()
    loss = (linear["probability"] - linear["label"]) ** 2
    return {
        **{name: getattr(cell, name) for name in KEYS},
        "promoted": decision.decision == "promote" and decision.head == HEAD,
        "decision": f"{decision.decision} {decision.head}",
        "difference": found.mean,
        "lower": found.lower,
        "upper": found.upper,
        "rows": found.rows,
        "blocks": found.blocks,
        "linear_brier": float(loss.mean()),
        "lambdas": {str(year): shift for year, shift in shifts.items()},
    }


def with_vectors(world: World, cell: Cell, chosen: Sequence[str]) -> Examples:
    """The rows with the newest scene's vector and the prompt's, where unit and year have scenes."""
    draw = np.random.default_rng((cell.trial, round(100 * cell.strength)))
    first = (2019 - cell.years) * 12
    picture = {
        (unit, month): flood_level(world.news[unit].get(month, 0.0), cell.strength, draw) * TEXTURES
        + int(draw.integers(TEXTURES))
        for unit in chosen
        for month in range(first, END_MONTH)
    }
    rows = world.rows
    ends = [CDC.week_end(int(week)) for week in rows.origin_week_no]
    # A month's scene is there once the month is over.
    months = [day.year * 12 + day.month - 2 for day in ends]
    image = [picture.get(key, -1) for key in zip(rows.unit_id.tolist(), months, strict=True)]
    text = [
        world.text_of.get(str(one), -1) if seen >= 0 else -1
        for one, seen in zip(rows.sample_id, image, strict=True)
    ]
    if cell.index:
        seen = np.array([world.water[one] if one >= 0 else np.nan for one in image])
        told = np.column_stack([rows.covariates, seen]).astype(np.float32)
        names = (*rows.covariate_names, "scene_ndwi")
        rows = replace(rows, covariates=told, covariate_names=names)
    return replace(
        rows,
        image=ModalityVectors(world.pictures, np.array(image, dtype=np.int32)),
        text=ModalityVectors(world.texts, np.array(text, dtype=np.int32)),
    )


def table(lines: Sequence[dict[str, object]]) -> Iterator[str]:
    """The table of docs/fusion-evidence.md: a line a cell, its interval the mean of the trials';
    below it what other seeds of the training chose."""
    yield (
        "| strength | units | years | beside | promoted | Brier difference to linear | linear "
        "| lambda, where it may be chosen |"
    )
    yield "|---" * 8 + "|"
    frame = pd.DataFrame(lines)
    if frame.empty:
        return
    several = frame[frame.groupby([*KEYS[:4], *KEYS[5:]])["seed"].transform("nunique") > 1]
    frame = frame[(frame["seed"] == SEED) & (frame["means"] == 1)]
    order = ["tuned", "index", "years", "units", "strength"]
    for cell, own in frame.groupby(order):
        told = dict(zip(order, cell, strict=True))
        ways = {"NDWI told": told["index"], "rate, noise, L_reg tuned": told["tuned"]}
        beside = ", ".join(way for way, taken in ways.items() if taken)
        difference = _difference(own.mean(numeric_only=True))
        yield (
            f"| {told['strength']:g} | {told['units']} | {told['years']} | {beside} | "
            f"{int(own['promoted'].sum())} of {len(own)} | {difference} | "
            f"{own['linear_brier'].mean():.4f} | {_lambdas(own, told['years'])} |"
        )
    for one in several.to_dict("records"):
        shifts = ", ".join(f"{value:g}" for value in one["lambdas"].values())
        mean = f", mean of {one['means']}" if one["means"] > 1 else ""
        yield f"trial {one['trial']}, seed {one['seed']}{mean}: lambda {shifts}; {_difference(one)}"


def _difference(one: Mapping[str, float] | pd.Series) -> str:
    text = f"{one['difference']:+.4f} ({one['lower']:+.4f} to {one['upper']:+.4f})"
    return text.replace("-", "−")


def _lambdas(own: pd.DataFrame, years: int) -> str:
    """What was chosen in the newest two test years; earlier, too few inner seasons have pairs."""
    if years < FEWEST_YEARS:
        return "refused: too few seasons"
    chosen = [one[str(year)] for one in own["lambdas"] for year in YEARS[-2:]]
    counts = pd.Series(chosen).value_counts(sort=True)
    return ", ".join(f"{value:g} in {n}" for value, n in counts.items()).replace("-", "−")


def _units(path: Path) -> tuple[str, ...]:
    """The ten municipalities of the sample, then those with most cases."""
    frame = pd.read_csv(path, dtype={"Municipality code": str})
    codes = frame["Municipality code"].str.zfill(5)
    cases = frame[[f"Cases{year}" for year in range(2009, 2019)]].sum(axis=1)
    rest = [
        c for c in codes[cases.sort_values(ascending=False).index] if c not in TEN_MUNICIPALITIES
    ]
    return (*TEN_MUNICIPALITIES, *rest[: POOL - len(TEN_MUNICIPALITIES)])


def _of(tables: Tables, units: Sequence[str]) -> Tables:
    """The tables of some units."""
    own = {
        name: frame[frame["unit_id"].isin(units)].reset_index(drop=True)
        for name in ("cases", "climate", "units")
        if len(frame := getattr(tables, name))
    }
    return replace(tables, **own)


def _vectors(config: EncoderConfig, inputs: Sequence[object], file: Path) -> Float32s:
    """(M, D) vectors, kept in a file beside the results."""
    if not file.is_file():
        encoder = load_encoder(config, DeploymentPaths(home=file.parent))
        np.save(file, encoder.encode(inputs))
        encoder.close()
    return np.asarray(np.load(file), dtype=np.float32)


def _done(file: Path) -> list[dict[str, object]]:
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    return [{"index": False, "tuned": False, "means": 1, **json.loads(line)} for line in lines]


if __name__ == "__main__":
    main()
