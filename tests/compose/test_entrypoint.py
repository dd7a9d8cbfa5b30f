"""deploy/entrypoint.sh: secrets come from files into one process and are seen nowhere else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "entrypoint.sh"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "db_password").write_text("s3cret-_=\n")
    (folder / "empty").write_text("")
    return folder


def run(
    secrets: Path, environment: dict[str, str], *command: str
) -> subprocess.CompletedProcess[str]:
    given = {"PATH": "/usr/bin:/bin", "DENGUARD_SECRETS_DIR": str(secrets), **environment}
    argv = ["sh", str(SCRIPT), *command]
    return subprocess.run(argv, env=given, capture_output=True, text=True, timeout=20, check=False)


def test_a_variable_that_names_a_file_becomes_its_content(secrets: Path) -> None:
    done = run(
        secrets, {"DB_FILE": f"{secrets}/db_password", "NONE_FILE": f"{secrets}/empty"}, "env"
    )
    lines = done.stdout.splitlines()
    assert "DB=s3cret-_=" in lines and "NONE=" in lines
    assert not [line for line in lines if line.startswith(("DB_FILE", "NONE_FILE"))]


def test_a_file_that_is_no_secret_keeps_its_variable(secrets: Path) -> None:
    done = run(secrets, {"SSL_CERT_FILE": "/etc/ssl/ca.crt"}, "env")
    assert "SSL_CERT_FILE=/etc/ssl/ca.crt" in done.stdout.splitlines()


def test_an_address_gets_its_passwords(secrets: Path) -> None:
    address = "postgresql://a:{secret:db_password}@h/d?b={secret:db_password}&c={secret:empty}!"
    done = run(secrets, {"URI": address}, "env")
    assert "URI=postgresql://a:s3cret-_=@h/d?b=s3cret-_=&c=!" in done.stdout.splitlines()


def test_of_a_secret_that_is_being_changed_a_client_gets_the_new_one(secrets: Path) -> None:
    (secrets / "redis_password").write_text("new-one,old-one\n")
    files = {"ALL_FILE": f"{secrets}/redis_password", "KEY": "{secret:redis_password}"}
    lines = run(secrets, files, "env").stdout.splitlines()
    assert "KEY=new-one" in lines and "ALL=new-one,old-one" in lines


def test_the_command_takes_the_scripts_place(secrets: Path) -> None:
    done = run(secrets, {"A_FILE": f"{secrets}/db_password"}, "sh", "-c", 'echo "$A $0 $#"; exit 7')
    assert (done.stdout, done.returncode) == ("s3cret-_= sh 0\n", 7)


@pytest.mark.parametrize("value", [{"A_FILE": "{0}/absent"}, {"A": "x{{secret:absent}}"}])
def test_a_secret_that_is_not_there_stops_the_start_by_name(
    secrets: Path, value: dict[str, str]
) -> None:
    done = run(secrets, {k: v.format(secrets) for k, v in value.items()}, "echo", "started")
    assert done.returncode == 1 and "started" not in done.stdout
    assert "absent cannot be read. What to do:" in done.stderr


def test_an_empty_address_of_a_store_is_none(secrets: Path) -> None:
    given = {
        "AWS_ENDPOINT_URL": "",
        "MLFLOW_S3_ENDPOINT_URL": "",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    lines = run(secrets, {**given, "AWS_ACCESS_KEY_ID": "{secret:empty}", "OTHER": ""}, "env")
    names = {line.partition("=")[0] for line in lines.stdout.splitlines()}
    assert names >= {"AWS_DEFAULT_REGION", "OTHER"}
    assert not names & {"AWS_ENDPOINT_URL", "MLFLOW_S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID"}
