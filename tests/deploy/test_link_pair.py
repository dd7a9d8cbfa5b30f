"""The certificate of second hosts: good at both ends for the names that link.sh asks by."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from pathlib import Path

import pytest

from pipelines.deploy.link_pair import SERVICES, new_pair
from pipelines.deploy.secret_table import BY_NAME

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "proxy" / "link.sh"


def test_the_script_and_the_certificate_have_the_same_names() -> None:
    (line,) = re.findall(r'^services="(.*)"$', SCRIPT.read_text(encoding="utf-8"), re.M)
    assert tuple(one.partition(":")[0] for one in line.split()) == SERVICES


def _ends(tmp_path: Path, server: str, client: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Both ends as link.sh sets them up: each shows its file and takes no other."""
    made = []
    kinds = (ssl.PROTOCOL_TLS_SERVER, server), (ssl.PROTOCOL_TLS_CLIENT, client)
    for kind, text in kinds:
        file = tmp_path / f"{kind.name}.pem"
        file.write_text(text)
        context = ssl.SSLContext(kind)
        context.load_cert_chain(file)
        context.load_verify_locations(file)
        context.verify_mode = ssl.CERT_REQUIRED
        made.append(context)
    return made[0], made[1]


def _said(ends: tuple[ssl.SSLContext, ssl.SSLContext], name: str) -> bytes:
    """What a client that asks for a name reads from the server; raises ssl.SSLError."""
    here, there = socket.socketpair()

    def serve() -> None:
        try:
            with ends[0].wrap_socket(there, server_side=True) as wrapped:
                wrapped.sendall(b"in")
        except (ssl.SSLError, OSError):
            there.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        here.settimeout(20)
        with ends[1].wrap_socket(here, server_hostname=name) as wrapped:
            return wrapped.recv(2)
    finally:
        here.close()
        thread.join(20)


def test_both_ends_with_one_file_meet_by_each_name(tmp_path: Path) -> None:
    pair = new_pair()
    assert BY_NAME["link.pem"].wrong(pair) == ""
    for name in SERVICES:
        assert _said(_ends(tmp_path, pair, pair), name) == b"in"


def test_another_name_or_another_file_gets_in_nowhere(tmp_path: Path) -> None:
    pair, other = new_pair(), new_pair()
    for server, client, name in ((pair, pair, "serving"), (pair, other, "redis")):
        with pytest.raises((ssl.SSLError, OSError)):
            assert _said(_ends(tmp_path, server, client), name) == b"in"
