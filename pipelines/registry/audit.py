"""The audit file: who moved the champion, when and why, as an append-only hash chain.

It is artifacts/audit/audit.jsonl.

Every line carries the hash of the line before it. A line that was changed, removed or inserted
later breaks the chain there. The chain cannot show that the end of the file was cut: `denguard
audit` compares the last line with the registry and prints the newest hash, to be copied elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pipelines.config import DeploymentPaths
from pipelines.contracts import canonical_json
from pipelines.storage import write_atomic

log = logging.getLogger(__name__)
Action = Literal["promote", "rollback", "undo", "adopt-rule"]
Entry = dict[str, Any]
FIELDS = (
    "seq",
    "at",
    "action",
    "model_name",
    "from_version",
    "to_version",
    "bundle_id",
    "run_id",
    "by",
    "reason",
    "prev_sha256",
    "sha256",
)
GENESIS = "0" * 64  # what the first line names as the line before it


@dataclass(frozen=True)
class Trail:
    """The audit file as read from the disk.

    Attributes:
        entries: every line that is JSON, oldest first.
        broken: what is wrong with the first line that does not hold, "" if all do.
        torn: an incomplete last line, as a power cut leaves it; "" if there is none.
    """

    entries: tuple[Entry, ...]
    broken: str
    torn: str


def audit_file(paths: DeploymentPaths) -> Path:
    """artifacts/audit/audit.jsonl"""
    return paths.artifacts / "audit" / "audit.jsonl"


def append(paths: DeploymentPaths, **facts: Any) -> Entry:
    """Add one entry and wait until it is on the disk. The caller holds the registry's lock.

    Args:
        facts: every one of FIELDS but seq, at and the hashes.
    """
    path = audit_file(paths)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = _whole_lines(path)
    entry = {
        "seq": len(lines) + 1,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
        "prev_sha256": _link(lines[-1]) if lines else GENESIS,
    }
    entry["sha256"] = entry_hash(entry)
    with path.open("ab") as out:
        out.write(canonical_json(entry).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    return entry


def read_trail(paths: DeploymentPaths) -> Trail:
    """Read the whole log and check its chain; never raises for what the file holds."""
    path = audit_file(paths)
    *lines, tail = (path.read_bytes() if path.is_file() else b"").split(b"\n")
    if _parsed(tail):
        lines, tail = [*lines, tail], b""  # only its line end is lost
    entries = [entry for line in lines if (entry := _parsed(line)) is not None]
    return Trail(tuple(entries), _first_break(lines), tail.decode(errors="replace"))


def newest(paths: DeploymentPaths, model_name: str) -> Entry | None:
    """The last entry about a model, or None."""
    own = [e for e in read_trail(paths).entries if e.get("model_name") == model_name]
    return own[-1] if own else None


def entry_hash(entry: Entry) -> str:
    """SHA-256 over an entry's canonical JSON without its own hash."""
    rest = {name: value for name, value in entry.items() if name != "sha256"}
    return hashlib.sha256(canonical_json(rest).encode()).hexdigest()


def _first_break(lines: list[bytes]) -> str:
    before = GENESIS
    for number, line in enumerate(lines, start=1):
        entry = _parsed(line)
        if entry is None:
            return f"line {number} is not an entry"
        if set(entry) != set(FIELDS):
            return f"line {number} has other fields than an entry"
        if not _own_hash(entry):
            return f"line {number} was changed after it was written"
        if (entry["seq"], entry["prev_sha256"]) != (number, before):
            return (
                f"line {number} does not follow the line before it: one was taken out, put in or "
                "moved"
            )
        before = entry["sha256"]
    return ""


def _own_hash(entry: Entry) -> bool:
    try:
        return bool(entry["sha256"] == entry_hash(entry))
    except ValueError:  # NaN or half a character, which append never writes
        return False


def _whole_lines(path: Path) -> list[bytes]:
    """All complete lines. An incomplete last line is completed if it is an entry, else moved to a
    file of its own, with a warning in the log."""
    raw = path.read_bytes() if path.is_file() else b""
    *lines, tail = raw.split(b"\n")
    if tail and _parsed(tail) is not None:
        with path.open("ab") as out:
            out.write(b"\n")
        return [*lines, tail]
    if tail:
        aside = path.with_name(f"torn-before-line-{len(lines) + 1}.txt")
        write_atomic(aside, tail)
        os.truncate(path, len(raw) - len(tail))
        log.warning(
            "the last line of %s is incomplete, perhaps after a power cut; it was moved to %s",
            path.name,
            aside,
        )
    return lines


def _link(line: bytes) -> str:
    """What the next line names: the entry's hash, or for a damaged line the hash of its bytes."""
    entry = _parsed(line)
    return str(entry["sha256"]) if entry and "sha256" in entry else hashlib.sha256(line).hexdigest()


def _parsed(line: bytes) -> Entry | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
