"""What the watch looks at beside the deployment's files, from the environment alone."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.errors import ConfigError, invalid_values


class WatchSettings(BaseSettings):
    """Every field is the variable DENGUARD_<FIELD>; what is not set is not looked at.

    Attributes:
        watch_certificate: PEM file that the proxy serves; the one that ends first counts.
        watch_backups: folder that `denguard backup` writes into.
        airflow_url: of Airflow's API server; its health needs no user.
        airflow_user, airflow_password: who may read task instances, for the age of the queue.
        prometheus_url: whose firing alerts are sent on by mail and webhook.
    """

    model_config = SettingsConfigDict(
        env_prefix="DENGUARD_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    watch_certificate: Path | None = None
    watch_backups: Path | None = None
    airflow_url: str | None = None
    airflow_user: str | None = None
    airflow_password: SecretStr | None = None
    prometheus_url: str | None = None

    @field_validator("airflow_url", "prometheus_url")
    @classmethod
    def _is_web(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("write http://host:port")
        return url.rstrip("/") if url else url


def watch_settings() -> WatchSettings:
    """Settings from the environment. Raises ConfigError naming the variable, never its value."""
    try:
        return WatchSettings()
    except ValidationError as err:
        named = "; ".join(f"DENGUARD_{name.upper()}: {why}" for name, why in invalid_values(err))
    raise ConfigError(
        f"the watch is not configured well: {named}",
        where="environment",
        fix="correct it as docs/watch.md says",
    )
