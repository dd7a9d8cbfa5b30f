"""What is measured beside the trainings: modality gap of each approach, cone effect, baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths
from pipelines.contracts import EncoderSpec, Modality
from pipelines.data.pixels import read_scene
from pipelines.embed.base import load_encoder
from pipelines.encoder_config import EncoderConfig
from pipelines.errors import EncoderError, TrainingError
from pipelines.fusion.alignment import Shift, modality_gap
from pipelines.fusion.space import pca_points
from pipelines.paper.baselines import baselines
from pipelines.paper.cells import parts_of
from pipelines.paper.cone import Encode, cone_record, untrained_encoders
from pipelines.paper.config import StudyConfig
from pipelines.paper.gap import gap_record
from pipelines.paper.prepared import SCENES, Prepared, study_of
from pipelines.paper.scores import classification_scores, interval, resampling_groups
from pipelines.paper.vectors import MODALITIES, modality_vectors, study_rows

SHOWN_PAIRS = 400  # points a modality in a scatter plot; more hide each other
Record = dict[str, Any]


def measure_gap(
    prepared: Prepared, spaces: Mapping[Modality, EncoderSpec], study: StudyConfig
) -> Record | None:
    """Gap record and scatter points of one approach's pairs; None with fewer than two pairs.

    The gap is estimated on the training pairs, as the heads' is, and measured on the test pairs.
    """
    vectors = {m: modality_vectors(prepared, m, spaces[m]) for m in MODALITIES}
    paired = vectors["image"].mask & vectors["text"].mask
    image, text = (vectors[m].dense()[paired] for m in MODALITIES)
    parts = parts_of(prepared)[paired]
    train, test = parts == "train", parts == "test"
    if min(train.sum(), test.sum()) < 2:
        return None
    record = gap_record(image, text, study.lambda_grid, train=train, measured=test)
    return {**record, "points": _points(prepared, vectors, image, text)}


def _points(
    prepared: Prepared, vectors: Mapping[Modality, Any], image: Any, text: Any
) -> dict[str, Any]:
    rows = study_rows(prepared, vectors["image"], vectors["text"], stretched=True)
    train = rows.paired.numpy() & (parts_of(prepared) == "train")
    mask = rows.paired.new_tensor(train)
    shift = Shift(1.0, modality_gap(rows.image, rows.text, mask))
    some = np.unique(np.linspace(0, len(image) - 1, min(len(image), SHOWN_PAIRS)).astype(int))
    found = pca_points(image[some], text[some], shift, min(3, 2 * len(some) - 1))
    named = ("image", "text", "image_shifted", "text_shifted")
    return {
        **{name: np.round(getattr(found, name), 5).tolist() for name in named},
        "explained_share": list(found.explained_share),
        "lambda_shift": 1.0,
    }


def measure_baselines(prepared: Prepared, study: StudyConfig) -> dict[str, Record]:
    """Scores of each baseline on the test rows, with intervals, and its validation score."""
    parts, rows = parts_of(prepared), study_of(prepared)
    test, validation = parts == "test", parts == "validation"
    label, groups = rows.rows["label"].to_numpy(np.int64), resampling_groups(rows)
    found = {}
    for name, predicted in baselines(rows, parts.astype(str)).items():
        scores = classification_scores(label[test], predicted[test], prepared.classes)
        chosen = classification_scores(label[validation], predicted[validation], prepared.classes)
        found[name] = {
            "test": scores,
            "f1_interval": bounds(label[test], predicted[test], groups[test], study),
            "validation_f1": chosen["macro_f1"],
            "predicted": predicted[test].tolist(),
        }
    return found


def bounds(
    label: npt.ArrayLike, predicted: npt.ArrayLike, groups: npt.ArrayLike, study: StudyConfig
) -> list[float] | None:
    """95 % interval of macro F1 over groups, None where there is one group only."""
    found = interval(label, predicted, groups, "macro_f1", study.resamples)
    return None if found is None else [found.lower, found.upper]


def measure_cone(
    prepared: Prepared,
    encoder: EncoderConfig,
    modality: Modality,
    general: Sequence[Any],
    study: StudyConfig,
    paths: DeploymentPaths,
) -> Record:
    """Cone-effect record of an encoder, on this data set's inputs and on general ones, if any.

    An encoder without a random initialisation gives {encoder, modality, why}.
    """
    groups: dict[str, Sequence[Any]] = {
        prepared.about["name"]: some_inputs(prepared, modality, study.cone_rows)
    }
    if general:
        groups["general"] = general
    named: Record = {"encoder": encoder.name, "modality": modality}
    try:
        untrained = untrained_encoders(encoder, paths)
        return {
            **named,
            **cone_record(untrained, groups, study.cone_seeds, _trained(encoder, paths)),
        }
    except (EncoderError, TrainingError) as err:
        return {**named, "why": err.what}


def _trained(config: EncoderConfig, paths: DeploymentPaths) -> Encode:
    """The encoder with its own weights, loaded when it is asked and given back at once."""

    def encode(inputs: Sequence[Any]) -> Float32s:
        encoder = load_encoder(config, paths)
        try:
            return encoder.encode(inputs)
        finally:
            encoder.close()

    return encode


def some_inputs(prepared: Prepared, modality: Modality, most: int) -> list[Any]:
    """Distinct inputs of a modality, evenly spaced over the rows: pixels, or prompts."""
    rows = prepared.usable
    column = "image_file" if modality == "image" else "text"
    distinct = rows.drop_duplicates(f"{modality}_sha256")[column].dropna().tolist()
    at = np.unique(np.linspace(0, max(len(distinct) - 1, 0), min(most, len(distinct))).astype(int))
    chosen = [distinct[i] for i in at]
    return chosen if modality == "text" else [read_scene(Path(f), SCENES) for f in chosen]
