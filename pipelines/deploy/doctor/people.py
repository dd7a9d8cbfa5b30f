"""Who is told, and what the deployment has to show: alerts, champion, forecast."""

from __future__ import annotations

import smtplib
import socket
import ssl
from datetime import UTC
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import ValidationError

from pipelines.deploy.doctor.finding import CALL_TIMEOUT_S, Finding, Scene
from pipelines.deploy.secret_files import read_secrets
from pipelines.deploy.wrong_values import alert_settings_of
from pipelines.errors import DenguardError
from pipelines.ops.channels import ChannelError, send
from pipelines.ops.settings import AlertSettings, alert_settings
from pipelines.ops.status import gather
from pipelines.words import READ_BY_MOST

_WATCH = "docs/watch.md; secrets/smtp_url and secrets/alert_webhook_url, then up -d"


def alerts(scene: Scene) -> list[Finding]:
    """Mail and webhook: reached, and with --send given a test."""
    settings = _settings(scene)
    if not settings.channels:
        return [Finding("warn", "alerts", "nobody is told when something needs a person", _WATCH)]
    return [_channel(name, settings, scene) for name in settings.channels]


def _settings(scene: Scene) -> AlertSettings:
    """Of this process; where it was given none, of the deployment's files."""
    here = alert_settings()
    if here.channels or scene.deployment is None:
        return here
    try:
        return alert_settings_of(scene.settings, read_secrets(scene.deployment))
    except ValidationError:  # the check of settings says what is wrong
        return here


def _channel(name: str, settings: AlertSettings, scene: Scene) -> Finding:
    try:
        if scene.send:
            send(name, _test(scene), settings)
            return Finding("ok", f"alerts by {name}", "a test was sent")
        _REACHED[name](settings)
    except ChannelError as err:
        return Finding("fail", f"alerts by {name}", err.what, _WATCH)
    except (OSError, smtplib.SMTPException) as err:  # their own words may hold an address
        said = f"it could not be reached ({type(err).__name__})"
        return Finding("fail", f"alerts by {name}", said, _WATCH)
    return Finding("ok", f"alerts by {name}", "it is reached; --send sends a test")


def _test(scene: Scene) -> dict[str, object]:
    at = scene.now.astimezone(UTC).isoformat(timespec="seconds")
    made = {"id": uuid4().hex[:16], "kind": "test", "at": at, "facts": {}}
    return {**made, "language": READ_BY_MOST}


def _reach_mail(settings: AlertSettings) -> None:
    """Log in, as far as the address names a user, and send nothing."""
    scheme, host, port, user, password = settings.smtp()
    tls, me = ssl.create_default_context(), socket.gethostname()
    if scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, me, timeout=CALL_TIMEOUT_S, context=tls)
    else:
        server = smtplib.SMTP(host, port, me, timeout=CALL_TIMEOUT_S)
    with server:
        if scheme == "smtp+starttls":
            server.starttls(context=tls)
        if user and password:
            server.login(user, password)
        server.noop()


def _reach_webhook(settings: AlertSettings) -> None:
    """Connect to its host, and post nothing."""
    secret = settings.alert_webhook_url
    parts = urlsplit(secret.get_secret_value() if secret else "")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with socket.create_connection((str(parts.hostname), port), CALL_TIMEOUT_S):
        pass


_REACHED = {"email": _reach_mail, "webhook": _reach_webhook}


def forecast(scene: Scene) -> list[Finding]:
    """Champion and newest forecast, as `denguard status` has them."""
    if not scene.paths.artifacts.is_dir():
        return [Finding("skip", "forecast", f"there is no {scene.paths.artifacts} here")]
    try:
        found = gather(scene.paths, None, scene.now, {})
    except DenguardError as err:
        return [Finding("fail", "forecast", f"{err.what} ({err.where})", err.fix)]
    if found.run is None:
        said = "no run yet; the first begins by its schedule"
        return [Finding("skip", "forecast", said)]
    champion = f"version {found.champion['version']}" if found.champion else "no champion"
    if found.needs_a_person:
        said = "; ".join(found.verdict.why) or f"run {found.run.run_id} is {found.run.word}"
        fix = found.verdict.fix or "denguard status"
        return [Finding("warn", "forecast", f"{champion}; {said}", fix)]
    return [Finding("ok", "forecast", f"{champion}; {found.verdict.line().partition(':')[0]}")]
