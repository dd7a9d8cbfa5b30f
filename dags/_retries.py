"""Which failed steps are tried again."""

from __future__ import annotations

from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from pipelines.errors import (
    ConfigError,
    DenguardError,
    DropError,
    LeakageError,
    ValidationStopped,
)

# Trying again cannot help: the drop, the parameters or the code must change first.
NOT_RETRIED = (ConfigError, DropError, LeakageError, ValidationStopped)


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
        try_number: int,  # noqa: ARG002 Airflow's signature, as the next two
        max_tries: int,  # noqa: ARG002
        context: Any = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Fail at once where trying again cannot help."""
        if isinstance(getattr(exception, "error", None), NOT_RETRIED):
            return RetryDecision.fail("the drop, the parameters or the code must change first")
        return RetryDecision.default()
