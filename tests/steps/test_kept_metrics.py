"""An evaluation is taken from an earlier run of the same predictions, and from no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.outputs import stored

from pipelines import steps
from pipelines.run import Run, open_run
from pipelines.steps.kept_metrics import metrics_file
from pipelines.storage import write_atomic, write_json

METRICS: dict[str, object] = {"horizons": {"4": {"brier": 0.1 + 0.2}}, "years": [2015]}


def begun(run_id: str, **conf: object) -> Run:
    steps.start(run_id, {"profile": "ci", **conf})
    run = open_run(run_id)
    for name in ("train", "features"):
        write_json(run.folder / f"{name}.json", stored(name))
    return run


class Evaluation:
    """Says how often it was asked."""

    asked = 0

    def __call__(self) -> dict[str, object]:
        self.asked += 1
        return METRICS


@pytest.fixture
def predictions(home: Path) -> Path:
    return write_atomic(home / "artifacts" / "backtests" / "a.parquet", b"predictions")


def test_the_second_run_of_the_same_predictions_has_the_same_bytes_and_computes_nothing(
    predictions: Path,
) -> None:
    made = Evaluation()
    first, second = (metrics_file(begun(name), [predictions], made) for name in ("a", "b"))
    assert made.asked == 1
    assert first != second
    assert first.read_bytes() == second.read_bytes()


def other_predictions(predictions: Path) -> Run:
    write_atomic(predictions, b"others")
    return begun("b")


def other_candidate(predictions: Path) -> Run:
    run, record = begun("b"), stored("train")
    head = sorted(record["candidates"])[0]
    record["candidates"][head]["bundle_id"] = "another"
    write_json(run.folder / "train.json", record)
    return run


def other_features(predictions: Path) -> Run:
    run, record = begun("b"), stored("features")
    write_json(run.folder / "features.json", {**record, "feature_version": "another"})
    return run


def damaged(predictions: Path) -> Run:
    cache = predictions.parents[1] / "cache" / "metrics"
    (kept,) = cache.glob("*/metrics.json")
    kept.write_bytes(kept.read_bytes().replace(b"2015", b"2016"))
    return begun("b")


@pytest.mark.parametrize(
    "other",
    [
        other_predictions,
        other_candidate,
        other_features,
        damaged,
        lambda _: begun("b", horizons=[4, 8]),
        lambda _: begun("b", force=True),
    ],
)
def test_anything_else_is_evaluated_anew(predictions: Path, other: Callable[[Path], Run]) -> None:
    made = Evaluation()
    metrics_file(begun("a"), [predictions], made)
    found = metrics_file(other(predictions), [predictions], made)
    assert made.asked == 2
    assert b"2015" in found.read_bytes()
