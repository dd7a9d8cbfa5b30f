"""Alerts: each transition is sent once through each channel; through one that is down, later.

artifacts/alerts/state.json holds what was seen and what waits, sent.jsonl what went out.

A transition is written down before it is sent and struck off after: a kill in between sends it
again with the same id (at least once; a receiver drops doubles by the id). Nothing here fails a
cycle.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipelines.config import DeploymentPaths, load_profile
from pipelines.errors import BusyError, DenguardError, StoreError
from pipelines.ops import texts
from pipelines.ops.channels import Alert, ChannelError, send
from pipelines.ops.runs import newest_run
from pipelines.ops.settings import AlertSettings, alert_settings
from pipelines.ops.transitions import State, transitions
from pipelines.ops.watch import Verdict
from pipelines.run import run_folder
from pipelines.storage import read_json, write_json
from pipelines.storage.lock import locked
from pipelines.words import READ_BY_MOST, words_of

log = logging.getLogger(__name__)
_LOCK_TIMEOUT_S = 30.0


def send_alerts(
    paths: DeploymentPaths,
    verdict: Verdict | None = None,
    now: datetime | None = None,
    firing: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Alert]:
    """Find transitions, alert people, and return the new ones. Never raises.

    Args:
        verdict: the watchdog's; without one, lateness is left as it is.
        firing: id -> facts of what Prometheus' rules raise; None = that is left as it is.
    """
    try:
        return _send_alerts(paths, alert_settings(), verdict, now or datetime.now(UTC), firing)
    except BusyError as err:
        log.warning(err.what)
    except (DenguardError, OSError) as err:
        log.error("alerts could not be sent: %s", err)
    except Exception as err:  # noqa: BLE001 an alert must never turn a good cycle red
        log.error("alerts could not be sent: %s", type(err).__name__)
    return []


def _send_alerts(
    paths: DeploymentPaths,
    settings: AlertSettings,
    verdict: Verdict | None,
    now: datetime,
    firing: Mapping[str, Mapping[str, Any]] | None,
) -> list[Alert]:
    busy = BusyError("another process is sending alerts; what it does not see, the next call sends")
    with locked(_folder(paths) / "alerts.lock", _LOCK_TIMEOUT_S, busy):
        state = load(paths)
        language = settings.alert_language or language_of(paths)
        found = [
            _alert(kind, facts, now, language)
            for kind, facts in transitions(paths, state, verdict, now, firing)
        ]
        for alert in found:
            log.warning("alert: %s", texts.title(alert["kind"], alert["facts"]))
            if settings.channels:
                state.pending.append({"alert": alert, "channels": list(settings.channels)})
        _save(paths, state)  # before anything goes out: nothing that was seen can be lost
        _deliver(paths, state, settings)
    return found


def _deliver(paths: DeploymentPaths, state: State, settings: AlertSettings) -> None:
    """Oldest first; a channel that fails once is left alone until the next call."""
    down: set[str] = set()
    for waiting in list(state.pending):
        for channel in list(waiting["channels"]):
            if channel not in settings.channels or channel in down:
                continue
            error = attempt(paths, channel, waiting["alert"], settings)
            if error is not None:
                down.add(channel)
                log.warning(
                    "alert %s did not go out by %s: %s; it is kept for the next call",
                    waiting["alert"]["id"],
                    channel,
                    error,
                )
                continue
            waiting["channels"].remove(channel)
            if not waiting["channels"]:
                state.pending.remove(waiting)
            _save(paths, state)


def attempt(
    paths: DeploymentPaths, channel: str, alert: Alert, settings: AlertSettings
) -> str | None:
    """Send one alert through one channel and log the outcome; return what went wrong, if
    anything."""
    error = None
    try:
        send(channel, alert, settings)
    except ChannelError as err:
        error = err.what
    line = {
        "id": alert["id"],
        "kind": alert["kind"],
        "channel": channel,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "sent": error is None,
        "error": error,
    }
    _folder(paths).mkdir(parents=True, exist_ok=True)
    with _log(paths).open("ab") as out:
        out.write(json.dumps(line, sort_keys=True).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    return error


def send_test(paths: DeploymentPaths) -> dict[str, str | None]:
    """Send a test through every channel; channel -> what went wrong, None if it went through.

    Raises:
        ConfigError: the channels are not configured well.
    """
    settings = alert_settings()
    language = settings.alert_language or language_of(paths)
    alert = _alert("test", {}, datetime.now(UTC), language)
    return {channel: attempt(paths, channel, alert, settings) for channel in settings.channels}


def language_of(paths: DeploymentPaths) -> str:
    """That of the place of the run that was started last; English before the first one."""
    run_id = newest_run(paths)
    if run_id is None:
        return READ_BY_MOST
    try:
        params: Any = read_json(run_folder(paths, run_id) / "run.json")
        return words_of(load_profile(str(params["profile"])).place.language).language
    except (
        DenguardError,
        KeyError,
        TypeError,
    ):  # the run's record or its profile is not here any more
        return READ_BY_MOST


def load(paths: DeploymentPaths) -> State:
    """What was sent already; a damaged file is set aside with a warning, and all is sent anew."""
    path = _folder(paths) / "state.json"
    if not path.is_file():
        return State()
    try:
        return State(**read_json(path))  # type: ignore[arg-type]
    except (StoreError, TypeError):
        aside = path.with_name(f"state-damaged-{uuid4().hex[:8]}.json")
        path.replace(aside)
        log.warning(
            "the alerts' state was damaged; it is kept in %s, and what is open is sent again", aside
        )
        return State()


def newest_sent(paths: DeploymentPaths, lines: int = 5) -> list[dict[str, Any]]:
    """The last attempts, oldest first; a torn last line is left out."""
    if not _log(paths).is_file():
        return []
    found = []
    for line in _log(paths).read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def _alert(kind: str, facts: dict[str, Any], now: datetime, language: str) -> Alert:
    return {
        "id": uuid4().hex[:16],
        "kind": kind,
        "at": now.isoformat(timespec="seconds"),
        "facts": facts,
        "language": language,
    }


def _save(paths: DeploymentPaths, state: State) -> None:
    write_json(_folder(paths) / "state.json", state.to_json())


def _folder(paths: DeploymentPaths) -> Path:
    return paths.artifacts / "alerts"


def _log(paths: DeploymentPaths) -> Path:
    return _folder(paths) / "sent.jsonl"
