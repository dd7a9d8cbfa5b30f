"""Alerts against real receivers: once a transition, kept while a channel is down, never a
secret."""

from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.receivers import Hook, mail_server
from support.registries import closed_port
from support.run_folders import NOW, fail, mend, move, walk
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import DeploymentPaths
from pipelines.contracts import WITHOUT
from pipelines.errors import BusyError, ConfigError, DeployError, StoreError
from pipelines.ops import alerts, channels, texts
from pipelines.ops.alerts import load, send_alerts
from pipelines.ops.settings import alert_settings
from pipelines.ops.status import open_alerts
from pipelines.ops.watch import check_lateness
from pipelines.run.events import append_event
from pipelines.run.lock import by_airflow, during, release
from pipelines.storage import write_json
from pipelines.words import languages, words_of

ROOT = Path(__file__).parents[2]
SECRETS = ("sesame", "bearer-1", "hmac-1", "pass-1")
LATER = NOW + timedelta(days=9)


@pytest.fixture
def paths(home: Path) -> DeploymentPaths:
    return DeploymentPaths(home=home)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    made = Hook()
    monkeypatch.setenv("DENGUARD_ALERT_WEBHOOK_URL", made.url)
    monkeypatch.setenv("DENGUARD_ALERT_WEBHOOK_BEARER", "bearer-1")
    monkeypatch.setenv("DENGUARD_ALERT_WEBHOOK_SECRET", "hmac-1")
    monkeypatch.setenv("DENGUARD_ALERT_LANGUAGE", "en")
    yield made
    made.close()


def kinds(paths: DeploymentPaths) -> list[str]:
    """Kinds of the new alerts; lateness is not checked."""
    return [alert["kind"] for alert in send_alerts(paths, None, NOW)]


def watch(paths: DeploymentPaths, later: timedelta = timedelta(0)) -> None:
    send_alerts(paths, check_lateness(paths, NOW + later), NOW + later)


def test_a_late_forecast_is_told_once_and_once_more_when_it_is_on_time_again(
    paths: DeploymentPaths, hook: Hook
) -> None:
    for _ in range(3):
        watch(paths)
    assert hook.kinds == ["late"]
    assert "no forecast was ever made" in hook.alerts[0]["body"]
    walk(paths.home, "weekly")
    for _ in range(3):
        watch(paths)
    assert hook.kinds == ["late", "on-time"]


def test_a_failed_run_tells_cause_and_fix_once_a_step_and_its_recovery_once(
    paths: DeploymentPaths, hook: Hook
) -> None:
    folder = walk(paths.home, "weekly", "ingest")
    fail(folder, "validate", StoreError("a shard is damaged", where="shard 3", fix="run it again"))
    for _ in range(2):
        send_alerts(paths)
    (alert,) = hook.alerts
    assert (alert["kind"], alert["run_id"]) == ("run-failed", "weekly")
    assert alert["title"] == "run weekly failed at step validate"
    assert "Cause: a shard is damaged" in alert["body"]
    assert "What to do: run it again" in alert["body"]
    fail(folder, "train", StoreError("another thing"))  # further on, another cause
    send_alerts(paths)
    for step in ("validate", "train"):
        mend(folder, step)
    send_alerts(paths)  # neither failed nor finished: it was cleared and has not ended
    walk(paths.home, "weekly")
    for _ in range(2):
        send_alerts(paths)
    assert hook.kinds == ["run-failed", "run-failed", "recovered"]


def test_a_failure_that_airflow_may_try_again_is_not_told_yet(
    paths: DeploymentPaths, hook: Hook
) -> None:
    fail(walk(paths.home, "weekly", "ingest"), "validate", StoreError("the disk is full"))
    with by_airflow(), during(paths, "weekly", "validate"):
        pass
    send_alerts(paths)
    assert hook.kinds == []
    release(paths, "weekly")  # what the end of the DAG run does
    send_alerts(paths)
    assert hook.kinds == ["run-failed"]


def test_champions_are_told_by_their_net_change(paths: DeploymentPaths, hook: Hook) -> None:
    walk(paths.home, "weekly")
    move(paths.home, "promote", None, "1")
    send_alerts(paths)
    move(paths.home, "promote", "1", "2")
    move(paths.home, "undo", "2", "1")
    send_alerts(paths)
    move(paths.home, "rollback", "1", "0")
    send_alerts(paths)
    assert hook.kinds == ["champion-promote", "champion-rollback"]
    assert [a["title"] for a in hook.alerts] == [
        "version 1 is champion now",
        "rolled back: version 0 is champion again",
    ]


def test_a_refused_deployment_has_its_own_words(paths: DeploymentPaths, hook: Hook) -> None:
    fail(
        walk(paths.home, "weekly"),
        "report",
        DeployError("the new champion was not deployed: bad", fix="correct it"),
    )
    send_alerts(paths)
    assert hook.kinds == ["deploy-refused"]
    assert "The old champion serves" in hook.alerts[0]["body"]


@pytest.mark.parametrize("trouble", ["down", "500", "redirect"])
def test_a_receiver_in_trouble_hears_of_it_at_the_next_call_once(
    paths: DeploymentPaths, hook: Hook, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble == "down":
        monkeypatch.setenv(
            "DENGUARD_ALERT_WEBHOOK_URL", f"http://127.0.0.1:{closed_port()}/hook/sesame"
        )
    hook.status = {"500": 500, "redirect": 302}.get(trouble, 200)
    watch(paths)
    watch(paths)
    tried = [a["id"] for a in hook.alerts]
    monkeypatch.setenv("DENGUARD_ALERT_WEBHOOK_URL", hook.url)
    hook.status = 200
    watch(paths)
    watch(paths)
    ids = [a["id"] for a in hook.alerts]
    assert len(ids) == len(tried) + 1
    assert len(set(ids)) == 1, "an alert that is sent again keeps its id"
    assert hook.calls[-1][0]["X-Denguard-Alert-Id"] == ids[0]
    assert [line["sent"] for line in alerts.newest_sent(paths)] == [False, False, True]


def test_a_receiver_that_drips_its_answer_holds_nobody_up(
    paths: DeploymentPaths, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "SEND_TIMEOUT_S", 0.5)
    hook.drips = True
    watch(paths)
    assert hook.calls and not hook.dripped, "it waited for the end"
    (line,) = alerts.newest_sent(paths)
    assert line["error"] == "no answer within 0.5 s"


def test_three_callers_at_once_tell_it_once(paths: DeploymentPaths, hook: Hook) -> None:
    walk(paths.home, "weekly")
    command = [sys.executable, "-m", "pipelines.cli", "watch", "--now", LATER.isoformat()]
    environment = {**os.environ, "DENGUARD_HOME": str(paths.home)}
    callers = [
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(3)
    ]
    assert [c.wait(60) for c in callers] == [1, 1, 1]
    assert hook.kinds == ["late"]


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


def test_a_caller_killed_before_it_could_send_loses_nothing(
    paths: DeploymentPaths, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(alerts, "send", die)
        with pytest.raises(Killed):
            watch(paths)
    watch(paths)
    assert hook.kinds == ["late"]


def test_a_caller_killed_after_it_sent_sends_again_under_the_same_id(
    paths: DeploymentPaths, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send_and_die(*arguments: Any) -> None:
        channels.send(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(alerts, "send", send_and_die)
        with pytest.raises(Killed):
            watch(paths)
    watch(paths)
    watch(paths)
    first, again = hook.alerts
    assert first["id"] == again["id"]


def test_the_receiver_can_check_who_sent_it(paths: DeploymentPaths, hook: Hook) -> None:
    watch(paths)
    headers, raw = hook.calls[0]
    assert headers["Authorization"] == "Bearer bearer-1"
    assert (
        headers["X-Denguard-Signature"]
        == f"sha256={hmac.new(b'hmac-1', raw, hashlib.sha256).hexdigest()}"
    )


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # loopback
def test_mail_arrives_with_a_login_and_the_webhook_is_not_told_twice_while_mail_is_down(
    paths: DeploymentPaths, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_ALERT_EMAIL_TO", "ops@example.org, boss@example.org")
    monkeypatch.setenv("DENGUARD_ALERT_EMAIL_FROM", "denguard@example.org")
    with mail_server("pass-1") as (address, mails):
        monkeypatch.setenv("DENGUARD_SMTP_URL", f"smtp://denguard:wrong@{address}")
        watch(paths)
        assert [line["error"] for line in alerts.newest_sent(paths)] == [
            None,
            "the mail server answered 535 (SMTPAuthenticationError)",
        ]
        monkeypatch.setenv("DENGUARD_SMTP_URL", f"smtp://denguard:pass-1@{address}")
        watch(paths)
        watch(paths)
    assert hook.kinds == ["late"]
    (mail,) = mails
    assert mail.rcpt_tos == ["ops@example.org", "boss@example.org"]
    text = mail.content.decode()
    assert "Subject: [denguard] the weekly forecast is late" in text
    assert f"Message-ID: <{hook.alerts[0]['id']}@denguard>" in text


def test_no_secret_is_in_any_log_or_file(
    paths: DeploymentPaths,
    hook: Hook,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("DENGUARD_ALERT_EMAIL_TO", "ops@example.org")
    monkeypatch.setenv("DENGUARD_ALERT_EMAIL_FROM", "denguard@example.org")
    monkeypatch.setenv("DENGUARD_SMTP_URL", f"smtp://denguard:pass-1@127.0.0.1:{closed_port()}")
    logging.getLogger("httpx").setLevel(logging.INFO)  # as in a process that configured nothing
    with caplog.at_level(logging.DEBUG):
        watch(paths)
        hook.status = 500
        walk(paths.home, "weekly")
        watch(paths)
        monkeypatch.setenv("DENGUARD_ALERT_WEBHOOK_URL", "ftp://host/sesame")
        watch(paths)
    assert "answered HTTP 500" in caplog.text
    kept = "".join(p.read_text() for p in (paths.artifacts / "alerts").glob("*.json*"))
    assert not [s for s in SECRETS if s in caplog.text + kept]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DENGUARD_ALERT_WEBHOOK_URL", "hooks.example.org/sesame", "write https://"),
        ("DENGUARD_ALERT_WEBHOOK_URL", "https://[sesame", "not an address"),
        ("DENGUARD_SMTP_URL", "smtp://u:sesame@mail.example.org:25", "unencrypted"),
        ("DENGUARD_SMTP_URL", "imap://u:sesame@mail.example.org", "smtps://user"),
        ("DENGUARD_ALERT_EMAIL_TO", "ops@example.org", "DENGUARD_ALERT_EMAIL_FROM"),
    ],
)
def test_a_wrong_setting_is_refused_by_name_and_never_shown(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        alert_settings()
    assert message in str(refused.value)
    assert name in str(refused.value)
    assert "sesame" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_wrong_settings_do_not_turn_a_cycle_red_and_lose_no_alert(
    paths: DeploymentPaths, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("DENGUARD_ALERT_WEBHOOK_URL", "nonsense")
        watch(paths)
    watch(paths)
    assert hook.kinds == ["late"]


def test_a_test_alert_goes_through_every_channel_and_says_which_does_not_work(
    paths: DeploymentPaths, hook: Hook
) -> None:
    done = CliRunner().invoke(app, ["alerts", "test"])
    assert (done.exit_code, done.stdout) == (0, "webhook: sent\n")
    hook.status = 403
    done = CliRunner().invoke(app, ["alerts", "test"])
    assert (done.exit_code, done.stdout) == (1, "webhook: the receiver answered HTTP 403\n")
    assert hook.kinds == ["test", "test"]


def test_a_damaged_state_is_set_aside_and_what_is_open_is_told_anew(
    paths: DeploymentPaths, hook: Hook
) -> None:
    watch(paths)
    (paths.artifacts / "alerts" / "state.json").write_text('{"late": 1, "surprise": 2}')
    watch(paths)
    assert hook.kinds == ["late", "late"]
    assert len(list((paths.artifacts / "alerts").glob("state-damaged-*.json"))) == 1


def test_a_process_that_died_without_a_word_is_a_failed_run(
    paths: DeploymentPaths, hook: Hook
) -> None:
    walk(paths.home, "weekly", "features")
    code = (
        "import os, signal; from pipelines.config import deployment_paths as here; "
        "from pipelines.run.lock import hold, during\n"
        "with hold(here(), 'weekly'), during(here(), 'weekly', 'train'): "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "DENGUARD_HOME": str(paths.home)},
        timeout=60,
        check=False,
    )
    for _ in range(2):
        send_alerts(paths)
    assert hook.kinds == ["run-failed"]
    assert "at step train" in hook.alerts[0]["title"]
    assert "without an error message" in json.dumps(hook.alerts[0])


def test_a_run_refused_by_the_lock_is_no_failed_run(paths: DeploymentPaths) -> None:
    from pipelines import steps
    from pipelines.run.lock import hold

    with hold(paths, "first"), pytest.raises(BusyError):
        steps.start("second", {"profile": "ci"})
    assert send_alerts(paths) == []


def test_a_forecast_in_place_of_a_runs_is_told_once_and_its_end_too(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly")
    kinds(paths)
    for _ in range(2):
        facts = {
            "forecast_version": "2026-w46-f",
            "data_state": WITHOUT,
            "why": "MLflow is away",
            "data_until": "2026-w46",
            "model_version": "1",
            "page": "p",
        }
        append_event(paths, "fallback-forecast", facts, "next", NOW + timedelta(days=7))
    assert kinds(paths) == ["fallback"]
    assert kinds(paths) == []
    assert "forecast without this week's data: MLflow is away" in open_alerts(load(paths), True)
    walk(paths.home, "mended", at=NOW + timedelta(days=8))
    assert kinds(paths) == ["fallback-over"]


def test_a_week_that_is_forecast_again_is_told_once_where_new_weeks_are_waited_for(
    paths: DeploymentPaths,
) -> None:
    profile = paths.home / "profiles" / "place.yaml"
    write_json(profile, {"profile": "place", "data": {"inputs": [{"file": "cases.csv"}]}})
    walk(paths.home, "weekly")
    write_json(
        walk(paths.home, "corrected", at=NOW + timedelta(days=1)) / "run.json", {"profile": "place"}
    )
    assert "same-week" not in kinds(paths), "a correction in the same week"
    write_json(
        walk(paths.home, "again", at=NOW + timedelta(days=7)) / "run.json", {"profile": "ci"}
    )
    assert "same-week" not in kinds(paths), "history, whose weeks nobody waits for"
    write_json(paths.home / "artifacts" / "runs" / "again" / "run.json", {"profile": "place"})
    assert kinds(paths) == ["same-week"]
    assert kinds(paths) == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # loopback
def test_alerts_speak_the_language_of_the_place_by_both_channels(
    paths: DeploymentPaths, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DENGUARD_ALERT_LANGUAGE")  # then that of the profile ci, es
    folder = walk(paths.home, "weekly", "validate")
    fail(folder, "validate", StoreError("a shard is damaged", fix="run it again"))
    with mail_server("pass-1") as (address, mails):
        monkeypatch.setenv("DENGUARD_SMTP_URL", f"smtp://denguard:pass-1@{address}")
        monkeypatch.setenv("DENGUARD_ALERT_EMAIL_TO", "ops@example.org")
        monkeypatch.setenv("DENGUARD_ALERT_EMAIL_FROM", "denguard@example.org")
        send_alerts(paths, None, NOW)
    assert hook.alerts[0]["language"] == "es"
    assert hook.alerts[0]["title"] == "el proceso weekly falló en el paso validate"
    assert "Qué hacer: run it again" in hook.alerts[0]["body"]  # an error is quoted as it is
    mail = email.message_from_bytes(mails[0].content, policy=email.policy.default)
    assert mail["Subject"] == "[denguard] el proceso weekly falló en el paso validate"
    assert "Qué hacer: run it again" in mail.get_content()


@pytest.mark.parametrize("language", list(languages()))
def test_every_alert_has_words_for_facts_that_are_missing(language: str) -> None:
    for key in words_of("en").texts:
        if found := re.fullmatch(r"alert-(.+)-title", key):
            text = f"{texts.title(found[1], {}, language)} {texts.body(found[1], {}, language)}"
            assert "{" not in text and "None" not in text


def test_held_values_are_told_by_plain_phrases_and_in_the_right_number() -> None:
    one = {"rule": "fell-to-zero", "units": "05001", "span": "2018-w49", "cause_id": "1a2b"}
    facts = {"n": 1, "causes": "English", "named": [one], "drop": "2018-12-11"}
    assert "1 cause in" in texts.title("held", facts) and "English" in texts.body("held", facts)
    assert texts.title("held", facts, "fr").endswith("1 cause dans la livraison 2018-12-11")
    assert "2 causas na entrega" in texts.title("held", {**facts, "n": 2}, "pt")
    alert = texts.body("unconfirmed", {**facts, "n": 2}, "es")
    assert alert.startswith(
        "de pronto 0 casos donde había casos cada semana: 05001, 2018-w49 (causa 1a2b)\ny 1 más"
    )
    assert "English" not in alert


def test_a_language_without_words_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DENGUARD_ALERT_LANGUAGE", "vi")
    with pytest.raises(
        ConfigError, match="DENGUARD_ALERT_LANGUAGE: alerts are worded in en, es, fr, pt"
    ):
        alert_settings()
