"""What would fail later is refused at once, in a sentence with file and remedy, without a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.installation import contents, fernet_key, installed, new_folder

from pipelines.deploy.plan import Wanted, plan_of
from pipelines.deploy.secret_files import write_secret
from pipelines.errors import ConfigError

SECRETS = {
    "airflow_fernet_key": ("notafernetkeybutlongenough1234567890", "32 bytes"),
    "endpoint_keys_sha256": ("this-is-not-a-sha256-at-all", "64 hexadecimal digits"),
    "airflow_jwt_secret": ("a-token-of-only-forty-three-bytes-as-it-was", "shorter than 64"),
    "postgres_password": ("nineteen-characters", "shorter than 20"),
    "mlflow_admin_password": ("elevenchars", "shorter than 12"),
    "mlflow_db_password": ("a/password@with:uri-characters", "an address cannot"),
    "s3_access_key": ("ab", "shorter than 3"),
    "redis_password": ("", "empty"),
    "alert_webhook_bearer": ("two\nlines", "line break"),
    "backup_key": ("a passphrase of thirty-two letters", "32 bytes"),
    "key.pem": ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "passphrase"),
    "cert.pem": ("MIIB", "no certificate in PEM"),
}
SETTINGS = {
    "A_PORT=8441\nB_PORT=8441": "port of A_PORT",
    "A_PORT=80800": "between 1 and 65535",
    "A_PORT=": "between 1 and 65535",
    "DENGUARD_SECRETS=/etc/denguard": "./secrets alone",
    "DENGUARD_PROFILE=nope": "no profile 'nope'",
    "COMPOSE_PROFILES=worker": "there is no 'worker'",
    "AIRFLOW_EXECUTOR=Celery": "PreloadedExecutor or CeleryExecutor",
    "AIRFLOW_EXECUTOR=CeleryExecutor": "belong together",
    "DENGUARD_PREDICTION_LOG_DAYS=-1": "whole number",
    "DENGUARD_MAX_WEEKLY_CASES=0": "1 or more",
    "DENGUARD_MIN_USUAL_RAINFALL_MM=wet": "a number",
    "AIRFLOW_BASE_URL=denguard.example.org": "https://host",
    "HEAVY_WORKER_MEMORY=8": "8g",
    "DENGUARD_ALERT_EMAIL_TO=ops@example.org": "e-mail needs all",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = new_folder(tmp_path / "here")
    installed(made)
    return made


def problem_lines(folder: Path) -> list[str]:
    return [problem.line() for problem in plan_of(folder, Wanted()).problems]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_of_a_wrong_shape_is_refused_by_its_file(folder: Path, name: str) -> None:
    value, why = SECRETS[name]
    write_secret(folder, name, value)
    line = problem_lines(folder)[0]
    assert line.startswith(f"secrets/{name}: ") and why in line and "What to do" in line
    assert not value or value not in line


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_that_cannot_work_is_refused_by_its_line(folder: Path, setting: str) -> None:
    with (folder / ".env").open("a") as env:
        env.write(f"{setting}\n")
    (line,) = problem_lines(folder)
    assert line.startswith(".env") and SETTINGS[setting] in line and "What to do" in line


def test_one_secret_twice_is_refused(folder: Path) -> None:
    for name in ("postgres_password", "airflow_db_password"):
        write_secret(folder, name, "the-same-word-in-two-places")
    (line,) = problem_lines(folder)
    assert "secrets/airflow_db_password: it is the same secret as secrets/postgres_password" in line


def test_several_addresses_that_are_empty_are_not_one_secret(folder: Path) -> None:
    assert problem_lines(folder) == []


@pytest.mark.parametrize("keys", [2, 3])
def test_a_list_of_fernet_keys_is_allowed_while_one_is_changed(folder: Path, keys: int) -> None:
    write_secret(folder, "airflow_fernet_key", ",".join(fernet_key() for _ in range(keys)))
    assert problem_lines(folder) == []


def test_of_a_list_of_fernet_keys_the_wrong_one_is_named(folder: Path) -> None:
    write_secret(folder, "airflow_fernet_key", f"{fernet_key()},{fernet_key()[:-1]}")
    assert "key 2 of the list" in problem_lines(folder)[0]


def test_two_keys_of_the_endpoint_are_allowed(folder: Path) -> None:
    write_secret(folder, "endpoint_keys_sha256", f"{'0' * 64},{'f' * 64}")
    assert problem_lines(folder) == []


def test_a_webhook_that_is_no_address_is_refused_without_showing_it(folder: Path) -> None:
    write_secret(folder, "alert_webhook_url", "sesame")
    (line,) = problem_lines(folder)
    assert "https://host/path" in line and "sesame" not in line


def test_a_certificate_without_its_key_is_refused(folder: Path) -> None:
    write_secret(folder, "cert.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n")
    assert "one alone is given" in problem_lines(folder)[0]


def test_a_refusal_writes_nothing(folder: Path) -> None:
    (folder / "secrets" / "mlflow_flask_secret").unlink()
    write_secret(folder, "s3_access_key", "ab")
    before = contents(folder)
    done, keys = installed(folder)
    assert done.problems and (done.written, keys) == ((), [])
    assert contents(folder) == before


def test_an_unknown_overlay_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no overlay 'celery'"):
        plan_of(folder, Wanted(["celery"]))
