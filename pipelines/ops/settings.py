"""Who gets alerts, from the environment alone: DENGUARD_ALERT_*, DENGUARD_SMTP_URL.

No message here or elsewhere shows a value: the address of a webhook is a secret too.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipelines.errors import ConfigError, invalid_values
from pipelines.words import languages

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class AlertSettings(BaseSettings):
    """Channels that are configured; none is fine."""

    model_config = SettingsConfigDict(
        env_prefix="DENGUARD_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    alert_webhook_url: SecretStr | None = None
    alert_webhook_bearer: SecretStr | None = None
    alert_webhook_secret: SecretStr | None = None
    alert_email_to: Annotated[tuple[str, ...], NoDecode] = ()
    alert_email_from: str | None = None
    smtp_url: SecretStr | None = None
    alert_language: str | None = None  # none = that of the place

    @field_validator("alert_language")
    @classmethod
    def _has_words(cls, language: str | None) -> str | None:
        if language is not None and language not in languages():
            raise ValueError(f"alerts are worded in {', '.join(languages())}")
        return language

    @field_validator("alert_webhook_url")
    @classmethod
    def _is_web(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parts = _split(url)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError("write https://host/path")
        return url

    @field_validator("alert_email_to", mode="before")
    @classmethod
    def _addresses(cls, value: object) -> object:
        return (
            tuple(a.strip() for a in value.split(",") if a.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("smtp_url")
    @classmethod
    def _is_mail(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parts = _split(url)
            if parts.scheme not in _PORTS or not parts.hostname:
                raise ValueError(
                    "write smtps://user:password@host:465, smtp+starttls://user:password@host:587 "
                    "or smtp://host:25"
                )
            if parts.scheme == "smtp" and parts.password and parts.hostname not in _LOOPBACK:
                raise ValueError(
                    "a password may not travel unencrypted: use smtps:// or smtp+starttls://"
                )
        return url

    @model_validator(mode="after")
    def _mail_is_whole(self) -> AlertSettings:
        if len({bool(self.alert_email_to), bool(self.alert_email_from), bool(self.smtp_url)}) > 1:
            raise ValueError(
                "e-mail needs all of DENGUARD_ALERT_EMAIL_TO, DENGUARD_ALERT_EMAIL_FROM and "
                "DENGUARD_SMTP_URL"
            )
        if any(
            "\n" in a or "\r" in a or "@" not in a
            for a in (*self.alert_email_to, self.alert_email_from or "@")
        ):
            raise ValueError(
                "an address of DENGUARD_ALERT_EMAIL_TO or _FROM is not an e-mail address"
            )
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels that are configured."""
        return tuple(
            n for n, on in (("webhook", self.alert_webhook_url), ("email", self.smtp_url)) if on
        )

    def smtp(self) -> tuple[str, str, int, str | None, str | None]:
        """Scheme, host, port, user, password of the mail server."""
        parts = _split(self.smtp_url or SecretStr(""))
        user, password = (unquote(p) if p else None for p in (parts.username, parts.password))
        return parts.scheme, str(parts.hostname), parts.port or _PORTS[parts.scheme], user, password


def alert_settings() -> AlertSettings:
    """Settings from the environment. Raises ConfigError naming the variable, never its value."""
    try:
        return AlertSettings()
    except ValidationError as err:
        problems = "; ".join(
            f"{_variable(name)}{message.removeprefix('Value error, ')}"
            for name, message in invalid_values(err)
        )
    raise ConfigError(
        f"alerts are not configured well: {problems}",
        where="environment",
        fix="correct it as docs/watch.md says",
    )


def _variable(name: str) -> str:
    return f"DENGUARD_{name.upper()}: " if name else ""


def _split(url: SecretStr) -> SplitResult:
    try:
        parts = urlsplit(url.get_secret_value())
        parts.port  # noqa: B018 raises for a port that is no number
    except ValueError:
        raise ValueError("it is not an address") from None
    return parts
