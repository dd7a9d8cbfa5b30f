"""The preprint's numbers, as they stand in it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipelines.contracts import FUSED_HEADS, PAPER_DATASETS
from pipelines.paper.reported import (
    APPROACH_TITLES,
    DATASET_TITLES,
    FUSION_TITLES,
    Cell,
    known_slips,
    reported_lambda,
    reported_table,
    reported_variance,
)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_table_has_a_row_for_every_data_set_approach_and_fusion(number: int) -> None:
    cells = reported_table(number).keys()  # type: ignore[arg-type]
    datasets = ("brset", "ham10000", "satellitebench")
    assert cells == {
        Cell(d, a, f) for d in datasets for a in APPROACH_TITLES for f in FUSION_TITLES
    }
    assert set(datasets) <= PAPER_DATASETS.keys() and set(FUSION_TITLES) <= FUSED_HEADS.keys()


def test_figures_are_those_of_the_paper() -> None:
    cell = Cell("brset", "unimodal", "early")
    assert reported_table(1)[cell] == {"accuracy": 0.987, "f1": 0.944, "epoch": 4}
    assert reported_table(3)[cell]["avg_train_time_per_epoch_s"] == 1.54
    assert reported_lambda()[0].lambda_shift == 0.8
    assert reported_lambda()[1].approach is None and reported_lambda()[1].lambda_shift is None
    assert reported_variance()["ham10000"] == ("medical", 5.6e-3, 6.8e-5)


def test_slips_are_true_of_the_numbers() -> None:
    variance = reported_variance()
    assert variance["fakeddit"] == variance["recipes5k"]
    general = [v for v in variance.values() if v.domain == "general"]
    assert variance["ham10000"].text > max(v.text for v in general)
    assert variance["satellitebench"].image > variance["coco_qa"].image
    lambdas = {found.dataset: found for found in reported_lambda()}
    best = reported_table(1)[Cell("satellitebench", "unimodal", "late_joint")]["f1"]
    assert lambdas["satellitebench"].without_shift == 0.75 and best == 0.758
    for table in (1, 2, 3, "lambda", "variance"):
        assert known_slips(table)  # type: ignore[arg-type]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["table1", "table2", "table3", "lambda", "variance"])
def test_no_figure_was_changed_on_the_way(real_data: Path, name: str) -> None:
    ours = Path(__file__).parents[2] / "pipelines" / "paper" / "reported" / f"{name}.csv"
    titles = {**DATASET_TITLES, **APPROACH_TITLES, **FUSION_TITLES}
    with ours.open() as lines:
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    with (real_data / "paper" / f"{name}.csv").open() as lines:
        theirs = list(csv.DictReader(lines))
    for row in theirs:
        row.pop("note", None)
    assert [{k: titles.get(v, v) for k, v in row.items()} for row in rows] == theirs
