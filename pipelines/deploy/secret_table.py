"""Every secret of a deployment: its file below secrets/, its shape, how it is made, who reads it.

Compose mounts each file at /run/secrets/NAME in the services that are named here and in no other;
deploy/entrypoint.sh makes variables of them. What the first version kept in `.env` is named by
`first_version`, so that `denguard init` can take it over.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from pipelines.deploy.shapes import (
    JWT_BYTES,
    Check,
    at_least,
    certificate,
    fernet_keys,
    one_line,
    pair,
    private_key,
    sealing_key,
    sha256_list,
)

FOLDER = "secrets"
ENDPOINT_KEYS = "endpoint_keys_sha256"
PEOPLES_LENGTH = 12  # of a password that a person types; what only programs use is longer
_PROGRAMS_LENGTH = 20

_STEPS = ("airflow-scheduler", "worker-default", "worker-cpu-heavy")
_AIRFLOW = ("airflow-init", "airflow-api-server", "airflow-dag-processor", *_STEPS)
_ALERTS = (*_STEPS, "airflow-dag-processor", "watch")
_MODELS = (*_STEPS, "airflow-api-server", "airflow-dag-processor")
_PIPELINE = (*_MODELS, "watch")


@dataclass(frozen=True)
class Secret:
    """One file of secrets/.

    Attributes:
        name: of the file, and of the mount at /run/secrets.
        what: in words, for lists and pages.
        check: what a value must look like.
        make: a new value; None = a person gives it, or `denguard init` does on its own way.
        read_by: services of docker-compose.yml, to be started anew when it changes.
        first_version: its variable in the `.env` of the first version, "" if there was none.
        new_if_bad: an unusable value of the first version is replaced, since nothing depends on it.
        may_be_empty: what it is for is off while it is empty.
        sealed: what hangs on its value, if a new one would not do.
    """

    name: str
    what: str
    check: Check
    make: Callable[[], str] | None
    read_by: tuple[str, ...]
    first_version: str = ""
    new_if_bad: bool = False
    may_be_empty: bool = False
    sealed: str = ""

    def wrong(self, value: str) -> str:
        """What is wrong with a value, "" if nothing is."""
        if not value:
            return "" if self.may_be_empty else "it is empty"
        return self.check(value)


def new_token(count: int = 32) -> str:
    """A random word of so many bytes that no command takes for an option."""
    while (token := secrets.token_urlsafe(count)).startswith("-"):
        pass
    return token


def _token() -> str:
    return new_token()


def _jwt_secret() -> str:
    return new_token(JWT_BYTES)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _access_key() -> str:
    return secrets.token_hex(10)


def _link_pair() -> str:
    from pipelines.deploy.link_pair import new_pair  # cryptography takes a tenth of a second

    return new_pair()


_PROGRAM, _PERSON = at_least(_PROGRAMS_LENGTH), at_least(PEOPLES_LENGTH)
_ACCESS_KEY = at_least(3)  # S3 servers refuse shorter ones at their start

SECRETS = (
    Secret("postgres_password", "PostgreSQL's superuser `denguard`", _PROGRAM, _token, ("postgres", "postgres-init"), "POSTGRES_PASSWORD", sealed="the database was made with"),
    Secret("airflow_db_password", "PostgreSQL's user `airflow`", _PROGRAM, _token, ("postgres-init", *_AIRFLOW)),
    Secret("mlflow_db_password", "PostgreSQL's user `mlflow`", _PROGRAM, _token, ("postgres-init", "mlflow")),
    Secret("redis_password", "Redis' user `airflow` (profile workers)", _PROGRAM, _token, ("redis", *_STEPS), "REDIS_PASSWORD"),
    Secret("airflow_fernet_key", "what Airflow seals connections and variables with; `new,old` while it is changed", fernet_keys, _fernet_key, _AIRFLOW, "AIRFLOW_FERNET_KEY", sealed="Airflow's stored connections were sealed with"),
    Secret("airflow_secret_key", "sessions of Airflow's page", _PROGRAM, _token, _AIRFLOW, "AIRFLOW_SECRET_KEY"),
    Secret("airflow_jwt_secret", "tokens of Airflow's tasks and API", at_least(JWT_BYTES), _jwt_secret, _AIRFLOW, "AIRFLOW_JWT_SECRET", new_if_bad=True),
    Secret("airflow_admin_password", "Airflow's user `admin`", _PERSON, _token, ("airflow-init",), "AIRFLOW_ADMIN_PASSWORD"),
    Secret("airflow_watch_password", "Airflow's user `watch`, which sees how long tasks wait", _PROGRAM, _token, ("airflow-init", "watch")),
    Secret("mlflow_admin_password", "MLflow's user `admin`", _PERSON, _token, ("mlflow",)),
    Secret("mlflow_service_password", "MLflow's user `denguard`, which the pipeline is", _PROGRAM, _token, ("mlflow", *_MODELS)),
    Secret("mlflow_endpoint_password", "MLflow's user `endpoint`, which only reads", _PROGRAM, _token, ("mlflow", "serving")),
    Secret("mlflow_flask_secret", "forms of MLflow's page", _PROGRAM, _token, ("mlflow",)),
    Secret("s3_access_key", "the pipeline's key for S3 (profile s3)", _ACCESS_KEY, _access_key, ("s3", "s3-init", *_PIPELINE), "MINIO_ROOT_USER"),
    Secret("s3_secret_key", "its secret", _PROGRAM, _token, ("s3", "s3-init", *_PIPELINE), "MINIO_ROOT_PASSWORD"),
    Secret("s3_mlflow_access_key", "MLflow's key for S3 (profile s3)", _ACCESS_KEY, _access_key, ("s3", "s3-init", "mlflow")),
    Secret("s3_mlflow_secret_key", "its secret", _PROGRAM, _token, ("s3", "s3-init", "mlflow")),
    Secret(ENDPOINT_KEYS, "SHA-256 of the endpoint's keys; `new,old` while one is changed", sha256_list, None, ("serving",), "DENGUARD_API_KEY_SHA256"),
    Secret("smtp_url", "the mail server for alerts; empty: no mail", one_line, None, _ALERTS, "DENGUARD_SMTP_URL", may_be_empty=True),
    Secret("alert_webhook_url", "the webhook for alerts; empty: none", one_line, None, _ALERTS, "DENGUARD_ALERT_WEBHOOK_URL", may_be_empty=True),
    Secret("alert_webhook_bearer", "its bearer token, or empty", one_line, None, _ALERTS, "DENGUARD_ALERT_WEBHOOK_BEARER", may_be_empty=True),
    Secret("alert_webhook_secret", "what its signatures are made with, or empty", one_line, None, _ALERTS, "DENGUARD_ALERT_WEBHOOK_SECRET", may_be_empty=True),
    Secret("grafana_admin_password", "Grafana's user `admin` (profile monitoring)", _PERSON, _token, ("grafana",)),
    Secret("cert.pem", "the proxy's certificate with its chain; empty: one that it makes itself", certificate, None, ("proxy", "watch"), may_be_empty=True),
    Secret("key.pem", "its key", private_key, None, ("proxy",), may_be_empty=True),
    Secret("link.pem", "certificate and key by which second hosts reach this one (profile second-host)", pair, _link_pair, ("link",)),
    Secret("backup_key", "what backups are encrypted with; empty: they are not", sealing_key, None, (), may_be_empty=True, sealed="backups were encrypted with"),
)  # fmt: skip
BY_NAME = {secret.name: secret for secret in SECRETS}
BY_FIRST_VERSION = {secret.first_version: secret for secret in SECRETS if secret.first_version}
