"""What Prometheus reads: requests, predictions and which champion serves. One registry per app."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from serving.standing import Standing

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The endpoint's counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "denguard_requests_total",
            "answered requests",
            ["route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "denguard_request_seconds",
            "time to answer",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.predictions = Counter(
            "denguard_predictions_total",
            "rows predicted",
            ["horizon_weeks", "outbreak"],
            registry=self.registry,
        )
        self.champion = Info("denguard_champion", "bundle that serves", registry=self.registry)
        self.ready = Gauge("denguard_ready", "1 if a champion serves", registry=self.registry)
        self.swaps = Counter(
            "denguard_champion_swaps_total", "bundles taken", registry=self.registry
        )
        self.poll_errors = Counter(
            "denguard_champion_errors_total",
            "looks at the alias that failed, by cause",
            ["cause"],
            registry=self.registry,
        )
        self.log_written = Counter(
            "denguard_prediction_log_lines_total",
            "answers written to the prediction log",
            registry=self.registry,
        )
        self.log_lost = Counter(
            "denguard_prediction_log_lost_total",
            "answers that the prediction log could not take",
            registry=self.registry,
        )
        self.failing = Gauge(
            "denguard_champion_failing",
            "1 if the last look at the alias failed",
            registry=self.registry,
        )
        self.registry_up = Gauge(
            "denguard_registry_up",
            "1 if the registry answered the last look",
            registry=self.registry,
        )
        self.as_of = Gauge(
            "denguard_champion_as_of_timestamp_seconds",
            "when the registry last named the champion that answers",
            registry=self.registry,
        )
        self.stale = Gauge(
            "denguard_champion_stale",
            "1 if that is longer ago than DENGUARD_STALE_AFTER_H",
            registry=self.registry,
        )

    def stands(self, standing: Standing, now: datetime) -> None:
        """After each look."""
        self.registry_up.set(0 if standing.away_since else 1)
        self.as_of.set(standing.as_of.timestamp() if standing.as_of else 0)
        self.stale.set(1 if standing.stale(now) else 0)
