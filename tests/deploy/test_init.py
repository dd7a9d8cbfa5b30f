"""`denguard init` makes a whole installation once, and the second time nothing."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, MultiFernet
from support.installation import ROOT, contents, installed, new_folder

from pipelines.deploy.env_file import read_env
from pipelines.deploy.plan import Wanted, plan_of
from pipelines.deploy.secret_files import read_secrets, write_secret
from pipelines.deploy.secret_table import SECRETS
from pipelines.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_folder(tmp_path / "here")


def settings(folder: Path) -> dict[str, str]:
    return read_env((folder / ".env").read_text())


def test_every_secret_of_the_table_has_a_file_of_its_shape(folder: Path) -> None:
    installed(folder)
    values = read_secrets(folder)
    assert set(values) == {secret.name for secret in SECRETS}
    assert {s.name: s.wrong(values[s.name]) for s in SECRETS if s.wrong(values[s.name])} == {}


def test_airflow_can_seal_with_the_key_that_is_made(folder: Path) -> None:
    installed(folder)
    sealed = Fernet(read_secrets(folder)["airflow_fernet_key"]).encrypt(b"a connection")
    assert MultiFernet([Fernet(read_secrets(folder)["airflow_fernet_key"])]).decrypt(sealed)


def test_the_key_of_the_endpoint_is_shown_once_and_only_its_hash_is_kept(folder: Path) -> None:
    _, keys = installed(folder)
    assert len(keys) == 1
    kept = read_secrets(folder)["endpoint_keys_sha256"]
    assert kept == hashlib.sha256(keys[0].encode()).hexdigest()
    everything = b"".join(raw for raw, _ in contents(folder).values())
    assert keys[0].encode() not in everything
    assert installed(folder)[1] == []


def test_no_secret_begins_like_an_option(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    drawn = iter(["-an-option", "a-word"] * 100)
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: next(drawn))
    assert {s.make() for s in SECRETS if s.name == "airflow_admin_password" and s.make} == {
        "a-word"
    }


def test_a_second_run_changes_nothing(folder: Path) -> None:
    installed(folder)
    before = contents(folder)
    done, keys = installed(folder)
    assert (done.written, done.notes, keys) == ((), (), [])
    assert contents(folder) == before


def test_files_are_of_the_modes_that_keep_others_out(folder: Path) -> None:
    os.umask(os.umask(0))
    installed(folder)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (folder, *folder.rglob("*"))}
    assert (modes["secrets"], modes[".env"]) == (0o700, 0o600)
    assert {modes[secret.name] for secret in SECRETS} == {0o444}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_gives_settings_to_the_checkouts_owner_and_data_to_the_containers(
    folder: Path,
) -> None:
    os.chown(folder, 1234, 1235)
    done, _ = installed(folder)
    owners = {p.name: (p.stat().st_uid, p.stat().st_gid) for p in folder.rglob("*")}
    assert done.left == ()
    assert {owners[name] for name in ("data", "drops", "lines", "backups")} == {(50000, 50000)}
    assert {owners[name] for name in (".env", "profiles")} == {(1234, 1235)}
    assert {owners[name] for name in ("secrets", "postgres_password")} == {(0, 0)}


def test_without_root_the_command_that_is_left_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 4321)
    done, _ = installed(folder)
    assert "sudo install -d -o 50000 -g 50000 ./data" in done.left


def test_a_folder_elsewhere_on_the_host_is_left_to_the_host(folder: Path) -> None:
    installed(folder)
    outside = folder.parent / "elsewhere"
    text = (folder / ".env").read_text().replace("=./data", f"={outside}")
    (folder / ".env").write_text(text)
    done, _ = installed(folder)
    assert done.left[0] == f"sudo install -d -o 50000 -g 50000 {outside}"
    assert not outside.exists()


def test_one_server_is_the_default_and_overlays_bring_their_settings(folder: Path) -> None:
    installed(folder)
    assert (settings(folder)["COMPOSE_PROFILES"], settings(folder)["AIRFLOW_EXECUTOR"]) == (
        "",
        "dags._executor.PreloadedExecutor",
    )
    done, keys = installed(folder, ["s3", "workers"], profile="ci")
    grown = settings(folder)
    assert grown["COMPOSE_PROFILES"] == "workers,s3"
    assert grown["AIRFLOW_EXECUTOR"] == "CeleryExecutor"
    assert grown["DENGUARD_ARTIFACTS_URI"] == "s3://artifacts"
    assert grown["DENGUARD_PROFILE"] == "ci"
    assert done.written == (".env",) and keys == []
    assert any("COMPOSE_PROFILES is workers,s3 now" in note for note in done.notes)


def test_the_watch_sends_on_what_prometheus_raises_where_there_is_one(folder: Path) -> None:
    installed(folder, ["monitoring"])
    assert settings(folder)["DENGUARD_PROMETHEUS_URL"] == "http://prometheus:9090"


def test_growing_replaces_what_was_the_default_of_one_server(folder: Path) -> None:
    with (folder / ".env.example").open("a") as template:
        template.write("MLFLOW_FILES=/opt/denguard/mlflow\n")
    installed(folder)
    installed(folder, ["s3"])
    assert settings(folder)["MLFLOW_FILES"] == "s3://mlflow"


def test_the_servers_name_reaches_the_certificate_and_airflows_links(folder: Path) -> None:
    installed(folder, name="denguard.example.org")
    assert settings(folder)["PROXY_NAME"] == "denguard.example.org"
    assert settings(folder)["AIRFLOW_BASE_URL"] == "https://denguard.example.org:8443"
    done, _ = installed(folder, name="no name")
    assert next(p.where for p in done.problems) == ".env, PROXY_NAME"


def test_growing_keeps_an_address_of_ones_own(folder: Path) -> None:
    installed(folder)
    with (folder / ".env").open("a") as env:
        env.write("S3_ENDPOINT_URL=https://s3.example.org\n")
    done, _ = installed(folder, ["s3"])
    assert settings(folder)["S3_ENDPOINT_URL"] == "https://s3.example.org"
    assert any("S3_ENDPOINT_URL stays" in note for note in done.notes)


def test_what_a_newer_version_needs_is_added_with_its_comment_and_said(folder: Path) -> None:
    installed(folder)
    (folder / "secrets" / "mlflow_flask_secret").unlink()
    before = (folder / ".env").read_text()
    with (folder / ".env.example").open("a") as template:
        template.write("# What it is for.\nNEW_SETTING=7\n")
    done, _ = installed(folder)
    assert done.written == ("secrets/mlflow_flask_secret", ".env")
    assert (folder / ".env").read_text() == f"{before}# What it is for.\nNEW_SETTING=7\n"
    assert any("NEW_SETTING" in note for note in done.notes)


def test_a_profile_of_the_deployment_is_known(folder: Path) -> None:
    (folder / "profiles").mkdir()
    shipped = ROOT / "pipelines" / "conf" / "ci.yaml"
    text = shipped.read_text().replace("profile: ci", "profile: here")
    (folder / "profiles" / "here.yaml").write_text(text)
    done, _ = installed(folder, profile="here")
    assert done.problems == ()
    assert settings(folder)["DENGUARD_PROFILE"] == "here"


def test_a_folder_without_a_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no deployment"):
        plan_of(tmp_path, Wanted())


def test_a_folder_where_docker_made_one_for_an_absent_secret_is_named(folder: Path) -> None:
    (folder / "secrets" / "smtp_url").mkdir(parents=True)
    with pytest.raises(ConfigError, match="secrets/smtp_url"):
        installed(folder)


KILLED_AT = """
import os, sys
from datetime import date
from pathlib import Path
from pipelines.deploy import init as whole
from pipelines.deploy.plan import Wanted
import pipelines.storage.files as files

left, real = int(sys.argv[2]), os.fsync

def fsync(handle):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), 9)  # in the middle of a write: its temporary file lies there
    real(handle)

files.os.fsync = fsync
whole.init(Path(sys.argv[1]), Wanted(), lambda key: print(key, flush=True), date(2026, 11, 30))
"""


def killed_at(folder: Path, sync: int) -> tuple[int, str]:
    command = [sys.executable, "-c", KILLED_AT, str(folder), str(sync)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.strip()


SYNCS = 2 * (len(SECRETS) - 1)  # two a file; .env comes after these, then the key's hash


@pytest.mark.parametrize("sync", [1, 2, 21, SYNCS + 1, SYNCS + 2, SYNCS + 3, SYNCS + 4])
def test_a_run_that_was_killed_is_finished_by_the_next(folder: Path, sync: int) -> None:
    code, shown = killed_at(folder, sync)
    assert code == -signal.SIGKILL
    before = {n: v for n, v in read_secrets(folder).items() if v}
    _, keys = installed(folder)
    values = read_secrets(folder)
    assert {n: values[n] for n in before} == before
    last = [*shown.split(), *keys][-1]
    assert values["endpoint_keys_sha256"] == hashlib.sha256(last.encode()).hexdigest()
    assert plan_of(folder, Wanted()).problems == []
    halves = [p.name for p in folder.rglob("*") if p.name.count(".") > 1 and p.is_file()]
    assert [n for n in halves if n not in {".env.example"}] == []
    assert installed(folder)[0].written == ()


def test_an_emptied_secret_is_named_and_not_replaced(folder: Path) -> None:
    installed(folder)
    write_secret(folder, "airflow_fernet_key", "")
    done, _ = installed(folder)
    assert [p.where for p in done.problems] == ["secrets/airflow_fernet_key"]
    assert "put back the value" in done.problems[0].fix
