"""What Prometheus reads: requests, predictions and which champion serves. One registry per app."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

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
