"""Which certificate is served, and what keeps the proxy from starting."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.edge import Edge, Replica, edge, laid


def _given(folder: Path) -> bytes:
    """A certificate of the ministry in the folder that is mounted; its bytes."""
    tls = folder / "tls"
    tls.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "9", "-subj", "/CN=ministry", "-addext"]
        + ["subjectAltName=IP:127.0.0.1", "-keyout", str(tls / "key.pem")]
        + ["-out", str(tls / "cert.pem")],
        check=True,
        capture_output=True,
    )
    (tls / "key.pem").chmod(0o444)
    return (tls / "cert.pem").read_bytes()


def _said(one: Edge) -> str:
    """What it says where it does not start."""
    assert one.start().wait(60) == 78
    return one.said


def test_the_ministry_s_certificate_is_served(open_folder: Path, replica: Replica) -> None:
    given = _given(open_folder)
    with edge(open_folder, f"127.0.0.1:{replica.port}") as running:
        assert (open_folder / "run/tls/cert.pem").read_bytes() == given
        with running.client() as client:
            assert client.get(running.url("/forecast")).status_code == 200
        assert "SELF-SIGNED" not in running.said


def test_without_one_a_certificate_is_made_said_and_kept(
    open_folder: Path, replica: Replica
) -> None:
    with edge(open_folder, f"127.0.0.1:{replica.port}") as running:
        first = (open_folder / "run/tls/cert.pem").read_bytes()
        assert "SELF-SIGNED" in running.said
        assert "secrets/cert.pem" in running.said
        running.process and running.process.terminate()
        running.process and running.process.wait()
        running.start()
        assert running.process is not None
    assert (open_folder / "run/tls/cert.pem").read_bytes() == first


def test_half_a_certificate_is_refused(open_folder: Path) -> None:
    _given(open_folder)
    (open_folder / "tls/key.pem").unlink()
    assert "one is missing" in _said(laid(open_folder, "127.0.0.1:9"))


def test_a_key_of_another_certificate_is_refused(open_folder: Path) -> None:
    _given(open_folder)
    other = (open_folder / "tls/key.pem").read_bytes()
    (open_folder / "tls").rename(open_folder / "old")
    _given(open_folder)
    (open_folder / "tls/key.pem").chmod(0o644)
    (open_folder / "tls/key.pem").write_bytes(other)
    assert "nginx refuses its configuration" in _said(laid(open_folder, "127.0.0.1:9"))


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("AT_ONCE", "many", "PROXY_AT_ONCE is no whole number"),
        ("WORKERS", "10.0.0.1; return 200", "PROXY_WORKERS holds"),
        ("NAME", "no,name", "a certificate for 'no,name' cannot be made"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    open_folder: Path, setting: str, value: str, words: str
) -> None:
    assert words in _said(laid(open_folder, "127.0.0.1:9", **{setting: value}))
