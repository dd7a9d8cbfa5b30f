"""Which failed steps are tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from pipelines.errors import (
    ConfigError,
    DenguardError,
    DropError,
    LabelRuleError,
    LeakageError,
    TrainingError,
    ValidationStopped,
)

# Trying again cannot help: the drop, the parameters or the code must change first.
NOT_RETRIED = (ConfigError, DropError, LeakageError, ValidationStopped)

# What passes by itself may take an hour: a server that is replaced, a store that somebody has to
# start. Airflow doubles the delay up to the longest; of ten the last begins after 65 minutes or more.
RETRIES = 10
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(minutes=10)
# What nobody foresaw, and what data and code bring about, seldom passes: people hear of it soon.
RETRIES_OF_OTHERS = 2


class StepFailed(SystemExit):
    """A named error of a step, whose cause and fix are in the log already.

    Airflow logs every exception with its traceback, whatever is raised `from None`; SystemExit is
    the only one that it logs as one line. It is retried, or not, like any other (RetryPolicy).
    """

    def __init__(self, error: DenguardError) -> None:
        super().__init__(type(error).__name__)
        self.error = error


class RetryWhatMayPass(RetryPolicy):
    """Try again what passes by itself (a lock, a full disk, a service that restarts)."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Any = None,  # noqa: ARG002 Airflow's signature
    ) -> RetryDecision:
        """Fail at once where trying again cannot help, and soon where it seldom does."""
        error = getattr(exception, "error", None)
        if isinstance(error, NOT_RETRIED):
            return RetryDecision.fail("the drop, the parameters or the code must change first")
        tried = try_number - max(0, max_tries - RETRIES)  # since it was last cleared by a person
        if not _may_pass(exception, error) and tried > RETRIES_OF_OTHERS:
            return RetryDecision.fail(f"{tried} tries ended alike, and it is no outage")
        return RetryDecision.default()


def _may_pass(exception: BaseException, error: DenguardError | None) -> bool:
    """Whether it may be an outage: of a service, a store, the network or the disk."""
    if error is not None:
        return not isinstance(error, LabelRuleError | TrainingError)
    return isinstance(exception, OSError)
