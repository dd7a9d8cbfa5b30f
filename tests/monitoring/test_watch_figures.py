"""The watch's figures: what a round reads, and what it says of a part that it cannot read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from support.registries import closed_port
from support.run_folders import NOW, move, walk
from support.watched import (
    PASSWORD,
    USER,
    Airflow,
    Answerer,
    answering,
    backup,
    certificate,
    eventful,
    held,
)

from pipelines.errors import ConfigError
from pipelines.ops.monitor.figures import GAUGES, Readings
from pipelines.ops.monitor.rounds import Rounds
from pipelines.ops.monitor.settings import watch_settings

DAY = timedelta(days=1)
Labels = frozenset[tuple[str, str]]


class Shown:
    """A watch whose figures are read as Prometheus reads them."""

    def __init__(self) -> None:
        self.rounds = Rounds(watch_settings(), 300, 8, None)

    def at(self, now: datetime = NOW) -> str:
        return self.rounds.round(now)

    def all(self) -> dict[tuple[str, Labels], float]:
        text = generate_latest(self.rounds.figures.registry).decode()
        samples = (s for family in text_string_to_metric_families(text) for s in family.samples)
        return {(s.name, frozenset(s.labels.items())): s.value for s in samples}

    def figure(self, name: str, **labels: str) -> float | None:
        return self.all().get((f"denguard_{name}", frozenset(labels.items())))

    def unread(self) -> set[str]:
        name = "denguard_watch_part_failed"
        return {dict(labels)["part"] for found, labels in self.all() if found == name}


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    with answering(Airflow()) as server:
        monkeypatch.setenv("DENGUARD_AIRFLOW_URL", server.url)
        monkeypatch.setenv("DENGUARD_AIRFLOW_USER", USER)
        monkeypatch.setenv("DENGUARD_AIRFLOW_PASSWORD", PASSWORD)
        yield server


def test_every_figure_is_exported_where_there_is_something_to_say(
    home: Path, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in eventful(home, NOW).items():
        monkeypatch.setenv(name, value)
    airflow.queued = [("default", NOW)]
    shown = Shown()
    shown.at()
    names = {name for name, _ in shown.all()}
    assert set(GAUGES) - names == {"denguard_watch_part_failed"}, "nothing failed"


def test_a_bulletin_is_as_old_as_its_run_and_late_by_the_watchdogs_word(home: Path) -> None:
    shown = Shown()
    assert shown.at().startswith("LATE: no forecast was ever made here")
    assert shown.figure("bulletin_late", line="main") == 1
    assert shown.figure("bulletin_finished_timestamp_seconds", line="main") is None
    walk(home, "weekly")
    assert shown.at(NOW + DAY).startswith("on time: forecast 2026-w46-v")
    assert shown.figure("bulletin_late", line="main") == 0
    finished = shown.figure("bulletin_finished_timestamp_seconds", line="main")
    assert finished == NOW.timestamp()
    assert shown.figure("bulletin_allowed_age_seconds", line="main") == 8 * 86400
    known = datetime(2026, 11, 22, tzinfo=UTC)  # the week 2026-w46 ends on Saturday the 21st
    assert shown.figure("bulletin_known_until_timestamp_seconds", line="main") == known.timestamp()
    shown.at(NOW + 9 * DAY)
    assert shown.figure("bulletin_late", line="main") == 1


def test_a_failed_run_names_its_step_and_the_line_of_the_log_says_what_to_do(home: Path) -> None:
    eventful(home, NOW)
    shown = Shown()
    said = shown.at()
    assert "run next failed at step validate: a shard is damaged. What to do: run it again" in said
    assert "\n" not in said
    assert shown.figure("run_state", line="main", state="failed") == 1
    assert shown.figure("run_state", line="main", state="running") == 0
    assert shown.figure("run_failed_step", line="main", step="validate") == 1
    assert shown.figure("audit_champion", line="main", version="7", bundle_id="b") == 1
    walk(home, "after", at=NOW)
    shown.at()
    assert shown.figure("run_failed_step", line="main", step="validate") is None, "it is over"


def test_held_values_are_as_old_as_their_drop_or_its_arrival(home: Path) -> None:
    held(home, "2026-11-10")
    shown = Shown()
    shown.at()
    received = datetime(2026, 11, 10, tzinfo=UTC).timestamp()
    assert shown.figure("held_causes", line="main", looks="high") == 1
    assert shown.figure("held_oldest_timestamp_seconds", line="main") == received
    drop = home / "data" / "drops" / "2026-11-10"
    drop.mkdir(parents=True)
    os.utime(drop, (NOW.timestamp(), NOW.timestamp()))
    shown.at()
    assert shown.figure("held_oldest_timestamp_seconds", line="main") == NOW.timestamp()


def test_each_line_of_a_deployment_has_its_own_figures(home: Path) -> None:
    walk(home, "weekly")
    walk(home / "lines" / "monthly", "m", at=NOW - 30 * DAY)
    shown = Shown()
    said = shown.at()
    assert "; line monthly: LATE" in said
    assert shown.figure("bulletin_late", line="main") == 0
    assert shown.figure("bulletin_late", line="monthly") == 1


def test_the_certificate_that_ends_first_counts(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path / "chain.pem", NOW + 80 * DAY, NOW + 20 * DAY, NOW + 300 * DAY)
    monkeypatch.setenv("DENGUARD_WATCH_CERTIFICATE", str(pem))
    shown = Shown()
    shown.at()
    first = (NOW + 20 * DAY).timestamp()
    assert shown.figure("certificate_not_after_timestamp_seconds") == first
    pem.write_bytes(b"")  # the ministry gave none, and the proxy makes one for itself
    shown.at()
    assert shown.figure("certificate_not_after_timestamp_seconds") is None
    assert shown.unread() == set()
    pem.write_text("not a certificate")
    assert "certificate could not be read" in shown.at()
    assert shown.unread() == {"certificate"}


def test_the_newest_complete_backup_counts_open_or_sealed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_BACKUP_INTO", str(tmp_path / "vault"))
    shown = Shown()
    shown.at()
    assert shown.unread() == {"backup"}, "a folder that is not mounted is no empty one"
    (tmp_path / "vault").mkdir()
    shown.at()
    assert shown.figure("backup_newest_timestamp_seconds") == 0
    backup(tmp_path / "vault", "2026-11-21T060000Z.json")
    backup(tmp_path / "vault", "2026-11-22T060000Z.sealed")
    backup(tmp_path / "vault", ".2026-11-23T060000Z.json.part")
    backup(tmp_path / "vault", "notes.json")
    shown.at()
    newest = datetime(2026, 11, 22, 6, tzinfo=UTC).timestamp()
    assert shown.figure("backup_newest_timestamp_seconds") == newest


def test_the_queues_of_airflow_are_as_old_as_their_oldest_task(
    home: Path, airflow: Airflow
) -> None:
    airflow.queued = [("cpu-heavy", NOW), ("cpu-heavy", NOW - DAY)]
    shown = Shown()
    shown.at()
    oldest = (NOW - DAY).timestamp()
    assert shown.figure("airflow_oldest_queued_timestamp_seconds", queue="cpu-heavy") == oldest
    assert shown.figure("airflow_queued_tasks", queue="cpu-heavy") == 2
    assert shown.figure("airflow_queued_tasks", queue="default") == 0
    beat = shown.figure("airflow_heartbeat_timestamp_seconds", component="scheduler")
    assert beat == pytest.approx(airflow.heartbeat.timestamp())
    never = shown.figure("airflow_heartbeat_timestamp_seconds", component="triggerer")
    assert never is None, "one that was never started is not dead"


def test_one_login_serves_until_its_token_ends(home: Path, airflow: Airflow) -> None:
    shown = Shown()
    for _ in range(3):
        shown.at()
    assert airflow.logins == 1
    airflow.token = "t2"
    shown.at()
    assert (airflow.logins, shown.unread()) == (2, set())


def test_without_a_user_airflows_heartbeats_are_read_alone(
    home: Path, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DENGUARD_AIRFLOW_USER")
    shown = Shown()
    shown.at()
    assert {path for _, path, _ in airflow.asked} == {"/api/v2/monitor/health"}
    assert shown.unread() == set()


def test_a_redirect_gets_no_token(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(Answerer()) as thief, answering(Answerer(location=f"{thief.url}/x")) as server:
        server.answers = {
            "/api/v2/monitor/health": (200, {}),
            "/auth/token": (201, {"access_token": "t1"}),
            "/api/v2/dags/~/dagRuns/~/taskInstances": (302, {}),
        }
        monkeypatch.setenv("DENGUARD_AIRFLOW_URL", server.url)
        monkeypatch.setenv("DENGUARD_AIRFLOW_USER", USER)
        monkeypatch.setenv("DENGUARD_AIRFLOW_PASSWORD", PASSWORD)
        shown = Shown()
        shown.at()
        assert thief.asked == []
        assert shown.unread() == {"airflow"}


def test_services_that_are_away_leave_their_figures_out_and_the_others_in(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    walk(home, "weekly")
    monkeypatch.setenv("DENGUARD_AIRFLOW_URL", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("DENGUARD_PROMETHEUS_URL", f"http://127.0.0.1:{closed_port()}")
    shown = Shown()
    for _ in range(3):
        said = shown.at()
    assert said.endswith("prometheus could not be read; airflow could not be read")
    assert shown.unread() == {"airflow", "prometheus"}
    assert shown.figure("bulletin_late", line="main") == 0
    assert [r.message for r in caplog.records if "airflow" in r.message] == [
        f"airflow could not be read: no answer (URLError). Where: "
        f"{os.environ['DENGUARD_AIRFLOW_URL']}/api/v2/monitor/health."
    ], "why, once while it stays so"


def test_a_store_that_is_away_hides_held_values_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk(home, "weekly")
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", "s3://artifacts")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    shown = Shown()
    assert shown.at().endswith("; held of main could not be read")
    assert shown.unread() == {"held"}
    assert shown.figure("bulletin_late", line="main") == 0


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("artifacts/held/causes.json", "held"),
        ("artifacts/runs/next/run.json", "run"),
    ],
)
def test_a_damaged_file_hides_its_own_part_alone(home: Path, file: str, part: str) -> None:
    eventful(home, NOW)
    (home / file).write_text("{ not JSON")
    shown = Shown()
    shown.at()
    assert shown.unread() == {part}
    assert shown.figure("bulletin_late", line="main") == 0
    assert shown.figure("audit_champion", line="main", version="7", bundle_id="b") == 1


def test_the_champion_that_was_taken_away_has_no_figure(home: Path) -> None:
    move(home, "promote", None, "7")
    move(home, "adopt-rule", "7", None)
    shown = Shown()
    shown.at()
    assert shown.figure("audit_champion", line="main", version="7", bundle_id="b") is None
    assert shown.figure("bulletin_late", line="main") == 1


def test_a_figure_that_is_not_declared_cannot_be_shown() -> None:
    with pytest.raises(KeyError):
        Readings().put("denguard_something", 1)
    with pytest.raises(ValueError, match="told apart"):
        Readings().put("denguard_bulletin_late", 1)


def test_a_setting_that_cannot_be_used_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DENGUARD_AIRFLOW_URL", "sesame:8080")
    with pytest.raises(ConfigError, match="DENGUARD_AIRFLOW_URL: Value error, write http") as told:
        watch_settings()
    assert "sesame" not in str(told.value)
