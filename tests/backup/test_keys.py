"""Secrets are kept apart: one closed file elsewhere, and back from it over nothing."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from pipelines.backup.keys import open_keys, write_keys
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, StoreError

KEY = bytes(range(32))


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    """A checkout with secrets and settings, and a home with what `make up` made."""
    folder = tmp_path / "deployment"
    for name, text in (
        ("secrets/airflow_fernet_key", "new,old"),
        ("secrets/backup_key", "opens the file itself"),
        (".env", "DENGUARD_VERSION=1"),
        ("home/artifacts/local/api_key", "key"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o444)
    return folder


def _write(deployment: Path, to: Path, key: bytes | None) -> Path:
    paths = DeploymentPaths(home=deployment / "home")
    return write_keys(paths, deployment, to, str(deployment.parent / "vault"), "one", key)


@pytest.mark.parametrize("key", [None, KEY], ids=["open", "sealed"])
def test_secrets_come_back_with_their_modes_and_without_the_key_that_opens_them(
    deployment: Path, tmp_path: Path, key: bytes | None
) -> None:
    file = _write(deployment, tmp_path / "usb", key)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (b"new,old" in file.read_bytes()) == (key is None)
    written = open_keys(file, tmp_path / "new", key)
    assert written == [".env", "artifacts/local/api_key", "secrets/airflow_fernet_key"]
    back = tmp_path / "new" / "secrets" / "airflow_fernet_key"
    assert (back.read_text(), back.stat().st_mode & 0o777) == ("new,old", 0o444)
    assert back.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(ConfigError, match="there already"):
        open_keys(file, tmp_path / "new", key)


def test_keys_beside_the_backups_without_secrets_or_with_another_key_are_refused(
    deployment: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="protect nothing"):
        _write(deployment, tmp_path / "vault" / "keys", KEY)
    with pytest.raises(ConfigError, match="no secrets here"):
        write_keys(DeploymentPaths(home=tmp_path), tmp_path, tmp_path / "usb", "s3://b", "one", KEY)
    file = _write(deployment, tmp_path / "usb", KEY)
    with pytest.raises(ConfigError, match="are encrypted"):
        open_keys(file, tmp_path / "new", None)
    with pytest.raises(StoreError, match="the key is another one"):
        open_keys(file, tmp_path / "new", bytes(32))


def test_a_file_that_would_write_elsewhere_is_refused(deployment: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.tar"
    with tarfile.open(file, "w") as packed:
        packed.add(deployment / ".env", arcname="../outside")
    with pytest.raises(StoreError, match="no file of keys"):
        open_keys(file, tmp_path / "new", None)
    assert not (tmp_path / "outside").exists()
