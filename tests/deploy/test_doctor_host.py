"""What the doctor says of machine and folder."""

from __future__ import annotations

import os
import socket
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from support.answering import answering

from pipelines.deploy.doctor import files, host
from pipelines.deploy.secret_files import write_secret
from pipelines.ops.growth import Growth

from .conftest import MakeScene

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(("free_gb", "level"), [(30, "ok"), (10, "warn"), (1, "fail")])
def test_room_on_the_disk(
    scene: MakeScene, monkeypatch: pytest.MonkeyPatch, free_gb: int, level: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(0, 0, free_gb * 10**9))
    (finding,) = host.disk(scene())
    assert finding.level == level and "free" in finding.said


@pytest.mark.parametrize(("free_gb", "level"), [(30, "ok"), (1, "warn")])
def test_room_for_half_a_year_of_runs(
    scene: MakeScene, monkeypatch: pytest.MonkeyPatch, free_gb: int, level: str
) -> None:
    assert host.growing(scene())[0].level == "skip"
    (scene().paths.artifacts).mkdir()
    monkeypatch.setattr(host, "growth", lambda _: Growth({}, 10**9, 2))
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(0, 0, free_gb * 10**9))
    assert host.growing(scene())[0].level == level


@pytest.mark.parametrize(("gib", "level"), [(7.8, "ok"), (5, "warn"), (2, "fail")])
def test_memory(scene: MakeScene, monkeypatch: pytest.MonkeyPatch, gib: float, level: str) -> None:
    total = SimpleNamespace(total=gib * (1 << 30))
    monkeypatch.setattr("psutil.virtual_memory", lambda: total)
    assert host.memory(scene())[0].level == level


def test_a_port_that_something_else_holds_is_named(folder: Path, scene: MakeScene) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        with (folder / ".env").open("a") as env:
            env.write(f"SOME_PORT={held.getsockname()[1]}\n")
        (finding,) = host.ports(scene())
    assert finding.level == "warn" and "SOME_PORT" in finding.said


def test_a_port_that_the_stack_answers_is_well(folder: Path, scene: MakeScene) -> None:
    with answering(lambda path, _: (200 if path == "/health" else 404, "OK")) as url:
        with (folder / ".env").open("a") as env:
            env.write(f"SOME_PORT={url.rpartition(':')[2]}\n")
        (finding,) = host.ports(scene())
    assert (finding.level, finding.said) == ("ok", "answered by this stack")


def test_a_secret_of_a_wrong_shape_fails(folder: Path, scene: MakeScene) -> None:
    write_secret(folder, "airflow_fernet_key", "notafernetkeybutlongenough1234567890")
    (finding,) = files.secrets_and_settings(scene())
    assert finding.level == "fail" and "secrets/airflow_fernet_key" in finding.said


def test_what_init_has_not_written_fails(folder: Path, scene: MakeScene) -> None:
    assert files.secrets_and_settings(scene())[0].level == "ok"
    (folder / "secrets" / "endpoint_keys_sha256").unlink()
    (finding,) = files.secrets_and_settings(scene())
    assert finding.level == "fail" and "the endpoint's key" in finding.said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_folder_of_another_owner_fails_with_the_command(folder: Path, scene: MakeScene) -> None:
    assert files.host_folders(scene())[0].level == "ok"
    os.chown(folder / "data", 0, 0)
    (finding,) = files.host_folders(scene())
    assert (finding.level, finding.fix) == ("fail", "sudo install -d -o 50000 -g 50000 ./data")


def test_a_home_that_runs_cannot_write_fails(folder: Path, scene: MakeScene) -> None:
    (finding,) = files.home_folders(scene(DENGUARD_HOME=str(folder)))
    assert finding.level == "fail" and str(folder / "artifacts") in finding.said
    (folder / "artifacts").mkdir()
    if os.geteuid() == 0:
        assert files.home_folders(scene(DENGUARD_HOME=str(folder)))[0].level == "fail"
        os.chown(folder / "artifacts", 50000, 50000)
    assert files.home_folders(scene(DENGUARD_HOME=str(folder)))[0].level == "ok"


def test_images_of_another_version_than_the_checkout_are_named(
    folder: Path, scene: MakeScene
) -> None:
    (folder / "pyproject.toml").write_text('[project]\nversion = "9.9"\n')
    (finding,) = files.versions(scene())
    assert finding.level == "warn" and "9.9" in finding.said


def certificate(days: float) -> str:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "denguard.example.org")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=90)).not_valid_after(
        now + timedelta(days=days)
    )
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(("days", "level"), [(60, "ok"), (20, "warn"), (3, "fail"), (-1, "fail")])
def test_days_left_of_the_certificate(
    folder: Path, scene: MakeScene, days: int, level: str
) -> None:
    write_secret(folder, "cert.pem", certificate(days + 0.5))
    (finding,) = files.certificate(scene())
    assert finding.level == level and f"{days} days left" in finding.said


def test_a_certificate_that_the_proxy_makes_itself_is_a_warning(scene: MakeScene) -> None:
    assert files.certificate(scene())[0].level == "warn"
