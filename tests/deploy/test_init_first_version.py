"""The `.env` of the first version becomes settings and secret files; nothing of it is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from support.installation import first_versions, installed, new_folder

from pipelines.deploy.env_file import read_env
from pipelines.deploy.plan import Wanted, plan_of
from pipelines.deploy.secret_files import read_secrets, write_secret
from pipelines.deploy.secret_table import BY_FIRST_VERSION

KEPT = ".env.before-2026-11-30"


def test_its_secrets_become_files_and_leave_the_settings(tmp_path: Path) -> None:
    old = first_versions()
    folder = new_folder(tmp_path / "here", old)
    _, keys = installed(folder)
    values = read_secrets(folder)
    same = {n for n, secret in BY_FIRST_VERSION.items() if values[secret.name] == old.get(n, "")}
    assert same == set(BY_FIRST_VERSION) - {"AIRFLOW_JWT_SECRET"}
    assert not set(BY_FIRST_VERSION) & set(read_env((folder / ".env").read_text()))
    assert keys == []


def test_what_was_sealed_before_opens_after(tmp_path: Path) -> None:
    old = first_versions()
    sealed = Fernet(old["AIRFLOW_FERNET_KEY"]).encrypt(b"a connection's password")
    folder = new_folder(tmp_path / "here", old)
    installed(folder)
    opened = Fernet(read_secrets(folder)["airflow_fernet_key"]).decrypt(sealed)
    assert opened == b"a connection's password"


def test_tokens_are_made_longer_and_it_is_said(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "here", first_versions())
    done, _ = installed(folder)
    assert len(read_secrets(folder)["airflow_jwt_secret"]) >= 64
    assert any("airflow_jwt_secret" in note for note in done.notes)


def test_its_settings_stay_and_it_goes_on_with_workers_and_s3(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "here", first_versions(TORCH_INDEX="", AIRFLOW_PORT="8080"))
    (folder / ".env.example").write_text("TORCH_INDEX=https://cpu.example.org\n")
    installed(folder)
    values = read_env((folder / ".env").read_text())
    assert (values["DENGUARD_PROFILE"], values["SERVING_PORT"]) == ("ci", "8001")
    assert values["OWN_SETTING"] == "kept"
    assert values["TORCH_INDEX"] == "https://cpu.example.org"  # the template's: it had chosen none
    assert "AIRFLOW_PORT" not in values
    assert values["COMPOSE_PROFILES"] == "workers,s3"
    assert values["AIRFLOW_EXECUTOR"] == "CeleryExecutor"


def test_the_old_file_is_kept_privately(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "here", first_versions())
    before = (folder / ".env").read_bytes()
    done, _ = installed(folder)
    assert KEPT in done.written
    assert (folder / KEPT).read_bytes() == before
    assert (folder / KEPT).stat().st_mode & 0o777 == 0o600


def test_another_file_kept_that_day_is_not_overwritten(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "here", first_versions())
    (folder / KEPT).write_text("of this morning")
    done, _ = installed(folder)
    assert (folder / KEPT).read_text() == "of this morning"
    assert f"{KEPT}-2" in done.written


def test_a_take_over_that_was_killed_before_the_settings_is_finished(tmp_path: Path) -> None:
    old = first_versions()
    folder = new_folder(tmp_path / "here", old)
    for name, value in list(plan_of(folder, Wanted()).secrets.items())[:7]:
        write_secret(folder, name, value)
    done, _ = installed(folder)
    assert done.problems == ()
    assert read_secrets(folder)["postgres_password"] == old["POSTGRES_PASSWORD"]
    assert installed(folder)[0].written == ()


def test_a_copy_that_nobody_filled_is_no_old_deployment(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "here", dict.fromkeys(BY_FIRST_VERSION, ""))
    _, keys = installed(folder)
    assert read_env((folder / ".env").read_text())["COMPOSE_PROFILES"] == ""
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("AIRFLOW_FERNET_KEY", "notafernetkeybutlongenough1234567890"), ("MINIO_ROOT_USER", "ab")],
)
def test_what_would_fail_later_is_not_taken_over(tmp_path: Path, name: str, value: str) -> None:
    folder = new_folder(tmp_path / "here", first_versions(**{name: value}))
    done, _ = installed(folder)
    assert [p.where for p in done.problems] == [f".env, {name}"]
    assert not (folder / "secrets").exists()


def test_a_file_and_a_line_that_disagree_are_named(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "here", first_versions())
    write_secret(folder, "postgres_password", "another-one-than-the-settings-have")
    done, _ = installed(folder)
    assert [p.where for p in done.problems] == [".env, POSTGRES_PASSWORD"]
