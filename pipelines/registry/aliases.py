"""The aliases that say which version serves: a transition is written down, applied and audited.

Promotion, undo and rollback share one file lock.

MLflow moves one alias at a time and has no compare-and-swap. So the whole transition is written
down first, as an intent (artifacts/audit/intent.json). After a kill the next command recovers it:
it finishes the transition before anything else.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths, deployment_paths
from pipelines.contracts import CHAMPION, PREVIOUS
from pipelines.errors import DeployError, RegistryError
from pipelines.registry import audit
from pipelines.registry.lookup import (
    ALIASES,
    MODEL_NAME,
    connect,
    get_version,
    lookup,
    registry_errors,
)
from pipelines.registry.rolled_back import mark_rolled_back
from pipelines.registry.tracking import registry_lock
from pipelines.storage import read_json, write_json

log = logging.getLogger(__name__)
Aliases = dict[str, str | None]  # alias -> version, None where the alias names nothing
_LONGEST_CHARS = 1000  # of a reason: MLflow's tags hold little more


@dataclass(frozen=True)
class AuditReason:
    """Who moves an alias and why, for the audit file."""

    by: str = "denguard"
    reason: str = "no reason given"
    run_id: str | None = None

    def facts(self) -> dict[str, str | None]:
        """As the audit holds it; what no file can hold (half a character) is replaced."""
        by, reason = (
            t.encode("utf-8", "replace").decode()[:_LONGEST_CHARS] for t in (self.by, self.reason)
        )
        return {"by": by, "reason": reason, "run_id": self.run_id}


def read_aliases(paths: DeploymentPaths | None = None, model_name: str = MODEL_NAME) -> Aliases:
    """Every alias and the version it names."""
    found = {alias: lookup(alias, paths, model_name) for alias in ALIASES}
    return {alias: entry.version if entry else None for alias, entry in found.items()}


def set_champion(
    version: str | int,
    *,
    paths: DeploymentPaths | None = None,
    model_name: str = MODEL_NAME,
    why: AuditReason | None = None,
    compared_with: Collection[str | None] | None = None,
) -> Aliases:
    """Let a version serve: champion moves to it and previous to the champion until now.

    Returns the aliases as they were before, for restore_champion. The champion itself again changes
    nothing.

    Args:
        compared_with: champions that the version may replace (None in it: no champion); another
            one is there only if somebody moved the alias after the decision. None asks for nothing.

    Raises:
        RegistryError: no such version, the lock is held, or the registry shows something else.
        DeployError: another champion than the one that the version was judged against.
    """
    paths = paths or deployment_paths()
    wanted = get_version(version, paths, model_name)
    with registry_lock(paths):
        recover(paths, model_name)
        before = read_aliases(paths, model_name)
        now = before[CHAMPION]
        if now == wanted.version:
            return before
        if compared_with is not None and now not in compared_with:
            raise DeployError(
                f"version {now or 'none'} is champion now, and version {wanted.version} was not "
                "judged against it",
                where=model_name,
                fix="start a new run, or run the train step and what follows again",
            )
        apply_transition(
            "promote",
            before,
            {CHAMPION: wanted.version, PREVIOUS: now},
            why or AuditReason(),
            paths,
            model_name,
        )
    return before


def restore_champion(
    before: Aliases,
    *,
    paths: DeploymentPaths | None = None,
    model_name: str = MODEL_NAME,
    why: AuditReason | None = None,
) -> None:
    """Put champion and previous back as they were before set_champion. Raises RegistryError."""
    paths = paths or deployment_paths()
    with registry_lock(paths):
        recover(paths, model_name)
        target = {name: before[name] for name in (CHAMPION, PREVIOUS)}
        now = read_aliases(paths, model_name)
        if {**now, **target} != now:
            apply_transition("undo", now, target, why or AuditReason(), paths, model_name)


def set_alias(
    alias: str,
    version: str | int,
    *,
    paths: DeploymentPaths | None = None,
    model_name: str = MODEL_NAME,
) -> None:
    """Point an alias that serves nobody (challenger) at a version. Raises RegistryError."""
    paths = paths or deployment_paths()
    with registry_lock(paths):
        now = read_aliases(paths, model_name)
        _write_aliases(now, {**now, alias: str(version)}, paths, model_name)


def apply_transition(
    action: audit.Action,
    before: Aliases,
    target: Aliases,
    why: AuditReason,
    paths: DeploymentPaths,
    model_name: str,
) -> dict[str, Any]:
    """Write the intent, move the aliases, audit it; return the intent. The caller holds the lock.

    A failure half-way is undone here; recover() finishes what was killed half-way. The intent of a
    rollback stays until the endpoint serves the version: then the caller clears it.
    """
    to = target[CHAMPION]
    intent = {
        "seq": len(audit.read_trail(paths).entries),
        "facts": {
            "action": action,
            "model_name": model_name,
            "from_version": before[CHAMPION],
            "to_version": to,
            "bundle_id": get_version(to, paths, model_name).bundle_id if to else None,
            **why.facts(),
        },
        "target": target,
    }
    write_json(_intent_file(paths), intent)
    try:
        _carry_out(intent, paths)
    except RegistryError:
        _put_back(before, paths, model_name)
        raise
    if action != "rollback":
        clear_intent(paths)
    return intent


def recover(
    paths: DeploymentPaths, model_name: str, *, keep_intent: bool = False
) -> dict[str, Any] | None:
    """Finish a transition that was killed half-way; return its intent. The caller holds the lock.

    The intent is cleared, unless the caller has more to do first (`keep_intent`).
    """
    path = _intent_file(paths)
    if not path.is_file():
        return None
    intent: dict[str, Any] = read_json(path)
    if intent["facts"]["model_name"] != model_name:
        return None
    if len(audit.read_trail(paths).entries) == intent["seq"]:
        log.warning(
            "an interrupted %s to version %s is finished now",
            intent["facts"]["action"],
            intent["facts"]["to_version"],
        )
        try:
            _carry_out(intent, paths)
        except RegistryError as err:
            raise RegistryError(
                f"an interrupted move could not be finished: {err.what}",
                where=str(path),
                fix=(
                    "see that MLflow answers and run the same again; if its version is gone from "
                    "the registry, delete this file"
                ),
            ) from err
    if not keep_intent:
        clear_intent(paths)
    return intent


def pending_transition(paths: DeploymentPaths, model_name: str) -> dict[str, Any] | None:
    """Facts of a transition whose intent is not cleared yet, or None."""
    path = _intent_file(paths)
    facts: dict[str, Any] = read_json(path)["facts"] if path.is_file() else {}  # type: ignore[assignment]
    return facts if facts.get("model_name") == model_name else None


def clear_intent(paths: DeploymentPaths) -> None:
    """Delete the intent: the transition is over."""
    _intent_file(paths).unlink(missing_ok=True)


def _carry_out(intent: dict[str, Any], paths: DeploymentPaths) -> None:
    facts = intent["facts"]
    now = read_aliases(paths, facts["model_name"])
    _write_aliases(now, {**now, **intent["target"]}, paths, facts["model_name"])
    if facts["action"] == "rollback":
        mark_rolled_back(facts["from_version"], facts["reason"], paths, facts["model_name"])
    audit.append(paths, **facts)


def _put_back(before: Aliases, paths: DeploymentPaths, model_name: str) -> None:
    """After a refusal: nothing moved. If even that fails, recover() finishes the transition."""
    try:
        _write_aliases(read_aliases(paths, model_name), before, paths, model_name)
    except RegistryError as err:
        log.warning(
            "the move could not be taken back (%s); the next command that moves an alias finishes "
            "it",
            err.what,
        )
    else:
        clear_intent(paths)


def _write_aliases(now: Aliases, target: Aliases, paths: DeploymentPaths, model_name: str) -> None:
    """Previous first: a kill in between leaves the old champion serving."""
    client = connect(paths)
    with registry_errors("the aliases could not be moved"):
        for alias in sorted(target, key=lambda name: name == CHAMPION):
            version = target[alias]
            if version == now.get(alias):
                continue
            if version is None:
                client.delete_registered_model_alias(model_name, alias)
            else:
                client.set_registered_model_alias(model_name, alias, version)
    shown = read_aliases(paths, model_name)
    if shown != target:
        raise RegistryError(
            f"the registry shows {shown} after {target} was written",
            where=model_name,
            fix="somebody else moved an alias by hand; look at MLflow and run the step again",
        )


def _intent_file(paths: DeploymentPaths) -> Path:
    return paths.artifacts / "audit" / "intent.json"
