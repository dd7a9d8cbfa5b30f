"""Writes the prediction log: a line before each answer, and retention.

A line is written where the answer is made, not in a thread behind a queue: some ten microseconds a
request buy that no answer is ever seen that the log does not know. A full, read-only or absent disk
costs lines, never answers; it is logged once when it begins and once when it is over, and counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pipelines.errors import StoreError
from pipelines.inference.prediction_log import LoggedAnswer, PredictionLog, mark_day, prune
from pipelines.registry.named import Registered
from serving.metrics import Metrics
from serving.settings import Settings

log = logging.getLogger(__name__)
_TIDY_EVERY_S = 3600.0  # days end once a day, but a machine may have slept over midnight


class PredictionLogWriter:
    """Writes the prediction log of one worker and keeps it tidy; without days to keep, neither."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._paths, self._days = settings.paths, settings.prediction_log_days
        self._metrics = metrics
        self._log = PredictionLog(settings.paths) if self._days else None
        self._failing = False

    def record(
        self,
        trace_id: str,
        answered_by: Registered,
        asked: bytes,
        answers: Sequence[dict[str, Any]],
        forecast_version: str | None = None,
    ) -> None:
        """Add the line of an answer. Never raises for the disk's sake.

        Args:
            answered_by: whose model answers, or made the forecast.
            asked: body or query as it was sent; only its hash is written.
            answers: bodies of serving.answers, of which the log keeps what it has a field for.
            forecast_version: that they were read from, if they were.
        """
        if self._log is None:
            return
        line = LoggedAnswer.model_validate(
            {
                "trace_id": trace_id,
                "at": datetime.now(UTC),
                "input_sha256": hashlib.sha256(asked).hexdigest(),
                "bundle_id": answered_by.bundle_id,
                "model_version": answered_by.version,
                "predictions": answers,
                "forecast_version": forecast_version,
            }
        )
        try:
            self._log.append(line)
        except OSError as err:
            self._lost(err)
        else:
            self._written()

    def _lost(self, err: OSError) -> None:
        self._metrics.log_lost.inc()
        if not self._failing:
            log.error(
                "the prediction log cannot be written: %s; predictions go on without it. What to "
                "do: make room or correct the permissions of %s",
                err,
                self._paths.artifacts,
            )
        self._failing = True

    def _written(self) -> None:
        self._metrics.log_written.inc()
        if self._failing:
            log.warning(
                "the prediction log is written again; denguard_prediction_log_lost_total says how "
                "many lines are missing"
            )
        self._failing = False

    async def keep_tidy(self) -> None:
        """Remove days that are older than retention allows, now and then, until cancelled."""
        while self._days:
            await asyncio.to_thread(self.tidy)
            await asyncio.sleep(_TIDY_EVERY_S)

    def tidy(self) -> None:
        """Remove what is too old now. Never raises for the disk's sake."""
        try:
            today = datetime.now(UTC).date()
            mark_day(self._paths, today)
            pruned = prune(self._paths, self._days, today)
        except (OSError, StoreError) as err:
            log.error("old days of the prediction log could not be removed: %s", err)
            return
        if pruned:
            log.info("%d day(s) of the prediction log up to %s removed", len(pruned), max(pruned))

    def close(self) -> None:
        """Bring the last lines to the disk. Never raises for the disk's sake."""
        try:
            if self._log is not None:
                self._log.close()
        except OSError as err:
            log.error("the prediction log may lack its last lines: %s", err)
