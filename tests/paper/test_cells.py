"""Trainings of a study: what chooses, what is weighed, and that a missing modality counts as
nothing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support.tiny_study import unmeasured

from pipelines.fusion.examples import ModalityVectors
from pipelines.paper.cells import Cell, class_weight, task_of, train_cell
from pipelines.paper.config import FrozenApproach, StudyConfig
from pipelines.paper.groups import ablation_cells, choose_lambda, train_group
from pipelines.paper.prepared import Prepared
from pipelines.paper.vectors import study_rows

N, IMAGE, TEXT = 90, 10, 6
SPACES = ("image-space", "text-space")
Vectors = tuple[ModalityVectors, ModalityVectors]


def prepared(folder: Path, protocol: str = "safe", classes: int = 3) -> Prepared:
    """Rows by thirds: train, validation, test; some without image, some without text."""
    label = np.random.default_rng(3).integers(0, classes, N)
    rows = pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(N)],
            "group_id": [f"g{i}" for i in range(N)],
            "label": label,
            "part": np.array(["train", "validation", "test"], dtype=object)[np.arange(N) // 30],
            "usable": True,
            "image_sha256": [None if i % 6 == 2 else f"i{i}" for i in range(N)],
            "text_sha256": [None if i % 6 == 5 else f"t{i}" for i in range(N)],
        }
    )
    about = {"name": "made", "protocol": protocol, "classes": [f"c{i}" for i in range(classes)]}
    return Prepared(folder, rows, about)


def vectors(of: Prepared) -> Vectors:
    """Vectors that follow the label, noisily."""
    rng = np.random.default_rng(5)
    made = []
    for modality, width in (("image", IMAGE), ("text", TEXT)):
        has = np.array([h is not None for h in of.hashes(modality)])  # type: ignore[arg-type]
        centre = rng.normal(size=(len(of.classes), width))
        label = of.usable["label"].to_numpy()[has]
        table = (centre[label] + rng.normal(size=(has.sum(), width))).astype(np.float32)
        row = np.where(has, np.cumsum(has) - 1, -1).astype(np.int32)
        made.append(ModalityVectors(table, row))
    return made[0], made[1]


def relabelled(of: Prepared, part: str, folder: Path) -> Prepared:
    """The same rows with the labels of one part turned round."""
    rows = of.rows.copy()
    at = rows["part"] == part
    rows.loc[at, "label"] = (rows.loc[at, "label"] + 1) % len(of.classes)
    return replace(of, rows=rows, folder=folder)


def study(**changed: Any) -> StudyConfig:
    weights = {"name": "w", "folder": "/none", "file": "f", "sha256": "0" * 64, "pooling": "mean"}
    frozen = {
        "id": "made",
        "kind": "frozen",
        "title": "Made",
        "beside": "clip",
        "image": weights,
        "text": weights,
    }
    quick = {"epochs": 4, "seeds": [7, 8], "lambda_grid": [-0.5, 0, 0.5], "resamples": 100}
    return StudyConfig.model_validate({"approaches": [frozen], **quick, **changed})


def group(of: Prepared, seen: Prepared | None = None) -> dict[str, Any]:
    """Trainings of the late-joint head on the vectors of `seen`."""
    approach = study().approaches[0]
    assert isinstance(approach, FrozenApproach)
    return train_group(approach, "late_joint", SPACES, vectors(seen or of), of, study())


def choices(record: dict[str, Any]) -> Any:
    """What was picked: epochs, their scores where they are picked, lambda, and predictions."""
    records = [
        *record["printed"],
        *(r for many in (record["sweep"] | record["ablation"]).values() for r in many),
    ]
    return record["lambda"], [(r["epoch"], r["selection_curve"], r["predicted"]) for r in records]


def test_by_the_safe_protocol_test_labels_choose_nothing(tmp_path: Path) -> None:
    of = prepared(tmp_path / "a")
    given = group(of)
    turned = group(relabelled(of, "test", tmp_path / "b"), of)
    assert choices(turned) == choices(given)
    assert turned["printed"][0]["test"] != given["printed"][0]["test"]
    assert choices(group(relabelled(of, "validation", tmp_path / "c"), of)) != choices(given)


def test_by_the_papers_protocol_test_labels_choose_and_every_record_says_so(tmp_path: Path) -> None:
    of = prepared(tmp_path / "a", "paper")
    given, turned = group(of), group(relabelled(of, "test", tmp_path / "b"), of)
    assert choices(turned) != choices(given)
    records = [r for many in given["sweep"].values() for r in many]
    assert {r["selected_on"] for r in [*records, given["lambda"]]} == {"test"}
    assert "TEST" in given["lambda"]["reason"]


def test_lambda_is_the_papers_best_or_the_safe_one_nearest_0_within_one_standard_error() -> None:
    sweep = {0.0: [0.70, 0.76], 0.5: [0.75, 0.73], 1.0: [0.3, 0.4]}
    records = {v: [{"selection_f1": f1} for f1 in scores] for v, scores in sweep.items()}
    assert choose_lambda(records, "paper")["lambda"] == 0.5
    assert choose_lambda(records, "safe")["lambda"] == 0.0


def test_class_weights_are_inverse_to_the_counts_and_average_one() -> None:
    weights = class_weight(np.array([0, 0, 0, 1, 1, 3]), 4)
    assert weights[0] * 3 == pytest.approx(weights[1] * 2) == pytest.approx(weights[3] * 1)
    assert weights[2] == 0.0 and sum(weights) / 3 == pytest.approx(1.0)
    assert class_weight(np.array([0, 0, 0, 1]), 1) == (
        3.0,
    )  # of the positives: negatives over them
    assert class_weight(np.array([1, 1]), 1) == (1.0,)


def test_class_weights_are_of_the_training_rows_and_of_the_papers_protocol_alone(
    tmp_path: Path,
) -> None:
    of = prepared(tmp_path, "paper")
    label = of.rows.loc[of.rows["part"] == "train", "label"].to_numpy()
    assert task_of(of).class_weight == class_weight(label, 3)
    assert task_of(prepared(tmp_path)).class_weight is None


@pytest.mark.parametrize("fusion", ["early", "late_joint"])
def test_a_missing_vectors_bytes_reach_no_weight_and_no_logit_in_any_variant(
    tmp_path: Path, fusion: str
) -> None:
    of, config = prepared(tmp_path / "clean"), study()
    clean = study_rows(of, *vectors(of), stretched=True)
    image = torch.where(clean.has_image[:, None], clean.image, torch.tensor(float("nan")))
    text = torch.where(clean.has_text[:, None], clean.text, torch.tensor(float("inf")))
    dirty, elsewhere = (
        replace(clean, image=image, text=text),
        replace(of, folder=tmp_path / "dirty"),
    )
    variants = ablation_cells(Cell(spaces=SPACES, fusion=fusion, seed=7), 0.5, config)
    assert len(variants) == (7 if fusion == "late_joint" else 6)
    for cell in variants.values():
        expected = train_cell(cell, clean, of, config)
        assert unmeasured(train_cell(cell, dirty, elsewhere, config)) == unmeasured(expected)


def test_each_part_of_the_alignment_is_switched_alone_and_all_together() -> None:
    cell, config = Cell(spaces=SPACES, fusion="late_joint", seed=7), study()
    variants = ablation_cells(cell, 0.3, config)
    plain = cell.model_copy(update={"stretched": True})
    changed = {
        name: {k for k, v in variant.model_dump().items() if v != getattr(plain, k)}
        for name, variant in variants.items()
    }
    assert changed == {
        "none": set(),
        "noise": {"noise_sigma"},
        "noise as printed": {"noise_sigma"},
        "shift": {"lambda_shift"},
        "scalar shift as printed": {"lambda_shift", "gap_kind"},
        "reg": {"alignment_weight"},
        "all": {"noise_sigma", "lambda_shift", "alignment_weight"},
    }
    assert variants["noise as printed"].noise_sigma == 1.0
    assert ablation_cells(cell, 0.0, config)["shift"].lambda_shift == 1.0  # else nothing to see


def test_reg_is_part_of_the_loss_and_both_terms_are_logged(tmp_path: Path) -> None:
    of, config = prepared(tmp_path), study()
    rows = study_rows(of, *vectors(of), stretched=True)
    variants = ablation_cells(Cell(spaces=SPACES, fusion="late_joint", seed=7), 0.5, config)
    terms = train_cell(variants["reg"], rows, of, config)["loss_terms"]
    assert terms["alignment"] > 0
    assert terms["total"] == pytest.approx(terms["classification"] + 0.01 * terms["alignment"])


def test_a_training_is_found_again_only_for_equal_rows_settings_and_seed(tmp_path: Path) -> None:
    of, config = prepared(tmp_path), study()
    rows, cell = (
        study_rows(of, *vectors(of), stretched=False),
        Cell(spaces=SPACES, fusion="early", seed=7),
    )
    first = train_cell(cell, rows, of, config)
    count = lambda: len(list((tmp_path / "cells").iterdir()))  # noqa: E731
    assert (
        train_cell(cell, rows, of, config) == json.loads(json.dumps(first)) and count() == 1
    )  # seconds included: not trained
    train_cell(cell.model_copy(update={"seed": 8}), rows, of, config)
    train_cell(cell, rows, of, study(epochs=5))
    train_cell(cell, rows, relabelled(of, "train", tmp_path), config)
    train_cell(cell.model_copy(update={"spaces": ("other", "text-space")}), rows, of, config)
    assert count() == 5


def test_vectors_are_unit_at_their_own_width_or_the_wider_one_and_zero_where_missing(
    tmp_path: Path,
) -> None:
    of = prepared(tmp_path, classes=2)
    plain, wide = (study_rows(of, *vectors(of), stretched=s) for s in (False, True))
    assert (plain.image.shape[1], plain.text.shape[1]) == (IMAGE, TEXT)
    assert (wide.image.shape[1], wide.text.shape[1]) == (IMAGE, IMAGE)
    for side, has in ((wide.image, wide.has_image), (wide.text, wide.has_text)):
        assert torch.allclose(side.norm(dim=1), has.float(), atol=1e-6)
    assert plain.label.dtype == torch.float32  # binary: one logit


def test_a_modality_alone_reads_nothing_of_the_other_one(tmp_path: Path) -> None:
    of, alone = prepared(tmp_path / "a"), Cell(spaces=SPACES, fusion="early", seed=7, only="image")
    image, text = vectors(of)
    noise = replace(
        text, table=np.random.default_rng(0).normal(size=text.table.shape).astype(np.float32)
    )
    records = [
        train_cell(alone, study_rows(p, image, t, stretched=False), p, study())
        for p, t in ((of, text), (prepared(tmp_path / "b"), noise))
    ]
    assert records[0]["predicted"] == records[1]["predicted"]
    both = train_cell(
        alone.model_copy(update={"only": None}),
        study_rows(of, image, text, stretched=False),
        of,
        study(),
    )
    assert both["predicted"] != records[0]["predicted"]


def test_each_modality_is_trained_alone_once_for_all_fusions(tmp_path: Path) -> None:
    of = prepared(tmp_path)
    approach = study().approaches[0]
    assert isinstance(approach, FrozenApproach)
    early = train_group(approach, "early", SPACES, vectors(of), of, study())
    assert {m: len(records) for m, records in early["alone"].items()} == {"image": 2, "text": 2}
    assert group(of)["alone"] == {}
