"""What steps hand on: the same JSON as ever, and old runs stay readable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError
from support.outputs import STORED, stored

from pipelines.errors import StoreError
from pipelines.run import outputs
from pipelines.run.outputs import EvaluateOutput, RegisterOutput, SnapshotOutput, StepOutput

PARTS = {"embed_{:03d}": (0,), "backtest_{}": (2018,)}
KINDS = [
    kind
    for name in outputs.__all__
    if (kind := getattr(outputs, name)) is not StepOutput
    and isinstance(kind, type)
    and issubclass(kind, StepOutput)
]


def _stored(kind: type[StepOutput]) -> dict[str, Any]:
    return stored(kind.file(*PARTS.get(kind.step, ())).removesuffix(".json"))


def test_every_step_has_a_stored_output() -> None:
    found = {kind.file(*PARTS.get(kind.step, ())) for kind in KINDS}
    assert found == {path.name for path in STORED.glob("*.json")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_output_is_read_and_written_as_it_was(kind: type[StepOutput]) -> None:
    raw = _stored(kind)
    assert json.dumps(kind.parse(raw).to_json(), sort_keys=True) == json.dumps(raw, sort_keys=True)


@pytest.mark.parametrize("kind", KINDS)
def test_what_only_another_version_knows_is_passed_over_and_never_written(
    kind: type[StepOutput],
) -> None:
    raw = _stored(kind)
    assert kind.parse({**raw, "of_a_later_version": 1}).to_json() == raw
    with pytest.raises(ValidationError, match="of_a_later_version"):
        kind.model_validate({**raw, "of_a_later_version": 1})


def test_a_gate_of_before_withheld_horizons_and_waiting_refits_is_read() -> None:
    late = ("reference", "provisional", "new_weeks", "waits_for_person", "withheld")
    before = {k: v for k, v in stored("gate").items() if k not in late}
    found = outputs.GateOutput.parse(before)
    assert (found.reference, found.withheld, found.waits_for_person) == ("linear", {}, False)
    assert found.to_json() == before


def test_a_candidate_and_a_champion_of_before_their_weights_had_an_id_are_read() -> None:
    trained, serves = stored("train"), stored("champion")
    for one in (*trained["candidates"].values(), serves["champion"]):
        del one["weights_id"]
    del serves["champion"]["provisional"]
    assert outputs.TrainOutput.parse(trained).candidates["linear"].weights_id == ""
    found = outputs.ChampionOutput.parse(serves).champion
    assert found is not None and not found.provisional


def test_a_snapshot_of_the_first_version_is_read_although_it_names_no_test_years() -> None:
    before = {k: v for k, v in stored("snapshot").items() if k != "test_years"}
    found = SnapshotOutput.parse(before)
    assert found.test_years is None and found.to_json() == before


def test_keys_that_a_step_leaves_out_are_not_written() -> None:
    assert RegisterOutput(version="1", mlflow_run=None).to_json() == {
        "version": "1",
        "mlflow_run": None,
    }


@pytest.mark.parametrize("absent", ["metrics", "champion_predictions"])
def test_a_record_that_lacks_a_field_is_an_error_that_names_it(absent: str) -> None:
    raw = {k: v for k, v in stored("evaluate").items() if k != absent}
    with pytest.raises(StoreError, match=f"{absent}: Field required") as caught:
        EvaluateOutput.parse(raw, "artifacts/runs/r/evaluate.json")
    assert caught.value.where == "artifacts/runs/r/evaluate.json"


def test_a_record_with_a_value_of_another_type_is_an_error_that_names_it() -> None:
    with pytest.raises(StoreError, match="test_years"):
        SnapshotOutput.parse({**stored("snapshot"), "test_years": "2018"})


def test_an_output_cannot_be_changed() -> None:
    found = SnapshotOutput.parse(stored("snapshot"))
    with pytest.raises(ValidationError, match="frozen"):
        found.dvc = "another"  # type: ignore[misc]
