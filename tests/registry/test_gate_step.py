"""The gate as a step of a run: a finished step and a written record, whatever is broken around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from evaluate.epidemics import keys, predictions
from evaluate.towns import towns, write_features
from registry.conftest import write_linear
from registry.worlds import RECIPE, closed_port, damage

from pipelines import steps
from pipelines.config import Places
from pipelines.evaluate.backtest import PREDICTION_COLUMNS, write_predictions
from pipelines.recipes import recipe_id
from pipelines.registry import promote
from pipelines.registry.alias import MODEL_NAME
from pipelines.registry.moves import Why
from pipelines.registry.rollback import promote_by_hand, roll_back
from pipelines.registry.standing import standing
from pipelines.run import Run, open_run
from pipelines.storage import read_json, write_json

RUN = "weekly-1"


@pytest.fixture
def run(three: Places, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that is evaluated and not judged: its linear head beats both baselines."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    promote.set_champion("1")
    steps.start(RUN, {"profile": "sample", "horizons": [4]})
    run = open_run(RUN)
    excess = {"linear": 0.0, "prevalence": 0.09, "persistence_calibrated": 0.06}
    frame = predictions(keys(), excess, np.random.default_rng(1))
    table = frame.reindex(columns=list(PREDICTION_COLUMNS)).fillna({"unit_id": "05001"})
    rows = write_predictions(table, run.folder / "p.parquet")
    metrics = {"horizons": {"4": {"heads": {"linear": {"brier": 0.2}}}}}
    candidate = {"head": "linear", "bundle_id": promote.get_version("3").bundle_id, "recipe_id": recipe_id(RECIPE), "as_of_week": "2018-w50", "dataset_version": "d2"}  # fmt: skip
    made = write_linear(run.folder / "made", -1.04)  # version 3 again, in a folder of its own
    candidate["folder"] = run.name(made.parent)
    features = write_features(run.folder / "features", {4: towns(4, 3, until="2018-w50")})
    run.finish("features", {"features": run.name(features)})
    run.finish("snapshot", {"as_of_week": "2018-w50"})
    run.finish("train", {"candidates": {"linear": candidate}})
    run.finish("champion", standing(three, MODEL_NAME))
    evaluated = {"predictions": [run.name(rows)], "champion_predictions": []}
    run.finish("evaluate", {**evaluated, "metrics": run.name(write_json(run.folder / "metrics.json", metrics))})  # fmt: skip
    run.finish("register", {"version": "3"})
    return run


def _record(where: Places) -> dict[str, Any]:
    return read_json(where.artifacts / "decisions" / f"{RUN}.json")


def test_a_sound_comparison_promotes_and_the_record_says_what_it_rests_on(run: Run, three: Places) -> None:  # fmt: skip
    assert steps.gate(RUN)["decision"] == "promote"
    record = _record(three)
    assert (record["run_id"], record["as_of_week"]) == (RUN, "2018-w50")
    assert (record["blocks"], record["origins"], record["rules"]["margin_brier"]) == (20, 5, 0.005)
    assert record["champion"]["version"] == "1"


def _mlflow_stopped(run: Run, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")


def _champion_damaged(run: Run, _: pytest.MonkeyPatch) -> None:
    damage(run.places, "1")


def _metric_absent(run: Run, _: pytest.MonkeyPatch) -> None:
    write_json(run.folder / "metrics.json", {"horizons": {}})


def _backtest_absent(run: Run, _: pytest.MonkeyPatch) -> None:
    (run.folder / "p.parquet").unlink()


def _champion_was_unknown(run: Run, _: pytest.MonkeyPatch) -> None:
    run.finish("champion", {**run.output("champion"), "champion": None, "problem": "MLflow was down."})  # fmt: skip


BROKEN: dict[Callable[[Run, pytest.MonkeyPatch], None], str] = {
    _mlflow_stopped: "Who serves could not be read",
    _champion_damaged: "version 1, could not be read",
    _metric_absent: "no Brier score of the linear head at 4 weeks",
    _backtest_absent: "backtest predictions are absent",
    _champion_was_unknown: "MLflow was down",
}


@pytest.mark.parametrize("breakage", BROKEN)
def test_an_error_keeps_the_champion_in_writing_and_the_step_finishes(breakage: Any, run: Run, three: Places, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    state = promote.registry_state()
    with monkeypatch.context() as patch:
        breakage(run, patch)
        assert steps.gate(RUN)["decision"] == "keep"
    record = _record(three)
    assert BROKEN[breakage] in record["reasons"][0]
    assert record["rules"]["min_blocks"] == 16
    assert not (run.folder / "failure.json").exists()
    assert promote.registry_state() == state


def test_a_bundle_that_was_rolled_back_is_not_promoted_by_the_next_run(run: Run, three: Places) -> None:  # fmt: skip
    promote.set_champion("3")
    roll_back(Why("Ana", "false alarms"))

    assert steps.gate(RUN)["decision"] == "keep"
    assert "taken out of service" in _record(three)["reasons"][-1]


def test_the_deployed_version_is_in_the_audit_with_its_run(run: Run, three: Places) -> None:
    from pipelines.registry.audit import newest

    steps.gate(RUN)
    assert steps.deploy(RUN)["deployed"]
    last = newest(three, MODEL_NAME)
    assert last is not None
    assert (last["to_version"], last["run_id"], last["by"]) == ("3", RUN, "weekly cycle")
    assert "fresher data win a tie" in last["reason"]


def test_a_champion_that_a_person_chose_after_the_gate_is_not_replaced(run: Run, three: Places) -> None:  # fmt: skip
    steps.gate(RUN)
    promote_by_hand("2", Why("Ana", "the ministry asked for it"))

    done = steps.deploy(RUN)

    assert not done["deployed"]
    assert "was not judged against it" in done["error"]
    assert promote.aliases()["champion"] == "2"
