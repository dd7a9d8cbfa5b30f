"""MiniLM and the multilingual encoder on equal rows: Spanish prompts without and with notes.

THE NOTES ARE PLANTED (tests/support/planted_notes.py): made-up Spanish sentences whose tone leans,
at a declared strength, on the cases four to eight weeks later. No real notes were at hand.

Run: PYTHONPATH=.:tests python benchmarks/notes_beside.py TABLE [--strengths 0 0.5 0.9]
TABLE is the municipal table (satellitebench/metadata.csv); the ten municipalities of the profile
`sample` are used, all in memory. Prompts are made by the code of a run, each note by its rule of
what an origin knows. Heads read text alone; every test year is forecast from the years before it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
from notes_held import share_held, unseen
from support import multilingual
from support.municipal import municipal_tables
from support.planted_notes import planted_notes, tone_of

from pipelines.arrays import Float32s, Float64s, Texts
from pipelines.config import DeploymentPaths, EncoderConfig, Profile, load_profile
from pipelines.contracts import content_id
from pipelines.data.availability import Matrices
from pipelines.data.prompt_rows import prompt_texts
from pipelines.data.prompts import Template, load_template
from pipelines.data.tables import Tables
from pipelines.data_config import NotesPolicy
from pipelines.embed.base import Encoder, load_encoder
from pipelines.evaluate.backtest import backtest_year
from pipelines.evaluate.bootstrap import Interval, paired_interval
from pipelines.evaluate.in_memory import tabular_examples
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.place_config import shipped_notes_prompts, shipped_prompts
from pipelines.weeks import CDC

HEAD, LINEAR, HORIZON, LANGUAGE = "late_joint", "linear", 4, "es"
YEARS = (2015, 2016, 2017, 2018)
AS_OF = CDC.week_no("2018-w52")
_COST_TEXTS, _COST_ROUNDS = 40, 3


@dataclass(frozen=True)
class Prompts:
    """Rows without vectors and what they are told.

    Attributes:
        text: (N,) prompt of each row, None without one.
        distinct: the prompts, each once.
        tone: (N,) mean tone of the telling notes in it, 0 without one, NaN without a prompt.
    """

    rows: Examples
    text: Texts
    distinct: list[str]
    tone: Float64s


@dataclass(frozen=True)
class Scene:
    """One set of prompts on the same rows."""

    name: str
    tables: Tables
    template: Template
    every: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--strengths", type=float, nargs="*", default=[0.0, 0.5, 0.9])
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-4, 3e-5])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=1, help="of the origin weeks, to save time")
    parser.add_argument("--keep", type=Path, help="folder that vectors are kept in for another run")
    asked = parser.parse_args()
    profile = _profile()
    paths = DeploymentPaths(home=Path(mkdtemp(prefix="notes_beside.")))
    encoders = {name: load_encoder(config, paths) for name, config in _encoders(profile).items()}
    scenes = _scenes(asked.table, profile, asked.strengths, asked.seed, asked.every)
    _say(_cost(encoders, _prompts(scenes[-1], profile).distinct))
    _say(unseen(encoders, [scene.tables for scene in scenes[1:]]))
    _say(
        "| prompts | rate | rows | blocks | linear | MiniLM | use_text | use_text - MiniLM "
        "| MiniLM - linear | use_text - linear |"
    )
    _say("|---" * 10 + "|")
    said = []
    for scene in scenes:
        prompts = _prompts(scene, profile)
        vectors = {n: _encoded(e, prompts.distinct, asked.keep) for n, e in encoders.items()}
        rows = {name: _with_text(prompts, own) for name, own in vectors.items()}
        for rate in asked.rates:
            _say(_compared(scene.name, rows, profile, rate))
        if scene.template.asks_for_notes:
            said.append(_held(scene.name, prompts, rows, profile))
    _say("\n| prompts | told the tone - linear | tone in MiniLM, R2 | tone in use_text, R2 |")
    _say("\n".join(["|---" * 4 + "|", *said]))
    cut = ", ".join(f"{name} {one.truncated}" for name, one in encoders.items())
    _say(f"Texts longer than the encoder reads, cut: {cut}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _profile() -> Profile:
    horizon = {"evaluate.horizons_weeks": [HORIZON], "evaluate.primary_horizon_weeks": HORIZON}
    return load_profile("sample", **horizon, **{"place.language": LANGUAGE})


def _encoders(profile: Profile) -> dict[str, EncoderConfig]:
    return {"MiniLM": dict(profile.encoders)["text"], "use_text": multilingual.config()}


def _scenes(
    table: Path, profile: Profile, strengths: Sequence[float], seed: int, every: int
) -> list[Scene]:
    window = profile.data.text_window
    units = tuple(window.municipalities or ())
    tables = _of_units(municipal_tables(table), units)
    plain = load_template(LANGUAGE, shipped_prompts()[LANGUAGE])
    noted = load_template(LANGUAGE, shipped_notes_prompts()[LANGUAGE])
    first = CDC.week_no(str(window.first_week)) - profile.data.notes.max_age_weeks
    scenes = [Scene("prompts alone", tables, plain, every)]
    for strength in strengths:
        planted = planted_notes(tables, units, (first, AS_OF), strength, seed, CDC)
        scenes.append(Scene(f"with planted notes, {strength:g}", planted, noted, every))
    return scenes


def _of_units(tables: Tables, units: tuple[str, ...]) -> Tables:
    parts = ("cases", "climate", "units")
    kept = {n: getattr(tables, n)[getattr(tables, n)["unit_id"].isin(units)] for n in parts}
    return replace(tables, **kept)


def _prompts(scene: Scene, profile: Profile) -> Prompts:
    by_horizon, known = tabular_examples(scene.tables, profile, AS_OF, [HORIZON])
    rows, data, matrices = by_horizon[HORIZON], profile.data, known.matrices
    rows = rows.take((AS_OF - rows.origin_week_no) % scene.every == 0)
    origins = np.unique(rows.origin_week_no).astype(np.int64)
    asked = (origins, HORIZON, data.text_window, scene.template, data.notes)
    texts = prompt_texts(matrices, scene.tables.units, *asked)
    unit = pd.Index(matrices.unit_ids).get_indexer(pd.Index(rows.unit_id))
    own: Texts = texts[unit, np.searchsorted(origins, rows.origin_week_no)]
    tone = [
        np.nan if text is None else _tone(matrices, int(u), int(o), data.notes)
        for text, u, o in zip(own, unit, rows.origin_week_no, strict=True)
    ]
    distinct = list(dict.fromkeys(text for text in own if text is not None))
    return Prompts(rows, own, distinct, np.array(tone, dtype=np.float64))


def _tone(matrices: Matrices, unit: int, origin: int, policy: NotesPolicy) -> float:
    notes = matrices.notes.newest(unit, origin, policy) if matrices.notes else []
    tones = [tone for note in notes if (tone := tone_of(note.text)) is not None]
    return float(np.mean(tones)) if tones else 0.0


def _with_text(prompts: Prompts, vectors: Float32s) -> Examples:
    place = {text: at for at, text in enumerate(prompts.distinct)}
    row = np.array([place.get(text, -1) for text in prompts.text], dtype=np.int32)
    return replace(prompts.rows, text=ModalityVectors(vectors, row))


def _held(name: str, prompts: Prompts, rows: Mapping[str, Examples], profile: Profile) -> str:
    """What a linear model gains that is told the tone itself, and how much of it vectors hold."""
    tone = prompts.tone[:, None].astype(np.float32)
    told = replace(
        rows["MiniLM"],
        covariates=np.hstack([prompts.rows.covariates, tone]),
        covariate_names=(*prompts.rows.covariate_names, "planted_tone"),
    )
    plain, knowing = (_linear(profile, one) for one in (rows["MiniLM"], told))
    gain = _shown(paired_interval(knowing, plain, profile.gate, profile.calendar))
    shares = " | ".join(f"{share_held(one, prompts.tone, YEARS):.2f}" for one in rows.values())
    return f"| {name} | {gain} | {shares} |"


def _linear(profile: Profile, rows: Examples) -> pd.DataFrame:
    years = [backtest_year({HORIZON: rows}, profile, (LINEAR,), year, ()) for year in YEARS]
    found = pd.concat(years, ignore_index=True)
    return found[found["has_modality"]]


def _encoded(encoder: Encoder, texts: list[str], keep: Path | None) -> Float32s:
    """(n, width) vectors, from the folder if they were made before."""
    file = keep and keep / f"{encoder.spec.space_id}-{content_id(texts)}.npy"
    if file is not None and file.is_file():
        found: Float32s = np.load(file)
        return found
    vectors = encoder.encode(texts)
    if file is not None:
        np.save(file, vectors)
    return vectors


def _compared(name: str, rows: Mapping[str, Examples], profile: Profile, rate: float) -> str:
    found = {encoder: _backtests(profile, own, rate) for encoder, own in rows.items()}
    linear = _of(found["MiniLM"], LINEAR)
    mini, multi = (_of(found[encoder], HEAD) for encoder in ("MiniLM", "use_text"))
    pairs = ((multi, mini), (mini, linear), (multi, linear))
    intervals = [paired_interval(a, b, profile.gate, profile.calendar) for a, b in pairs]
    briers = " | ".join(f"{_brier(one):.4f}" for one in (linear, mini, multi))
    differences = " | ".join(_shown(one) for one in intervals)
    first = intervals[0]
    return f"| {name} | {rate:g} | {first.rows} | {first.blocks} | {briers} | {differences} |"


def _of(rows: pd.DataFrame, head: str) -> pd.DataFrame:
    return rows[rows["head"] == head]


def _backtests(profile: Profile, rows: Examples, rate: float) -> pd.DataFrame:
    """Test rows with a prompt, of every year."""
    loop = profile.train.model_copy(
        update={"learning_rate": rate, "max_epochs": 30, "lambda_grid": (0.0, 0.5, 1.0)}
    )
    trained = profile.model_copy(update={"train": loop})
    years = [backtest_year({HORIZON: rows}, trained, (LINEAR, HEAD), year, ()) for year in YEARS]
    found = pd.concat(years, ignore_index=True)
    return found[found["has_modality"]]


def _brier(rows: pd.DataFrame) -> float:
    return float(((rows["probability"] - rows["label"]) ** 2).mean())


def _shown(found: Interval) -> str:
    return f"{found.mean:+.4f} ({found.lower:+.4f} to {found.upper:+.4f})"


def _cost(encoders: Mapping[str, Encoder], texts: Sequence[str]) -> str:
    """CPU of this process a text, in alternating rounds on the same texts; only the ratio holds."""
    some = list(texts[:: max(1, len(texts) // _COST_TEXTS)][:_COST_TEXTS])
    spent: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(_COST_ROUNDS):
        for name, encoder in encoders.items():
            begun = time.process_time()
            encoder.encode(some)
            spent[name].append((time.process_time() - begun) / len(some))
    ratios = np.array(spent["use_text"]) / np.array(spent["MiniLM"])
    told = ", ".join(f"{name} {1000 * np.median(one):.1f} ms" for name, one in spent.items())
    return (
        f"CPU a text ({len(some)} prompts with notes, {_COST_ROUNDS} alternating rounds, machine "
        f"not idle): {told}; use_text / MiniLM {np.median(ratios):.2f} "
        f"({ratios.min():.2f} to {ratios.max():.2f})"
    )


if __name__ == "__main__":
    main()
