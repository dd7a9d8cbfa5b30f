"""Lines on the steps of a run, between machines that share a store: events/<run>/<machine>.jsonl.

Each machine writes an object of its own, whole each time, so that no two writers meet and what one
write missed the next brings.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.storage import shared, write_atomic
from pipelines.storage.lock import locked

_LOCK_TIMEOUT_S = 60.0


def publish(paths: DeploymentPaths, run_id: str, own: Callable[[], list[bytes]]) -> None:
    """Put this machine's lines on a run into the store, if there is one.

    Args:
        own: reads them; asked when no other process of this machine can publish.

    Raises:
        StoreError: the store does not answer, or another process holds it for too long.
    """
    if (store := shared(paths)) is None:
        return
    folder = paths.artifacts / "events"
    busy = StoreError(
        "another process has been sending events to the store for too long",
        where=str(folder),
        fix="nothing: the next event of this run brings these, too",
    )
    with locked(folder / "exchange.lock", _LOCK_TIMEOUT_S, busy):
        text = b"".join(line.rstrip(b"\n") + b"\n" for line in own())
        machine = folder / "machine"
        if not machine.is_file():
            write_atomic(machine, uuid.uuid4().hex[:16])
        store.store.write(f"{_prefix(run_id)}/{_own_name(paths)}", text)


def of_others(paths: DeploymentPaths, run_id: str) -> Iterator[bytes]:
    """Lines that other machines wrote on a run; none without a store.

    Raises:
        StoreError: the store does not answer.
    """
    if (store := shared(paths)) is None:
        return
    for name in sorted(store.store.names(_prefix(run_id)) - {_own_name(paths)}):
        yield from (store.store.read(f"{_prefix(run_id)}/{name}") or b"").splitlines()


def _prefix(run_id: str) -> str:
    return f"events/{run_id}"


def _own_name(paths: DeploymentPaths) -> str:
    """By the name that this home gave itself once; of one that never sent anything, nobody's."""
    machine = paths.artifacts / "events" / "machine"
    return f"{machine.read_text(encoding='utf-8')}.jsonl" if machine.is_file() else ""
