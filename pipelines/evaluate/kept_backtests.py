"""A past year that was predicted of the same rows is not predicted again.

A new week adds rows after the years that are replayed. Features are another version then, and with
them the name of a year's predictions; the rows that the year reads may be the same to the bit. So a
record beside the predictions says which rows, recipes, code and libraries they came from:

    artifacts/backtests/<features, year, recipes>.parquet   predictions
    artifacts/backtests/<content>.json                      whose predictions have this content
    artifacts/backtests/<content>.zip                       models, see fold_models.py
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.config import Profile
from pipelines.contracts import FORECASTERS, FUSED_HEADS, HeadKind, content_id
from pipelines.data.splits import fold_cut, test_year_targets
from pipelines.errors import StoreError
from pipelines.evaluate.backtest import backtest_year, write_predictions
from pipelines.evaluate.fold_models import KeptFold
from pipelines.evaluate.row_content import digest_of, row_hashes
from pipelines.fusion.examples import Examples
from pipelines.storage import read_json, sha256_file, sync_folder, write_json
from pipelines.storage.code import code_id
from pipelines.training.candidates import receipt

log = logging.getLogger(__name__)
# Whose code the predictions follow from.
_ROOMS = ("data", "evaluate", "fusion", "inference", "models", "training")


def backtest_to(
    path: Path,
    examples: Mapping[int, Examples],
    profile: Profile,
    heads: Sequence[HeadKind],
    year: int,
    anew: bool = False,
) -> Path:
    """Predictions of one test year in a file: made now, or those that the same rows gave before.

    Args:
        path: of the file; the record is written beside it.
        examples, profile, heads, year: as backtest.backtest_year takes them.
        anew: predict whatever is there.

    Raises:
        GateError, TrainingError: as backtest.backtest_year does.
    """
    content = content_of(examples, profile, heads, year)
    if content is None:
        return write_predictions(backtest_year(examples, profile, heads, year), path)
    record = path.with_name(f"{content.year}.json")
    if not anew and _taken(record, path):
        log.info("predictions of these recipes, rows and year exist")
    else:
        kept = KeptFold(path.with_name(f"{content.models}.zip"), anew)
        write_predictions(backtest_year(examples, profile, heads, year, training=kept), path)
    write_json(record, {"predictions": path.name, "sha256": sha256_file(path)})
    return path


@dataclass(frozen=True)
class YearContent:
    """Hashes of all that results follow from: rows, recipes, code, libraries and processor.

    Attributes:
        year: of a year's predictions; models: of what makes them, which reads no row of the year.
    """

    year: str
    models: str


def content_of(
    examples: Mapping[int, Examples], profile: Profile, heads: Sequence[HeadKind], year: int
) -> YearContent | None:
    """What a year's predictions and models follow from. None where another distribution brings a
    forecaster, whose code may change unseen."""
    if not all(FORECASTERS.built_in(h) or FUSED_HEADS.built_in(h) for h in heads):
        return None
    shared = {
        "year": year,
        "recipes": {head: profile.recipe_id(head) for head in heads},
        "receipt": receipt(profile),
        "code": code_id(*_ROOMS),
    }
    past, read = {}, {}
    for h, rows in sorted(examples.items()):
        past[str(h)], read[str(h)] = _rows_of(rows, profile, h, year)
    return YearContent(
        content_id({**shared, "municipalities": profile.evaluate.municipalities, "rows": read}),
        content_id({**shared, "trained_on": past}),
    )


def _rows_of(rows: Examples, profile: Profile, horizon: int, year: int) -> list[list[object]]:
    """What a fold of the year trains on, and that with what it answers, by content; see
    backtest._fold."""
    targets, week = test_year_targets(year, profile.calendar), rows.target_week_no
    cut = fold_cut(targets[0], horizon, profile.data.outcome_delay_weeks)
    known, past = np.isfinite(rows.label), week <= cut
    asked = (week >= targets[0]) & (week <= targets[-1])
    hashes = row_hashes(rows, vectors=True)
    return [
        [list(rows.covariate_names), digest_of(hashes[known & chosen])]
        for chosen in (past, past | asked)
    ]


def _taken(record: Path, path: Path) -> bool:
    """Let predictions with this content be found under another name as well."""
    if not record.is_file():
        return False
    try:
        kept = read_json(record)
    except StoreError as err:
        log.warning("a record of kept predictions cannot be read; they are made again: %s", err)
        return False
    made = path.with_name(str(kept.get("predictions")))
    if not made.is_file() or sha256_file(made) != kept.get("sha256"):
        return False
    if made != path:
        _also_named(made, path)
    return True


def _also_named(made: Path, path: Path) -> None:
    """Whole or not at all; a hard link where the file system has them."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        own = Path(folder) / path.name
        try:
            os.link(made, own)
        except OSError:
            shutil.copyfile(made, own)
        own.replace(path)
    sync_folder(path.parent)
