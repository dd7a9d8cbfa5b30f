"""What came of a step, told from its own output."""

from __future__ import annotations

import pytest
from support.outputs import made, stored

from pipelines.registry.deploy import NOT_CONFIGURED, NOT_REACHABLE
from pipelines.run.outputs import DeployOutput
from pipelines.steps import failure, summary


def test_a_shard_with_nothing_new_says_that_no_encoder_was_started() -> None:
    shard = {**stored("embed_000"), "inputs": 0, "embedded": 0, "encoder_started": False}
    sentence = summary.summarise(summary.read("embed_shard", shard))
    assert "nothing to embed" in sentence and "no encoder" in sentence


def test_a_deployment_that_failed_is_said_loudly() -> None:
    sentence = summary.summarise(made(DeployOutput, deployed=False, error="golden rows differ"))
    assert sentence.startswith("NOT deployed") and "golden rows differ" in sentence


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("serving the bundle", "version 7 serves"),
        ("", "version 7 serves"),  # of a version that recorded nothing else
        (NOT_REACHABLE, "version 7 is champion; the endpoint is not reachable"),
        (NOT_CONFIGURED, "version 7 is champion; the endpoint is not configured"),
    ],
)
def test_serves_is_said_of_an_endpoint_that_answered_alone(endpoint: str, said: str) -> None:
    done = made(DeployOutput, deployed=True, error=None, version="7", endpoint=endpoint)
    assert summary.summarise(done).startswith(said)
    assert ("serves" in summary.summarise(done)) is done.serves


def test_an_output_of_another_version_does_not_break_the_page() -> None:
    assert summary.summarise(summary.read("gate", {"verdict": "new words"})) == "finished"
    assert summary.artifacts_of("run-1", summary.read("report", {})) == {}
    assert summary.summarise(summary.read("backtest_years", {})) == "finished"


def test_a_long_cause_is_broken_and_none_of_it_lost() -> None:
    cause = " ".join(f"issue-{number}" for number in range(60))
    record = failure.Failure(
        run_id="r", step="validate", error="DropError", cause=cause, where="", fix="mend it"
    )
    lines = failure.lines(record)
    assert max(map(len, lines)) <= 100
    assert "".join(line[12:] + " " for line in lines).count("issue-") == 60
    assert lines[-1] == "WHAT TO DO  mend it"
