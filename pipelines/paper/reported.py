"""What the preprint printed: numbers to stand beside ours, never in their place.

Source: Restrepo et al. 2024, medRxiv 10.1101/2024.06.03.24308401 (CC BY-NC-ND 4.0: numbers only).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

_FOLDER = Path(__file__).with_name("reported")

TableNumber = Literal[1, 2, 3]
DATASET_TITLES: Mapping[str, str] = {
    "brset": "BRSET",
    "ham10000": "HAM 10000",
    "satellitebench": "SatelliteBench",
    "coco_qa": "COCO-QA",
    "fakeddit": "Fakeddit",
    "recipes5k": "Recipes 5K",
}
APPROACH_TITLES: Mapping[str, str] = {
    "unimodal": "Embedding DINOv2 + Llama 2",
    "clip": "Embedding CLIP",
    "raw": "Raw Data",
}
FUSION_TITLES: Mapping[str, str] = {"early": "Early", "late_joint": "Late-joint"}


class Cell(NamedTuple):
    """A row of tables 1 to 3, in our names; the *_TITLES have the paper's."""

    dataset: str
    approach: str
    fusion: str


class ReportedLambda(NamedTuple):
    """A gain by the shift that the text states; None where the text leaves it out."""

    dataset: str
    approach: str | None
    fusion: str
    metric: str
    without_shift: float
    with_shift: float
    lambda_shift: float | None


class ReportedVariance(NamedTuple):
    """Variance of CLIP embeddings after PCA; `domain` is "medical" or "general"."""

    domain: str
    text: float
    image: float


@lru_cache
def reported_table(number: TableNumber) -> Mapping[Cell, Mapping[str, float]]:
    """The 18 rows of a table, column name -> value as printed, units in the names.

    1: accuracy, f1 (macro), epoch (of the best test score); 2: model_size_mb,
    train_dataset_size_per_epoch_mb, test_dataset_size_per_epoch_mb (MB = 2^20 bytes);
    3: avg_train_time_per_epoch_s, avg_inference_time_per_epoch_s.
    """
    keys = Cell._fields
    return MappingProxyType(
        {
            Cell(*(row[k] for k in keys)): MappingProxyType(
                {k: float(v) for k, v in row.items() if k not in keys}
            )
            for row in _rows(f"table{number}")
        }
    )


@lru_cache
def reported_lambda() -> tuple[ReportedLambda, ...]:
    """What the text says that the shift gained."""
    return tuple(
        ReportedLambda(
            row["dataset"],
            row["approach"] or None,
            row["fusion"],
            row["metric"],
            float(row["value_without_shift"]),
            float(row["value_with_shift"]),
            float(row["lambda"]) if row["lambda"] else None,
        )
        for row in _rows("lambda")
    )


@lru_cache
def reported_variance() -> Mapping[str, ReportedVariance]:
    """Data set -> variances as printed."""
    return MappingProxyType(
        {
            row["dataset"]: ReportedVariance(
                row["domain"],
                float(row["text_embedding_variance"]),
                float(row["image_embedding_variance"]),
            )
            for row in _rows("variance")
        }
    )


def known_slips(table: TableNumber | Literal["lambda", "variance"]) -> list[str]:
    """Where the printed figures disagree with each other or with the data, one sentence each."""
    return list(_SLIPS[table])


def _rows(name: str) -> list[dict[str, str]]:
    with (_FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


_EPOCHS = "Tables 1 and 2 say 30 epochs, table 3 says 50."
_SLIPS: Mapping[TableNumber | Literal["lambda", "variance"], tuple[str, ...]] = {
    1: (
        "Accuracy and F1 are those of the epoch that is best on the TEST set; Epoch says which.",
        _EPOCHS,
        "The text speaks of four data sets; three are in the tables.",
        "SatelliteBench's 936 training and 312 test rows are 75/25 of 8 x 156 weeks, or 60/20 of "
        "the 10 x 156 that the archive holds; the text says 80/20.",
        "SatelliteBench's images are said to start in 2015; the archive starts on 2016-01-03.",
    ),
    2: (
        _EPOCHS,
        "The test sizes are about a quarter (BRSET, HAM 10000) or a third (SatelliteBench) of "
        "what the stated test rows take. All 18 come out when the true size is multiplied by test "
        "batches / training batches of 64 rows, as if an average over test batches had been taken "
        "with the wrong count.",
        "Training sizes are 4 bytes for each value and the label, nothing else: the raw-data rows "
        "count pixels (224 x 224 x 3) and leave the text's tokens out.",
        "SatelliteBench's raw-data training size is printed as 537.48 MB; with the 4-byte label "
        "of the other binary rows it is 537.47, with an 8-byte one 537.48.",
    ),
    3: (
        _EPOCHS,
        "Seconds are of the authors' machine; making the embeddings is not in them.",
    ),
    "lambda": (
        "SatelliteBench's gain names neither the approach nor lambda; table 1's best late-joint "
        "F1 there is 0.758, the text starts from 0.75.",
        "HAM 10000's gain does not name lambda.",
        "BRSET's gain is of F1; no substantial change of accuracy is reported.",
        "Lambda is chosen on the TEST set.",
    ),
    "variance": (
        "Fakeddit and Recipes 5K are printed with the same two variances.",
        "Medical data are said to vary less than general data; as printed, HAM 10000's text "
        "varies more than that of every general set, and SatelliteBench's images more than "
        "COCO-QA's.",
    ),
}
