"""The audit: what one can do to it unnoticed (nothing but cut its end, which the registry
tells)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import DeploymentPaths
from pipelines.registry import audit

Lines = list[bytes]


def _write(paths: DeploymentPaths, count: int) -> Path:
    for version in range(1, count + 1):
        facts = {
            "action": "promote",
            "model_name": "denguard",
            "bundle_id": f"b{version}",
            "run_id": None,
        }
        audit.append(
            paths,
            **facts,
            from_version=str(version - 1),
            to_version=str(version),
            by="Ana",
            reason="größer\nbesser",
        )
    return audit.audit_file(paths)


def test_entries_come_back_as_written_and_hold_each_other(nowhere: DeploymentPaths) -> None:
    path = _write(nowhere, 3)
    trail = audit.read_trail(nowhere)
    assert (trail.broken, trail.torn) == ("", "")
    assert [e["seq"] for e in trail.entries] == [1, 2, 3]
    assert set(trail.entries[0]) == set(audit.FIELDS)
    assert trail.entries[0]["prev_sha256"] == audit.GENESIS
    assert trail.entries[2]["prev_sha256"] == trail.entries[1]["sha256"]
    assert len(path.read_bytes().splitlines()) == 3


def _reworded(lines: Lines) -> Lines:
    return [lines[0], lines[1].replace(b"Ana", b"Eva"), *lines[2:]]


def _taken_out(lines: Lines) -> Lines:
    return [lines[0], *lines[2:]]


def _swapped(lines: Lines) -> Lines:
    return [lines[0], lines[2], lines[1], lines[3]]


def _forged(lines: Lines) -> Lines:
    entry = {**json.loads(lines[1]), "by": "Eva"}
    entry["sha256"] = audit.entry_hash(entry)
    return [lines[0], json.dumps(entry).encode(), *lines[2:]]


def _garbage(lines: Lines) -> Lines:
    return [lines[0], b"\xff{", *lines[2:]]


def _not_a_number(lines: Lines) -> Lines:
    return [lines[0], lines[1].replace(b'"seq":2', b'"seq":NaN'), *lines[2:]]


def _other_fields(lines: Lines) -> Lines:
    return [lines[0], b"{}", *lines[2:]]


TAMPERED: dict[Callable[[Lines], Lines], str] = {
    _reworded: "line 2 was changed",
    _taken_out: "line 2 does not follow",
    _swapped: "line 2 does not follow",
    _forged: "line 3 does not follow",
    _garbage: "line 2 is not an entry",
    _not_a_number: "line 2 was changed",
    _other_fields: "line 2 has other fields",
}


@pytest.mark.parametrize("tamper", TAMPERED)
def test_the_first_line_that_does_not_hold_is_named(nowhere: DeploymentPaths, tamper: Any) -> None:
    path = _write(nowhere, 4)
    path.write_bytes(b"\n".join(tamper(path.read_bytes().splitlines())) + b"\n")
    assert audit.read_trail(nowhere).broken.startswith(TAMPERED[tamper])
    _write(nowhere, 1)  # what is broken stays named, and does not hinder the next entry
    assert audit.read_trail(nowhere).broken.startswith(TAMPERED[tamper])


def test_a_torn_last_line_is_set_aside_with_a_word(
    nowhere: DeploymentPaths, caplog: pytest.LogCaptureFixture
) -> None:
    path = _write(nowhere, 2)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"action":"promo')
    assert audit.read_trail(nowhere).torn == '{"action":"promo'

    _write(nowhere, 1)

    assert "torn" in caplog.text
    assert path.read_bytes().startswith(whole)
    assert (path.parent / "torn-before-line-3.txt").read_text() == '{"action":"promo'
    trail = audit.read_trail(nowhere)
    assert (len(trail.entries), trail.broken, trail.torn) == (3, "", "")


def test_a_line_that_lost_only_its_end_is_kept(nowhere: DeploymentPaths) -> None:
    path = _write(nowhere, 2)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    _write(nowhere, 1)
    trail = audit.read_trail(nowhere)
    assert (len(trail.entries), trail.broken, trail.torn) == (3, "", "")
