"""Moving who serves: each move is announced, made, read back and audited, or finished later.

Promotion, undo and rollback share one file lock.

MLflow moves one alias at a time and has no compare-and-swap. So the whole move is written down
first (artifacts/audit/intent.json); whoever moves next after a kill finishes it before anything
else.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.config import Places, places
from pipelines.contracts import CHAMPION, PREVIOUS
from pipelines.errors import DeployError, RegistryError
from pipelines.registry import audit
from pipelines.registry.alias import (
    ALIASES,
    MODEL_NAME,
    connect,
    get_version,
    lookup,
    registry_errors,
)
from pipelines.registry.taken_out import tag_taken_out
from pipelines.registry.tracking import registry_lock
from pipelines.storage import read_json, write_json

log = logging.getLogger(__name__)
Aliases = dict[str, str | None]  # alias -> version, None where the alias names nothing
_LONGEST_CHARS = 1000  # of a reason: MLflow's tags hold little more


@dataclass(frozen=True)
class Why:
    """Who moves an alias and why, for the audit."""

    by: str = "denguard"
    reason: str = "no reason given"
    run_id: str | None = None

    def facts(self) -> dict[str, str | None]:
        """As the audit holds it; what no file can hold (half a character) is replaced."""
        by, reason = (
            t.encode("utf-8", "replace").decode()[:_LONGEST_CHARS] for t in (self.by, self.reason)
        )
        return {"by": by, "reason": reason, "run_id": self.run_id}


def aliases(where: Places | None = None, model_name: str = MODEL_NAME) -> Aliases:
    """Every alias and the version it names."""
    found = {alias: lookup(alias, where, model_name) for alias in ALIASES}
    return {alias: entry.version if entry else None for alias, entry in found.items()}


def set_champion(
    version: str | int,
    *,
    where: Places | None = None,
    model_name: str = MODEL_NAME,
    why: Why | None = None,
    judged_against: Collection[str | None] | None = None,
) -> Aliases:
    """Let a version serve: champion moves to it and previous to the champion until now.

    Returns the aliases as they were before, for restore_champion. The champion itself again changes
    nothing.

    Args:
        judged_against: champions that the version may replace (None in it: no champion); another
            one is there only if somebody moved the alias after the decision. None asks for nothing.

    Raises:
        RegistryError: no such version, the lock is held, or the registry shows something else.
        DeployError: another champion than the one that the version was judged against.
    """
    where = where or places()
    wanted = get_version(version, where, model_name)
    with registry_lock(where):
        settle(where, model_name)
        before = aliases(where, model_name)
        now = before[CHAMPION]
        if now == wanted.version:
            return before
        if judged_against is not None and now not in judged_against:
            raise DeployError(
                f"version {now or 'none'} is champion now, and version {wanted.version} was not "
                "judged against it",
                where=model_name,
                fix="start a new run, or run the train step and what follows again",
            )
        move(
            "promote",
            before,
            {CHAMPION: wanted.version, PREVIOUS: now},
            why or Why(),
            where,
            model_name,
        )
    return before


def restore_champion(
    before: Aliases,
    *,
    where: Places | None = None,
    model_name: str = MODEL_NAME,
    why: Why | None = None,
) -> None:
    """Put champion and previous back as they were before set_champion. Raises RegistryError."""
    where = where or places()
    with registry_lock(where):
        settle(where, model_name)
        target = {name: before[name] for name in (CHAMPION, PREVIOUS)}
        now = aliases(where, model_name)
        if {**now, **target} != now:
            move("undo", now, target, why or Why(), where, model_name)


def set_alias(
    alias: str, version: str | int, *, where: Places | None = None, model_name: str = MODEL_NAME
) -> None:
    """Point an alias that serves nobody (challenger) at a version. Raises RegistryError."""
    where = where or places()
    with registry_lock(where):
        now = aliases(where, model_name)
        _write_aliases(now, {**now, alias: str(version)}, where, model_name)


def move(
    action: audit.Action,
    before: Aliases,
    target: Aliases,
    why: Why,
    where: Places,
    model_name: str,
) -> dict[str, Any]:
    """Announce, make and audit one move; return the intent. The caller holds the lock.

    What fails half-way is put back as it was; what is killed half-way is finished by settle(). The
    announcement of a rollback stays until the caller has seen the endpoint take it and forgets it.
    """
    to = target[CHAMPION]
    intent = {
        "seq": len(audit.read_trail(where).entries),
        "facts": {
            "action": action,
            "model_name": model_name,
            "from_version": before[CHAMPION],
            "to_version": to,
            "bundle_id": get_version(to, where, model_name).bundle_id if to else None,
            **why.facts(),
        },
        "target": target,
    }
    write_json(_intent_file(where), intent)
    try:
        _make(intent, where)
    except RegistryError:
        _put_back(before, where, model_name)
        raise
    if action != "rollback":
        forget(where)
    return intent


def settle(where: Places, model_name: str, *, but_remember: bool = False) -> dict[str, Any] | None:
    """Finish a move that was killed half-way; return its intent. The caller holds the lock.

    The intent is forgotten, unless the caller wants to see the rest through first.
    """
    path = _intent_file(where)
    if not path.is_file():
        return None
    intent: dict[str, Any] = read_json(path)
    if intent["facts"]["model_name"] != model_name:
        return None
    if len(audit.read_trail(where).entries) == intent["seq"]:
        log.warning(
            "an interrupted %s to version %s is finished now",
            intent["facts"]["action"],
            intent["facts"]["to_version"],
        )
        try:
            _make(intent, where)
        except RegistryError as err:
            raise RegistryError(
                f"an interrupted move could not be finished: {err.what}",
                where=str(path),
                fix=(
                    "see that MLflow answers and run the same again; if its version is gone from "
                    "the registry, delete this file"
                ),
            ) from err
    if not but_remember:
        forget(where)
    return intent


def announced(where: Places, model_name: str) -> dict[str, Any] | None:
    """Facts of a move that was announced and not seen through yet, or None."""
    path = _intent_file(where)
    facts: dict[str, Any] = read_json(path)["facts"] if path.is_file() else {}  # type: ignore[assignment]
    return facts if facts.get("model_name") == model_name else None


def forget(where: Places) -> None:
    """The announced move is over."""
    _intent_file(where).unlink(missing_ok=True)


def _make(intent: dict[str, Any], where: Places) -> None:
    facts = intent["facts"]
    now = aliases(where, facts["model_name"])
    _write_aliases(now, {**now, **intent["target"]}, where, facts["model_name"])
    if facts["action"] == "rollback":
        tag_taken_out(facts["from_version"], facts["reason"], where, facts["model_name"])
    audit.append(where, **facts)


def _put_back(before: Aliases, where: Places, model_name: str) -> None:
    """After a refusal: nothing moved. If even that is refused, settle() finishes the move."""
    try:
        _write_aliases(aliases(where, model_name), before, where, model_name)
    except RegistryError as err:
        log.warning(
            "the move could not be taken back (%s); the next command that moves an alias finishes "
            "it",
            err.what,
        )
    else:
        forget(where)


def _write_aliases(now: Aliases, target: Aliases, where: Places, model_name: str) -> None:
    """Previous first: a kill in between leaves the old champion serving."""
    client = connect(where)
    with registry_errors("the aliases could not be moved"):
        for alias in sorted(target, key=lambda name: name == CHAMPION):
            version = target[alias]
            if version == now.get(alias):
                continue
            if version is None:
                client.delete_registered_model_alias(model_name, alias)
            else:
                client.set_registered_model_alias(model_name, alias, version)
    shown = aliases(where, model_name)
    if shown != target:
        raise RegistryError(
            f"the registry shows {shown} after {target} was written",
            where=model_name,
            fix="somebody else moved an alias by hand; look at MLflow and run the step again",
        )


def _intent_file(where: Places) -> Path:
    return where.artifacts / "audit" / "intent.json"
