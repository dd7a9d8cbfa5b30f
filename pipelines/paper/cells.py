"""One training of the study as one record on disk: made once, found again after a kill.

By the paper's protocol the epoch is the one with the best TEST score, and every record says so; by
the safe protocol it is the best on validation, and the test rows are read at that epoch alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipelines.arrays import AnyArray, Float64s, Int64s, Texts
from pipelines.contracts import Modality, content_id
from pipelines.encoder_config import Frozen
from pipelines.errors import StoreError, TrainingError
from pipelines.fusion.alignment import UNSHIFTED, GapKind, Shift
from pipelines.fusion.heads import build_head
from pipelines.paper.config import StudyConfig
from pipelines.paper.cost.efficiency import Meter, Usage, batch_bytes, model_bytes
from pipelines.paper.prepared import Prepared
from pipelines.paper.scores import classification_scores, predict
from pipelines.storage import read_json, write_json
from pipelines.training.learners import Task
from pipelines.training.rows import FusedRows, train_gap
from pipelines.training.train import train_fixed

SELECTED_ON = {"paper": "test", "safe": "validation"}
_CODE_ID = "cell-2"  # raised by hand when this file's code changes what a record says


class Cell(Frozen):
    """One training of a head on the vectors of frozen encoders.

    Attributes:
        spaces: ids of the image and the text vector space.
        stretched: both modalities at the wider width, as a shift needs them.
        only: the modality that is left when the other is masked: what a fused head must beat.
    """

    spaces: tuple[str, str]
    fusion: str
    seed: int
    stretched: bool = False
    lambda_shift: float = 0.0
    gap_kind: GapKind = "vector"
    noise_sigma: float = 0.0
    alignment_weight: float = 0.0
    only: Modality | None = None


def find_or_make(
    folder: Path, identity: object, make: Callable[[], dict[str, Any]], kind: str = "cells"
) -> dict[str, Any]:
    """The record of a cell or of a measure, made now if it is not on disk or cannot be read."""
    path = folder / kind / f"{content_id([_CODE_ID, identity])}.json"
    if path.is_file():
        try:
            return read_json(path)
        except StoreError:
            path.unlink()  # damaged by a full disk, say: it costs one training
    record = make()
    write_json(path, record)
    return record


def parts_of(prepared: Prepared) -> Texts:
    """(N,) part of each usable row."""
    return prepared.usable["part"].to_numpy(dtype=object)


def class_weight(label: Int64s, outputs: int) -> tuple[float, ...]:
    """Weights inversely proportional to the classes' counts among training rows, mean 1.

    Binary: one weight of the positives, negatives over positives. A class without a training row
    weighs 0: nothing can be learned of it.
    """
    counts = np.bincount(label, minlength=max(outputs, 2)).astype(np.float64)
    if outputs == 1:
        return (float(counts[0] / counts[1]),) if counts.all() else (1.0,)
    inverse = np.divide(1.0, counts, out=np.zeros_like(counts), where=counts > 0)
    return tuple(float(w) for w in inverse * np.count_nonzero(counts) / inverse.sum())


def task_of(prepared: Prepared) -> Task:
    """What the heads of a study put out; class weights belong to the paper's protocol alone."""
    label = prepared.usable["label"].to_numpy(np.int64)[parts_of(prepared) == "train"]
    if not len(label):
        raise TrainingError(
            "no training row is usable",
            where=str(prepared.folder),
            fix="bring the data set's images; study.json lists what is missing",
        )
    weights = class_weight(label, prepared.outputs) if prepared.protocol == "paper" else None
    return Task(prepared.outputs, residual=False, class_weight=weights)


def train_cell(
    cell: Cell, rows: FusedRows, prepared: Prepared, study: StudyConfig
) -> dict[str, Any]:
    """The record of a cell, trained now or found.

    Args:
        rows: the usable rows, stretched if the cell says so.
    """
    identity = [
        prepared.rows_id,
        cell.model_dump(exclude_none=True),
        study.loop.model_dump(),
        study.epochs,
    ]
    return find_or_make(prepared.folder, identity, lambda: _train(cell, rows, prepared, study))


def _train(cell: Cell, rows: FusedRows, prepared: Prepared, study: StudyConfig) -> dict[str, Any]:
    parts = parts_of(prepared)
    rows = masked(rows, cell.only)
    train = rows.take(_index(parts == "train"))
    selection, test = watched_parts(prepared)
    watched = rows.take(_index(np.concatenate([selection, test])))
    config = study.loop.model_copy(
        update={
            "seed": cell.seed,
            "noise_sigma": cell.noise_sigma,
            "alignment_weight": cell.alignment_weight,
        }
    )
    shift = UNSHIFTED
    if cell.stretched:
        shift = Shift(cell.lambda_shift, train_gap(train, cell.gap_kind), cell.gap_kind)
    with Meter() as meter:
        trained = train_fixed(
            cell.fusion, train, shift, config, study.epochs, watched, task_of(prepared)
        )
    outcome = score_best_epoch(trained.watched_logit[1:], selection, test, prepared)
    values = rows.image.shape[1] + rows.text.shape[1]
    head = build_head(cell.fusion, rows.image.shape[1], rows.text.shape[1], prepared.outputs)
    last = trained.history[-1]
    return {
        **cell.model_dump(),
        **outcome,
        "loss_terms": {
            "classification": last.classification,
            "alignment": last.alignment,
            "total": last.total,
        },
        **costs(
            [e.train_seconds for e in trained.history],
            [e.inference_seconds * len(test) / max(len(watched), 1) for e in trained.history],
            meter.usage,
        ),
        "model_bytes": model_bytes(head),
        "train_bytes": batch_bytes(len(train), values, prepared.outputs),
        "test_bytes": batch_bytes(len(test), values, prepared.outputs),
    }


def masked(rows: FusedRows, only: Modality | None) -> FusedRows:
    """The rows without the other modality: vectors zero and masks False; None leaves both."""
    if only is None:
        return rows
    nothing = torch.zeros_like(rows.has_image)
    if only == "image":
        return replace(rows, text=torch.zeros_like(rows.text), has_text=nothing)
    return replace(rows, image=torch.zeros_like(rows.image), has_image=nothing)


def watched_parts(prepared: Prepared) -> tuple[Int64s, Int64s]:
    """Positions of the rows that choose the epoch (none if test rows choose it) and of the test
    rows.

    Raises:
        TrainingError: one of them has no usable row.
    """
    parts = parts_of(prepared)
    on = SELECTED_ON[prepared.protocol]
    selection, test = np.flatnonzero(parts == on), np.flatnonzero(parts == "test")
    if not len(selection) or not len(test):
        raise TrainingError(
            f"no usable row in {on if not len(selection) else 'test'}",
            where=str(prepared.folder),
            fix="bring more of the data set's images; study.json lists what is missing",
        )
    return (np.zeros(0, dtype=np.int64) if on == "test" else selection), test


def score_best_epoch(
    logits: Sequence[Float64s],
    selection: Int64s,
    test: Int64s,
    prepared: Prepared,
) -> dict[str, Any]:
    """Choose the epoch and score the test rows at it.

    Args:
        logits: one (S + T, C) entry after each epoch: selection rows, then test rows.
        selection: (S,) positions; empty: the test rows choose, and the record says so.
    """
    label = prepared.usable["label"].to_numpy(np.int64)
    chooser = selection if len(selection) else test
    cut = slice(0, len(chooser)) if len(selection) else slice(0, len(test))
    curve = [_macro_f1(label[chooser], logit[cut], prepared.classes) for logit in logits]
    best = int(np.argmax(curve))  # the earliest of equals
    called = predict(logits[best][len(selection) :])
    return {
        "selected_on": SELECTED_ON[prepared.protocol],
        "epoch": best + 1,
        "selection_f1": curve[best],
        "selection_curve": curve,
        "test": classification_scores(label[test], called, prepared.classes),
        "predicted": called.tolist(),
    }


def costs(
    train_seconds: Sequence[float], inference_seconds: Sequence[float], usage: Usage
) -> dict[str, Any]:
    """What a training took, for tables 2 and 3."""
    return {
        "train_seconds_per_epoch": float(np.mean(train_seconds)),
        "inference_seconds_per_epoch": float(np.mean(inference_seconds)),
        "peak_rss_bytes": usage.peak_rss_bytes,
        "peak_above_start_bytes": usage.peak_above_start_bytes,
        "peak_method": usage.peak_method,
        "energy_j": usage.energy_j,
        "energy_note": usage.energy_note,
    }


def _macro_f1(label: Int64s, logit: Float64s, classes: tuple[str, ...]) -> float:
    return float(classification_scores(label, predict(logit), classes)["macro_f1"])


def _index(chosen: AnyArray) -> torch.Tensor:
    at = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
    return torch.from_numpy(at.astype(np.int64))
