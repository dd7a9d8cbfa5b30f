"""Baselines of the studies: what they learn from, and what they find on the real table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from pipelines.errors import TrainingError
from pipelines.paper.baselines import baselines
from pipelines.paper.study import STUDY_COLUMNS, Study

TEN = [5001, 5360, 8001, 23001, 41001, 50001, 54001, 68001, 73001, 76001]


def study_of(label: np.ndarray, image: object = "a.jpg", **more: object) -> Study:
    rows = pd.DataFrame(
        {
            "sample_id": np.arange(len(label)).astype(str),
            "group_id": "g",
            "week_no": -1,
            "label": label.astype(np.int64),
            "image": image,
            "text": "a prompt",
        }
    )[list(STUDY_COLUMNS)]
    classes = tuple(f"class {n}" for n in range(3))
    return Study("made", "safe", Path(), rows, classes, needs_image=True, **more)  # type: ignore[arg-type]


@pytest.fixture
def made() -> tuple[Study, np.ndarray]:
    """90 rows of three classes, told by the first covariate; and their split."""
    rng = np.random.default_rng(0)
    label = np.arange(90) % 3
    covariates = pd.DataFrame({"tells": label + rng.normal(0, 0.3, 90), "noise": rng.random(90)})
    covariates.iloc[::7, 0] = np.nan
    known = np.where(np.arange(90) % 5 == 0, np.nan, label)
    split = np.where(np.arange(90) < 60, "train", "test")
    return study_of(label, persistence=known, covariates=covariates), split


def test_no_baseline_looks_at_a_label_outside_of_training(made: tuple[Study, np.ndarray]) -> None:
    study, split = made
    rows = study.rows.copy()
    outside = np.flatnonzero(split != "train")
    rows.loc[outside, "label"] = (rows.loc[outside, "label"].to_numpy() + 1) % 3
    before, after = baselines(study, split), baselines(replace(study, rows=rows), split)
    assert list(before) == ["most_frequent", "persistence", "covariates"]
    for name, predicted in before.items():
        assert (predicted == after[name]).all(), name


def test_covariates_tell_the_class_and_a_missing_one_does_no_harm(
    made: tuple[Study, np.ndarray],
) -> None:
    study, split = made
    known = study.covariates["tells"].notna() & (split == "test")
    right = baselines(study, split)["covariates"] == study.rows["label"]
    assert right[known].mean() > 0.8


def test_that_a_covariate_is_missing_can_tell_the_class() -> None:
    label = np.arange(80) % 2
    covariates = pd.DataFrame({"asked": np.where(label == 1, np.nan, 3.0)})
    found = baselines(study_of(label, covariates=covariates), np.full(80, "train"))
    assert (found["covariates"] == label).all()


def test_a_covariate_that_training_never_saw_is_left_out(made: tuple[Study, np.ndarray]) -> None:
    study, split = made
    wider = study.covariates.assign(late=np.where(split == "train", np.nan, 1e9), odd=np.inf)
    found = baselines(replace(study, covariates=wider), split)["covariates"]
    assert (found == baselines(study, split)["covariates"]).all()


def test_what_is_not_known_before_the_week_is_the_commonest_class() -> None:
    label = np.array([0, 2, 2, 1])
    study = study_of(label, persistence=np.array([np.nan, 0.0, 1.0, np.nan]))
    split = np.array(["train", "train", "train", "test"])
    assert baselines(study, split)["persistence"].tolist() == [2, 0, 1, 2]


def test_baselines_learn_from_the_rows_that_a_head_can_learn_from() -> None:
    label = np.array([0, 0, 0, 1, 1, 2])
    image = [None, None, None, "a.jpg", "b.jpg", "c.jpg"]  # the images of class 0 are not here
    found = baselines(study_of(label, image=image), np.full(6, "train"))
    assert found["most_frequent"].tolist() == [1] * 6


def test_training_rows_of_one_class_give_that_class() -> None:
    study = study_of(np.array([1, 1, 0]), covariates=pd.DataFrame({"x": [0.0, 1.0, 2.0]}))
    found = baselines(study, np.array(["train", "train", "test"]))
    assert found["covariates"].tolist() == [1, 1, 1]


def test_a_split_without_training_rows_is_refused() -> None:
    with pytest.raises(TrainingError, match="no row to train a baseline on"):
        baselines(study_of(np.array([0, 1])), np.array(["test", "test"]))


@pytest.mark.real_data
def test_four_lags_and_the_season_reach_what_is_known_of_the_real_table(real_data: Path) -> None:
    table = pd.read_csv(real_data / "satellitebench" / "metadata.csv").set_index(
        "Municipality code"
    )
    weeks = [f"{year}/w{week:02d}" for year in range(2007, 2020) for week in range(1, 53)]
    cases = table.loc[TEN, weeks].to_numpy(np.float64)  # (10, 676)
    first, last = weeks.index("2016/w01"), weeks.index("2018/w52")
    median = np.median(cases[:, first : first + 104], axis=1)
    target = np.arange(first, last + 1)
    row = [(town, t) for town in range(10) for t in target]
    lags = [[np.log1p(cases[u, t - 1 - k]) - np.log1p(median[u]) for k in range(4)] for u, t in row]
    season = [[np.sin(a), np.cos(a)] for a in (2 * np.pi * (t % 52 + 1) / 52 for _, t in row)]
    label = np.array([cases[u, t] > median[u] for u, t in row])
    was = np.array([cases[u, t - 1] > median[u] for u, t in row], np.float64)
    test = np.array([weeks[t].startswith("2018") for _, t in row])
    study = study_of(label, persistence=was, covariates=pd.DataFrame(np.hstack([lags, season])))
    found = baselines(study, np.where(test, "test", "train"))
    reached = {
        n: round(f1_score(label[test], p[test], average="macro"), 3) for n, p in found.items()
    }
    assert (reached["persistence"], reached["covariates"]) == (0.892, 0.903)
