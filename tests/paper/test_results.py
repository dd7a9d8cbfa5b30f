"""What stands first on the page, and what fusion is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.paper.config import StudyConfig
from pipelines.paper.prepared import Prepared
from pipelines.paper.result_rows import SeedScorer, table1_row
from pipelines.paper.results import first_line
from pipelines.paper.scores import classification_scores

N = 40
LABEL = np.tile([0, 1], N // 2)
CLASSES = ("no", "yes")


def prepared(protocol: str = "safe") -> Prepared:
    """Test rows alone, each a group of its own."""
    rows = pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(N)],
            "group_id": [f"g{i}" for i in range(N)],
            "week_no": -1,
            "label": LABEL,
            "image": "i.png",
            "text": "t",
            "part": "test",
            "usable": True,
            "persistence": np.nan,
        }
    )
    about = {
        "name": "made",
        "protocol": protocol,
        "classes": list(CLASSES),
        "needs_image": True,
        "crop_px": None,
        "data": ".",
        "has_persistence": False,
    }
    return Prepared(Path(), rows, about)


@pytest.fixture
def study() -> StudyConfig:
    weights = {"name": "w", "folder": "/none", "file": "f", "sha256": "0" * 64, "pooling": "mean"}
    frozen = {
        "id": "made",
        "kind": "frozen",
        "title": "Made",
        "beside": "clip",
        "image": weights,
        "text": weights,
    }
    return StudyConfig.model_validate({"approaches": [frozen], "resamples": 100})


def record(wrong: int, selection_f1: float) -> dict[str, Any]:
    """A training that calls the first `wrong` rows falsely."""
    called = np.where(np.arange(N) < wrong, 1 - LABEL, LABEL)
    return {
        "predicted": called.tolist(),
        "selection_f1": selection_f1,
        "epoch": 3,
        "selected_on": "validation",
        "test": classification_scores(LABEL, called, CLASSES),
    }


def line_of(
    study: StudyConfig, fused: int, image: int, baseline: int, protocol: str = "safe"
) -> str:
    """The first line where these many rows are wrong; validation ranks as the test does."""
    group = {
        "approach": "made",
        "fusion": "early",
        "printed": [record(fused, 1 - fused / N)],
        "alone": {"image": [record(image, 1 - image / N)]},
    }
    baselines = {"persistence": {**record(baseline, 0), "validation_f1": 1 - baseline / N}}
    of = prepared(protocol)
    return first_line(of, [group], {"made": study.approaches[0]}, baselines, SeedScorer(of, study))


def test_fusion_must_beat_the_best_of_baselines_and_single_modalities(study: StudyConfig) -> None:
    assert line_of(study, 2, 20, 18).startswith("Fusion beats the best without it: Made, early")
    assert "best without fusion (persistence)" in line_of(study, 2, 20, 18)
    assert "best without fusion (image alone, Made)" in line_of(study, 2, 3, 18)


def test_a_difference_that_may_be_chance_or_is_a_loss_is_said_so(study: StudyConfig) -> None:
    assert line_of(study, 2, 3, 18).startswith("Fusion is not shown to beat")
    assert line_of(study, 20, 2, 18).startswith("Fusion is worse than")


def test_by_the_papers_protocol_the_first_line_warns_and_claims_nothing(study: StudyConfig) -> None:
    assert line_of(study, 2, 20, 18, "paper").startswith("Test-selected")


def test_the_gain_is_over_the_modality_that_is_better_where_epochs_are_chosen(
    study: StudyConfig,
) -> None:
    alone = {
        "image": [record(1, 0.4)],
        "text": [record(10, 0.6)],
    }  # on test rows the image is better
    group = {"fusion": "early", "printed": [record(4, 0.9)]}
    row = table1_row(group, alone, study.approaches[0], SeedScorer(prepared(), study))
    assert row["gain"]["only"] == "text" and row["gain"]["difference"]["lower"] > 0
    assert table1_row(group, {}, study.approaches[0], SeedScorer(prepared(), study))["gain"] is None
