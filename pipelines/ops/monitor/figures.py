"""The figures that Prometheus reads from the watch: their names, and their values of a round.

Times are Unix timestamps and not ages, so that an age goes on growing while nothing is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector


class Gauge(NamedTuple):
    """A figure: what it says, and by what its values are told apart."""

    says: str
    labels: tuple[str, ...] = ()


_LINE = ("line",)
GAUGES: Mapping[str, Gauge] = {
    "denguard_bulletin_finished_timestamp_seconds": Gauge(
        "when the newest finished forecast was finished", _LINE
    ),
    "denguard_bulletin_known_until_timestamp_seconds": Gauge(
        "end of the newest week that it knows", _LINE
    ),
    "denguard_bulletin_allowed_age_seconds": Gauge("older than this it is late", _LINE),
    "denguard_bulletin_late": Gauge("1 if it is late, for whatever reason", _LINE),
    "denguard_bulletin_fallback": Gauge("1 if it stands in place of a finished run's", _LINE),
    "denguard_held_causes": Gauge(
        "causes of held values that wait for an answer", ("line", "looks")
    ),
    "denguard_held_oldest_timestamp_seconds": Gauge(
        "receipt of the oldest drop with held values that wait", _LINE
    ),
    "denguard_run_state": Gauge("1 for the state of the newest run", ("line", "state")),
    "denguard_run_failed_step": Gauge("1 for the step that it failed at", ("line", "step")),
    "denguard_run_last_sign_timestamp_seconds": Gauge("its last sign of life", _LINE),
    "denguard_audit_champion": Gauge(
        "1 for the champion, by the audit file", ("line", "version", "bundle_id")
    ),
    "denguard_audit_champion_since_timestamp_seconds": Gauge("since when it serves", _LINE),
    "denguard_alerts_waiting": Gauge("alerts that a channel has not got yet", _LINE),
    "denguard_disk_free_bytes": Gauge("room for denguard on the disk of a folder", ("folder",)),
    "denguard_disk_size_bytes": Gauge("size of that disk", ("folder",)),
    "denguard_certificate_not_after_timestamp_seconds": Gauge("end of the proxy's certificate"),
    "denguard_backup_newest_timestamp_seconds": Gauge(
        "when the newest complete backup was made; 0 if there is none"
    ),
    "denguard_airflow_heartbeat_timestamp_seconds": Gauge(
        "last heartbeat of a component", ("component",)
    ),
    "denguard_airflow_queued_tasks": Gauge("tasks that wait for a worker", ("queue",)),
    "denguard_airflow_oldest_queued_timestamp_seconds": Gauge(
        "since when the oldest of them waits", ("queue",)
    ),
    "denguard_watch_part_failed": Gauge("1 if a part could not be read", ("part", "line")),
    "denguard_watch_round_finished_timestamp_seconds": Gauge("end of the last round"),
    "denguard_watch_round_seconds": Gauge("how long it took"),
    "denguard_watch_every_seconds": Gauge("from one round to the next"),
}


@dataclass
class Readings:
    """What one round found: name -> values of the labels -> value."""

    found: dict[str, dict[tuple[str, ...], float]] = field(default_factory=dict)

    def put(self, name: str, value: float, *labels: str) -> None:
        """Note a value. Raises KeyError, ValueError for a figure or labels that GAUGES lacks."""
        if len(labels) != len(GAUGES[name].labels):
            raise ValueError(f"{name} is told apart by {GAUGES[name].labels}")
        self.found.setdefault(name, {})[labels] = value


class Figures(Collector):
    """The newest round's readings as Prometheus reads them, and counters of the rounds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._newest = Readings()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)  # its processor seconds and its memory
        self.rounds = Counter(
            "denguard_watch_rounds_total", "rounds by their end", ["end"], registry=self.registry
        )
        for end in ("done", "failed"):
            self.rounds.labels(end)

    def show(self, readings: Readings) -> None:
        """From now on these; a scrape sees a whole round or the one before, never half of one."""
        self._newest = readings

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """For prometheus_client; a figure without a value in this round is left out."""
        readings = self._newest
        for name, values in readings.found.items():
            family = GaugeMetricFamily(name, GAUGES[name].says, labels=GAUGES[name].labels)
            for labels, value in values.items():
                family.add_metric(labels, value)
            yield family
