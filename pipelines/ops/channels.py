"""Sending one alert through one channel: a webhook (JSON by POST) or e-mail.

No error shows a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

from pydantic import SecretStr

from pipelines.errors import DenguardError
from pipelines.ops import texts
from pipelines.ops.settings import AlertSettings
from pipelines.words import READ_BY_MOST

log = logging.getLogger(__name__)
SEND_TIMEOUT_S = 10.0
Alert = dict[str, Any]  # id, kind, at, facts, language


class ChannelError(DenguardError):
    """An alert did not go through; the message names no address and no secret."""


def send(channel: str, alert: Alert, settings: AlertSettings) -> None:
    """Send one alert, or raise within SEND_TIMEOUT_S. Raises ChannelError."""
    _in_time(channel, lambda: _SENDERS[channel](alert, settings))


def payload(alert: Alert) -> dict[str, Any]:
    """What a webhook receives. `id` is the same when an alert is sent again: drop doubles by it.

    `text` is what chat services show.
    """
    language = alert.get("language", READ_BY_MOST)
    title = texts.title(alert["kind"], alert["facts"], language)
    body = texts.body(alert["kind"], alert["facts"], language)
    return {
        "id": alert["id"],
        "kind": alert["kind"],
        "at": alert["at"],
        "run_id": alert["facts"].get("run_id"),
        "language": language,
        "title": title,
        "body": body,
        "text": f"denguard: {title}\n{body}",
    }


def _webhook(alert: Alert, settings: AlertSettings) -> None:
    import httpx

    for chatty in ("httpx", "httpcore"):  # they log the address, which is a secret
        logging.getLogger(chatty).setLevel(logging.WARNING)
    raw = json.dumps(payload(alert), ensure_ascii=False, sort_keys=True).encode()
    headers = {"Content-Type": "application/json", "X-Denguard-Alert-Id": alert["id"]}
    if settings.alert_webhook_bearer:
        headers["Authorization"] = f"Bearer {_shown(settings.alert_webhook_bearer)}"
    if settings.alert_webhook_secret:
        key = _shown(settings.alert_webhook_secret).encode()
        headers["X-Denguard-Signature"] = f"sha256={hmac.new(key, raw, hashlib.sha256).hexdigest()}"
    url = _shown(settings.alert_webhook_url or SecretStr(""))
    # Redirects are not followed: they would carry the key elsewhere. The body is not read.
    with httpx.stream("POST", url, content=raw, headers=headers, timeout=SEND_TIMEOUT_S) as answer:
        if not answer.is_success:
            raise ChannelError(f"the receiver answered HTTP {answer.status_code}")


def _email(alert: Alert, settings: AlertSettings) -> None:
    scheme, host, port, user, password = settings.smtp()
    tls, me = ssl.create_default_context(), socket.gethostname()  # smtplib's own way asks the DNS
    if scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, me, timeout=SEND_TIMEOUT_S, context=tls)
    else:
        server = smtplib.SMTP(host, port, me, timeout=SEND_TIMEOUT_S)
    with server:
        if scheme == "smtp+starttls":
            server.starttls(context=tls)
        if user and password:
            server.login(user, password)
        refused = server.send_message(_mail(alert, settings))
    if refused:  # the others have it; sending again would not help and would double theirs
        log.warning(
            "the mail server refused %d of %d addresses", len(refused), len(settings.alert_email_to)
        )


def _mail(alert: Alert, settings: AlertSettings) -> EmailMessage:
    parts, mail = payload(alert), EmailMessage()
    mail["Subject"] = f"[denguard] {parts['title']}"
    mail["From"] = settings.alert_email_from
    mail["To"] = ", ".join(settings.alert_email_to)
    mail["Message-ID"] = f"<{alert['id']}@denguard>"
    mail["X-Denguard-Alert-Id"] = alert["id"]
    sent = f"{parts['at']} · alert {parts['id']}"
    mail.set_content(f"{parts['title']}\n\n{parts['body']}\n\n{sent}\n")
    return mail


def _in_time(channel: str, work: Callable[[], None]) -> None:
    """Run it in a thread of its own: a receiver that drips bytes outlives any socket's
    time limit."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except Exception as err:  # noqa: BLE001 whatever a channel raises, the cycle goes on
            raised.append(err)

    thread = threading.Thread(target=run, daemon=True, name=f"alert-{channel}")
    thread.start()
    thread.join(SEND_TIMEOUT_S)
    if thread.is_alive():
        raise ChannelError(f"no answer within {SEND_TIMEOUT_S:g} s")
    if raised:
        raise _without_secrets(raised[0]) from None


def _without_secrets(err: BaseException) -> ChannelError:
    """Libraries put addresses, and servers put user names, into their messages: only kinds are
    named.
    """
    if isinstance(err, ChannelError):
        return err
    if isinstance(err, smtplib.SMTPResponseException):
        return ChannelError(f"the mail server answered {err.smtp_code} ({type(err).__name__})")
    return ChannelError(f"it could not be reached or did not answer ({type(err).__name__})")


def _shown(secret: SecretStr) -> str:
    return secret.get_secret_value()


_SENDERS: dict[str, Callable[[Alert, AlertSettings], None]] = {"webhook": _webhook, "email": _email}
