"""Which failed steps are tried again, how often and for how long."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk.definitions.retry_policy import RetryAction

from dags._retries import (
    FIRST_DELAY,
    LONGEST_DELAY,
    RETRIES,
    RETRIES_OF_OTHERS,
    RetryWhatMayPass,
    StepFailed,
)
from dags._shared import DEFAULT_ARGS
from pipelines.errors import ConfigError, RegistryError, StoreError, TrainingError

decide = RetryWhatMayPass().evaluate


def test_what_passes_is_tried_for_longer_than_an_hour() -> None:
    # Airflow waits at least FIRST_DELAY * multiplier ** (try - 1), at most the longest delay.
    multiplier = DEFAULT_ARGS["retry_exponential_backoff"]
    assert multiplier > 1 and not isinstance(multiplier, bool)  # True is 1.0 to Airflow: no growth
    waits = [min(LONGEST_DELAY, FIRST_DELAY * multiplier**n) for n in range(RETRIES)]
    assert DEFAULT_ARGS["retries"] == RETRIES
    assert sum(waits, timedelta()) > timedelta(hours=1)


def test_an_outage_is_tried_again_to_the_last() -> None:
    for error in (RegistryError("away"), StoreError("the store does not answer")):
        assert decide(StepFailed(error), RETRIES, RETRIES).action is RetryAction.DEFAULT
    assert decide(ConnectionRefusedError(), RETRIES, RETRIES).action is RetryAction.DEFAULT


def test_what_is_no_outage_is_red_after_three_tries() -> None:
    for error in (ZeroDivisionError(), StepFailed(TrainingError("one class"))):
        last = RETRIES_OF_OTHERS + 1
        assert decide(error, last - 1, RETRIES).action is RetryAction.DEFAULT
        assert decide(error, last, RETRIES).action is RetryAction.FAIL


def test_a_task_that_a_person_cleared_has_all_its_tries_again() -> None:
    # Airflow goes on counting tries and raises the number of them by the retries.
    cleared_at = 3
    assert decide(ZeroDivisionError(), cleared_at + 1, cleared_at + RETRIES).action is (
        RetryAction.DEFAULT
    )


def test_what_trying_again_cannot_cure_is_red_at_once() -> None:
    assert decide(StepFailed(ConfigError("unknown key")), 1, RETRIES).action is RetryAction.FAIL
