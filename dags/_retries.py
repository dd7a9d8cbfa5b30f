"""Which failed steps are tried again, how often and after how long.

A service that is away for an hour (S3, MLflow, a database, a share) is outlasted without a person.
What fails for a reason that nobody named is tried a few times more, what cannot pass not at all.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from pipelines.errors import (
    ChampionLostError,
    ConfigError,
    DenguardError,
    DropError,
    EndedError,
    LabelRuleError,
    LeakageError,
    TrainingError,
    ValidationStopped,
)

# Trying again cannot help: the drop, the parameters, the code or the registry must change first.
NOT_RETRIED = (
    ChampionLostError,
    ConfigError,
    DropError,
    EndedError,
    LabelRuleError,
    LeakageError,
    TrainingError,
    ValidationStopped,
)
RETRIES = 10  # with these pauses over an hour, see below
FEW_RETRIES = 2  # of what may pass, but is no service that is away
FIRST_PAUSE = timedelta(seconds=30)
BACKOFF = 2.0  # Airflow takes a pause between one and two times the one it computes
LONGEST_PAUSE = timedelta(minutes=10)
# Seconds: 30, 60, 120, 240, 480 and five times 600 are 3930 at least.


class StepFailed(SystemExit):
    """A named error of a step, whose cause and fix are in the log already.

    Airflow logs every exception with its traceback, whatever is raised `from None`; SystemExit is
    the only one that it logs as one line. It is retried, or not, like any other (RetryPolicy).
    """

    def __init__(self, error: DenguardError) -> None:
        super().__init__(type(error).__name__)
        self.error = error


class RetryWhatMayPass(RetryPolicy):
    """Try again what passes by itself: a service that is away for long, all else a few times."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Any = None,  # noqa: ARG002 Airflow's signature
    ) -> RetryDecision:
        """Fail at once where trying again cannot help, soon where it hardly will."""
        error = getattr(exception, "error", exception)
        if isinstance(error, NOT_RETRIED):
            return RetryDecision.fail("something must be corrected first")
        if not is_away(error) and tries_since_clear(try_number, max_tries) > FEW_RETRIES:
            return RetryDecision.fail(f"tried {FEW_RETRIES + 1} times, and no service is away")
        return RetryDecision.default()


def is_away(error: BaseException) -> bool:
    """Whether a service did not answer: then the same step may succeed later."""
    if isinstance(error, DenguardError):
        return error.away
    return isinstance(error, ConnectionError | TimeoutError)


def tries_since_clear(try_number: int, max_tries: int) -> int:
    """Which try this is of those that Airflow grants: a person's clearing grants all of them
    anew."""
    return try_number - max(0, max_tries - RETRIES)
