"""What the service sends: a standing matter once, as from cron, and what Prometheus raises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.receivers import Hook
from support.registries import closed_port
from support.run_folders import NOW, walk
from support.watched import Answerer, answering, held

from pipelines.ops.monitor.rounds import Rounds
from pipelines.ops.monitor.settings import watch_settings
from pipelines.words import languages

SLOW = {
    "state": "firing",
    "labels": {"alertname": "EndpointSlow", "severity": "warning", "instance": "a:8000"},
    "annotations": {
        "summary": "Slow.",
        "description": "One in a hundred.",
        "runbook_url": "docs/runbooks/endpoint-slow.md",
    },
}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    made = Hook()
    monkeypatch.setenv("DENGUARD_ALERT_WEBHOOK_URL", made.url)
    monkeypatch.setenv("DENGUARD_ALERT_LANGUAGE", "en")
    yield made
    made.close()


@pytest.fixture
def prometheus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answerer]:
    with answering(Answerer()) as server:
        monkeypatch.setenv("DENGUARD_PROMETHEUS_URL", server.url)
        fires(server)
        yield server


def fires(prometheus: Answerer, *alerts: object) -> None:
    prometheus.answers["/api/v1/alerts"] = (200, {"data": {"alerts": list(alerts)}})


def watch() -> Rounds:
    return Rounds(watch_settings(), 300, 8, None)


def test_a_matter_that_stands_for_many_rounds_is_told_once(home: Path, hook: Hook) -> None:
    rounds = watch()
    for _ in range(4):
        rounds.round(NOW)
    rounds = watch()  # the container is made anew
    for _ in range(2):
        rounds.round(NOW)
    assert hook.kinds == ["late"]
    walk(home, "weekly")
    for _ in range(3):
        rounds.round(NOW)
    assert hook.kinds == ["late", "on-time"]


def test_held_values_are_not_told_again_after_their_list_could_not_be_read(
    home: Path, hook: Hook
) -> None:
    walk(home, "weekly")
    held(home, "2026-11-20")
    rounds, causes = watch(), home / "artifacts" / "held" / "causes.json"
    rounds.round(NOW)
    good = causes.read_bytes()
    causes.write_text("{ not JSON")
    rounds.round(NOW)
    causes.write_bytes(good)
    rounds.round(NOW)
    assert hook.kinds == ["unconfirmed"]


def test_what_a_rule_raises_is_sent_once_and_its_end_once_after_a_while(
    home: Path, hook: Hook, prometheus: Answerer
) -> None:
    walk(home, "weekly")
    rounds = watch()
    fires(prometheus, SLOW)
    for minute in range(3):
        rounds.round(NOW + minute * MINUTE)
    (alert,) = hook.alerts
    assert alert["title"] == "monitoring, warning: Slow."
    assert alert["body"] == (
        "One in a hundred.\nAbout: instance a:8000\nWhat to do: docs/runbooks/endpoint-slow.md"
    )
    fires(prometheus)
    for minute in (5, 10, 15):
        rounds.round(NOW + minute * MINUTE)
    assert hook.kinds == ["monitoring"], "a Prometheus that was begun anew raises it again"
    for minute in (20, 25):
        rounds.round(NOW + minute * MINUTE)
    assert hook.kinds == ["monitoring", "monitoring-over"]


def test_what_a_rule_raises_is_sent_for_the_deployment_and_not_for_each_line(
    home: Path, hook: Hook, prometheus: Answerer
) -> None:
    walk(home, "weekly")
    walk(home / "lines" / "monthly", "monthly")
    fires(prometheus, SLOW)
    watch().round(NOW)
    assert hook.kinds.count("monitoring") == 1


def test_what_ceased_for_a_moment_is_neither_over_nor_new(
    home: Path, hook: Hook, prometheus: Answerer
) -> None:
    walk(home, "weekly")
    rounds = watch()
    for minute, alerts in ((0, [SLOW]), (5, []), (10, [SLOW]), (15, []), (29, [SLOW])):
        fires(prometheus, *alerts)
        rounds.round(NOW + minute * MINUTE)
    assert hook.kinds == ["monitoring"]


def test_what_the_watch_tells_by_itself_or_does_not_fire_yet_is_not_sent(
    home: Path, hook: Hook, prometheus: Answerer
) -> None:
    walk(home, "weekly")
    own = {**SLOW, "labels": {"alertname": "BulletinLate", "told_by": "watch"}}
    fires(prometheus, own, {**SLOW, "state": "pending"})
    watch().round(NOW)
    assert hook.kinds == []


def test_while_prometheus_is_away_nothing_that_it_raised_is_over(
    home: Path, hook: Hook, prometheus: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk(home, "weekly")
    fires(prometheus, SLOW)
    watch().round(NOW)
    monkeypatch.setenv("DENGUARD_PROMETHEUS_URL", f"http://127.0.0.1:{closed_port()}")
    away = watch()
    for hour in range(3):
        away.round(NOW + timedelta(hours=hour))
    assert hook.kinds == ["monitoring"]


@pytest.mark.parametrize("odd", [[], {"data": None}, {"data": {"alerts": [{}]}}])
def test_an_odd_answer_of_prometheus_stops_no_round(
    home: Path, hook: Hook, prometheus: Answerer, odd: object
) -> None:
    walk(home, "weekly")
    prometheus.answers["/api/v1/alerts"] = (200, odd)
    assert "prometheus could not be read" in watch().round(NOW)


@pytest.mark.parametrize("language", sorted(languages()))
def test_a_rule_has_words_in_every_language(
    home: Path, hook: Hook, prometheus: Answerer, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_ALERT_LANGUAGE", language)
    walk(home, "weekly")
    fires(prometheus, SLOW)
    watch().round(NOW)
    (alert,) = hook.alerts
    assert "Slow." in alert["title"]
    assert "docs/runbooks/endpoint-slow.md" in alert["body"]
    assert "{" not in alert["text"]
