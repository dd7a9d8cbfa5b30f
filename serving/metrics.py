"""What Prometheus reads: requests, predictions and which champion serves. One registry per app.

With several workers in one container each scrape meets one of them. Where
PROMETHEUS_MULTIPROC_DIR names a folder of theirs, every worker counts into it and answers with the
sum; it must be set before the process starts and be empty when the first worker does.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Literal

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.standing import Standing

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BUNDLE = ("version", "bundle_id", "head")
_Mode = Literal["livemax", "livemin"]
_SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The endpoint's counters. Gauges tell of workers that live, counters of dead ones, too."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._folder = os.environ.get(_SHARED_FOLDER)
        self._serving: tuple[str, str, str] | None = None
        count, gauge = self._count, self._gauge
        self.requests = count("denguard_requests_total", "answered requests", "route", "status")
        self.seconds = Histogram(
            "denguard_request_seconds",
            "time to answer",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        predicted = ("horizon_weeks", "outbreak")
        self.predictions = count("denguard_predictions_total", "rows predicted", *predicted)
        self._champion = gauge("denguard_champion_info", "bundle that serves", "livemax", *_BUNDLE)
        self.ready = gauge("denguard_ready", "1 if a champion serves, in every worker", "livemin")
        self.swaps = count("denguard_champion_swaps_total", "bundles taken")
        failed = "looks at the alias that failed, by cause"
        self.poll_errors = count("denguard_champion_errors_total", failed, "cause")
        self._log_counters()
        failing = "1 if the last look at the alias failed, in any worker"
        self.failing = gauge("denguard_champion_failing", failing, "livemax")
        self._registry_gauges()

    def _log_counters(self) -> None:
        written = "answers written to the prediction log"
        self.log_written = self._count("denguard_prediction_log_lines_total", written)
        lost = "answers that the prediction log could not take"
        self.log_lost = self._count("denguard_prediction_log_lost_total", lost)

    def _registry_gauges(self) -> None:
        up = "1 if the registry answered the last look, of every worker"
        self.registry_up = self._gauge("denguard_registry_up", up, "livemin")
        named = "when the registry last named the champion that answers"
        self.as_of = self._gauge("denguard_champion_as_of_timestamp_seconds", named, "livemin")
        stale = "1 if that is longer ago than DENGUARD_STALE_AFTER_H"
        self.stale = self._gauge("denguard_champion_stale", stale, "livemax")

    def stands(self, standing: Standing, now: datetime) -> None:
        """After each look."""
        self.registry_up.set(0 if standing.away_since else 1)
        self.as_of.set(standing.as_of.timestamp() if standing.as_of else 0)
        self.stale.set(1 if standing.stale(now) else 0)

    def _count(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, mode: _Mode, *labels: str) -> Gauge:
        return Gauge(name, what, labels, registry=self.registry, multiprocess_mode=mode)

    def serves(self, version: str, bundle_id: str, head: str) -> None:
        """Name the bundle that serves from now on."""
        if self._serving is not None and self._folder:
            self._champion.labels(*self._serving).set(0)  # shared files forget no label
        elif self._serving is not None:
            self._champion.remove(*self._serving)
        self._serving = (version, bundle_id, head)
        self._champion.labels(*self._serving).set(1)

    def scraped(self) -> bytes:
        """All of it as Prometheus reads it: this process's, or that of all workers together."""
        if not self._folder:
            return generate_latest(self.registry)
        _forget_the_dead(Path(self._folder))
        together = CollectorRegistry()
        MultiProcessCollector(together, self._folder)
        return generate_latest(together)


def _forget_the_dead(folder: Path) -> None:
    """Remove what gauges of killed workers said; a worker that is told to stop cannot do better."""
    for pid in {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*_*.db")}:
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, str(folder))
