"""The gate as a step of a run: a finished step and a written record, whatever is broken
around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.epidemics import keys, predictions
from support.outputs import candidate, leave
from support.registries import RECIPE, closed_port, damage, write_linear
from support.towns import towns, write_features

from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.errors import ChampionLostError, GateError, RegistryError
from pipelines.evaluate.backtest import PREDICTION_COLUMNS, write_predictions
from pipelines.recipes import recipe_id
from pipelines.registry import audit, retries
from pipelines.registry.aliases import AuditReason, read_aliases, set_champion
from pipelines.registry.champion import describe_champion
from pipelines.registry.lookup import MODEL_NAME, connect, get_version
from pipelines.registry.register import registry_state
from pipelines.registry.rollback import promote_by_hand, roll_back
from pipelines.run import Run, open_run
from pipelines.run.outputs import (
    ChampionOutput,
    EvaluateOutput,
    FeaturesOutput,
    GateOutput,
    RegisterOutput,
    SnapshotOutput,
    TrainOutput,
)
from pipelines.storage import read_json, write_json

RUN = "weekly-1"
DRAWN = "The scenes of this run are synthetic: a computer drew them, and they cannot hold news."


@pytest.fixture
def run(three: DeploymentPaths, refits_trained_once: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that is evaluated and not judged: its linear head beats both baselines."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    set_champion("1")
    steps.start(RUN, {"profile": "sample", "horizons": [4]})
    run = open_run(RUN)
    excess = {"linear": 0.0, "prevalence": 0.09, "persistence_calibrated": 0.06}
    frame = predictions(keys(), excess, np.random.default_rng(1))
    table = frame.reindex(columns=list(PREDICTION_COLUMNS)).fillna({"unit_id": "05001"})
    rows = write_predictions(table, run.folder / "p.parquet")
    metrics = {"horizons": {"4": {"heads": {"linear": {"brier": 0.2}}}}}
    made = write_linear(run.folder / "made", -1.04)  # version 3 again, in a folder of its own
    trained = candidate(
        bundle_id=get_version("3").bundle_id,
        recipe_id=recipe_id(RECIPE),
        as_of_week="2018-w50",
        dataset_version="d2",
        folder=run.name(made.parent),
    )
    features = write_features(run.folder / "features", {4: towns(4, 3, until="2018-w50")})
    leave(run, FeaturesOutput, features=run.name(features))
    leave(run, SnapshotOutput, as_of_week="2018-w50")
    leave(run, TrainOutput, candidates={"linear": trained})
    run.finish(describe_champion(three, MODEL_NAME))
    scores = run.name(write_json(run.folder / "metrics.json", metrics))
    leave(run, EvaluateOutput, predictions=[run.name(rows)], metrics=scores)
    leave(run, RegisterOutput, version="3")
    return run


def _record(paths: DeploymentPaths) -> dict[str, Any]:
    return read_json(paths.artifacts / "decisions" / f"{RUN}.json")


def test_a_sound_comparison_promotes_and_the_record_says_what_it_rests_on(
    run: Run, three: DeploymentPaths
) -> None:
    assert steps.gate(RUN).decision == "promote"
    record = _record(three)
    assert (record["run_id"], record["as_of_week"]) == (RUN, "2018-w50")
    assert (record["blocks"], record["origins"], record["rules"]["margin_brier"]) == (20, 5, 0.005)
    assert record["champion"]["version"] == "1"


def test_the_record_of_a_run_on_synthetic_scenes_begins_with_what_they_cannot_do(
    run: Run, three: DeploymentPaths
) -> None:
    leave(run, SnapshotOutput, as_of_week="2018-w50", synthetic_scenes=True)
    steps.gate(RUN)
    line = _record(three)["first_line"]
    assert line.startswith(f"{DRAWN} The linear head serves")


def test_the_record_of_a_run_on_scenes_of_a_satellite_says_nothing_of_the_kind(
    run: Run, three: DeploymentPaths
) -> None:
    leave(run, SnapshotOutput, as_of_week="2018-w50", synthetic_scenes=False)
    steps.gate(RUN)
    assert "synthetic" not in _record(three)["first_line"]


def _champion_damaged(run: Run, _: pytest.MonkeyPatch) -> None:
    damage(run.paths, "1")


def _metric_absent(run: Run, _: pytest.MonkeyPatch) -> None:
    write_json(run.folder / "metrics.json", {"horizons": {}})


def _backtest_absent(run: Run, _: pytest.MonkeyPatch) -> None:
    (run.folder / "p.parquet").unlink()


def _champion_was_unknown(run: Run, _: pytest.MonkeyPatch) -> None:
    gone = {"champion": None, "problem": "MLflow was down."}
    run.finish(run.output(ChampionOutput).model_copy(update=gone))


BROKEN: dict[Callable[[Run, pytest.MonkeyPatch], None], str] = {
    _champion_damaged: "version 1, could not be read",
    _metric_absent: "no Brier score of the linear head at 4 weeks",
    _backtest_absent: "backtest predictions are absent",
    _champion_was_unknown: "MLflow was down",
}


@pytest.mark.parametrize("breakage", BROKEN)
def test_an_error_keeps_the_champion_in_writing_and_the_step_finishes(
    breakage: Any, run: Run, three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = registry_state()
    with monkeypatch.context() as patch:
        breakage(run, patch)
        assert steps.gate(RUN).decision == "keep"
    record = _record(three)
    assert BROKEN[breakage] in record["reasons"][0]
    assert record["rules"]["min_blocks"] == 16
    assert not (run.folder / "failure.json").exists()
    assert registry_state() == state


def _mlflow_away(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")


def test_mlflow_that_stays_away_is_asked_again_and_then_the_step_is_red_and_nothing_is_decided(
    run: Run,
    three: DeploymentPaths,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _mlflow_away(monkeypatch)
    monkeypatch.setattr(retries, "PAUSES_S", (0.0, 0.0))
    with pytest.raises(RegistryError, match="MLflow could not be prepared") as away:
        steps.gate(RUN)
    assert away.value.away, "Airflow's tries span an hour then"
    assert ["Attempt 1 of 3" in line or "Attempt 2 of 3" in line for line in caplog.messages].count(
        True
    ) == 2
    assert not (three.artifacts / "decisions").exists() and not (run.folder / "gate.json").exists()
    assert read_json(run.folder / "failure.json")["step"] == "gate"


def test_mlflow_that_comes_back_meanwhile_is_answered(
    run: Run, three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    _mlflow_away(monkeypatch)
    monkeypatch.setattr(retries.time, "sleep", lambda _: monkeypatch.delenv("MLFLOW_TRACKING_URI"))
    assert steps.gate(RUN).decision == "promote"


def _alias_deleted(paths: DeploymentPaths) -> None:
    connect().delete_registered_model_alias(MODEL_NAME, "champion")


def _older_registry(paths: DeploymentPaths) -> None:
    """As put back from a backup that was made before version 2 was registered and served."""
    set_champion("2")
    connect().set_registered_model_alias(MODEL_NAME, "champion", "1")
    connect().delete_model_version(MODEL_NAME, "2")


def _number_given_again(paths: DeploymentPaths) -> None:
    """As after such a backup, when another bundle has got the number since."""
    set_champion("2")
    connect().set_registered_model_alias(MODEL_NAME, "champion", "1")
    connect().set_model_version_tag(MODEL_NAME, "2", "bundle_id", "another")


LOST: dict[Callable[[DeploymentPaths], None], str] = {
    _alias_deleted: "names no champion, but by the audit version 1 serves",
    _older_registry: "does not know it: it is older than the audit",
    _number_given_again: "does not know it: it is older than the audit",
}


@pytest.mark.parametrize("loss", LOST)
@pytest.mark.parametrize("step", ["gate", "forecast"])
def test_a_registry_that_lost_its_champion_is_a_red_step_and_never_a_run_without_a_bulletin(
    step: str, loss: Any, run: Run, three: DeploymentPaths
) -> None:
    loss(three)
    with pytest.raises(ChampionLostError, match=LOST[loss]):
        getattr(steps, step)(RUN)
    assert not (run.folder / f"{step}.json").exists()


def test_an_alias_that_a_cut_off_promotion_has_moved_is_no_lost_champion(
    run: Run, three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(audit, "append", _killed)  # between the alias and its audit entry
        set_champion("2")
    assert read_aliases()["champion"] == "2"
    found = describe_champion(three, MODEL_NAME)
    assert found.problem is None and found.named is not None and found.named.version == "2"


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_bundle_that_was_rolled_back_is_not_promoted_by_the_next_run(
    run: Run, three: DeploymentPaths
) -> None:
    set_champion("3")
    roll_back(AuditReason("Ana", "false alarms"))

    assert steps.gate(RUN).decision == "keep"
    assert "taken out of service" in _record(three)["reasons"][-1]


def test_the_deployed_version_is_in_the_audit_with_its_run(
    run: Run, three: DeploymentPaths
) -> None:
    from pipelines.registry.audit import newest

    steps.gate(RUN)
    assert steps.deploy(RUN).deployed
    last = newest(three, MODEL_NAME)
    assert last is not None
    assert (last["to_version"], last["run_id"], last["by"]) == ("3", RUN, "weekly cycle")
    assert "fresher data win a tie" in last["reason"]


def test_a_run_made_again_keeps_the_decision_that_promoted(
    run: Run, three: DeploymentPaths
) -> None:
    made = steps.gate(RUN)
    before = _record(three)
    assert steps.deploy(RUN).deployed
    run.finish(describe_champion(three, MODEL_NAME))  # as its train step writes it now

    assert steps.gate(RUN) == made
    assert (_record(three), run.output(GateOutput)) == (before, made)


def test_a_run_that_would_now_decide_otherwise_is_refused_and_its_record_stays(
    run: Run, three: DeploymentPaths
) -> None:
    made = steps.gate(RUN)
    before = _record(three)
    assert steps.deploy(RUN).deployed
    roll_back(AuditReason("Ana", "false alarms"))
    run.finish(describe_champion(three, MODEL_NAME))

    with pytest.raises(GateError, match="is not written over"):
        steps.gate(RUN)
    assert (_record(three), run.output(GateOutput)) == (before, made)


def test_a_decision_that_promoted_nothing_yet_may_be_made_anew(
    run: Run, three: DeploymentPaths
) -> None:
    assert steps.gate(RUN).decision == "promote"
    _metric_absent(run, pytest.MonkeyPatch())
    assert steps.gate(RUN).decision == "keep"


def test_a_champion_that_a_person_chose_after_the_gate_is_not_replaced(
    run: Run, three: DeploymentPaths
) -> None:
    steps.gate(RUN)
    promote_by_hand("2", AuditReason("Ana", "the ministry asked for it"))

    done = steps.deploy(RUN)

    assert not done.deployed
    assert "was not judged against it" in done.error
    assert read_aliases()["champion"] == "2"
