"""Rollback and manual promotion: a person lets another version serve.

After a rollback `previous` names the version that served before the one that serves again, as the
audit tells it, so that a second rollback goes one step further back. It never names what was taken
out of service: a second rollback must not bring that back.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from pipelines.config import DeploymentPaths, deployment_paths
from pipelines.contracts import CHAMPION, PREVIOUS
from pipelines.errors import DenguardError, DeployError, RegistryError
from pipelines.fusion.bundle import load_verified_bundle
from pipelines.registry import aliases, audit
from pipelines.registry.aliases import AuditReason
from pipelines.registry.deploy import (
    ENDPOINT_VARIABLE,
    NOT_CONFIGURED,
    NOT_REACHABLE,
    Deployed,
    ask,
    deploy,
    wait_until_served,
)
from pipelines.registry.lookup import MODEL_NAME, fetch_bundle, get_version
from pipelines.registry.register import version_named
from pipelines.registry.rolled_back import clear_rolled_back, rolled_back_versions
from pipelines.registry.tracking import registry_lock
from pipelines.run.outputs import SERVING

TAKE_OVER_S = 20.0  # with imports and checks, a rollback is over within 30 s
_BY_HAND = (
    "denguard audit shows who served; denguard promote VERSION --by NAME --reason TEXT lets "
    "another version serve"
)


@dataclass(frozen=True)
class RolledBack:
    """A version that serves again, the one that is out of service, and who is previous now.

    `resumed`: this call finished an interrupted rollback.
    """

    from_version: str | None
    version: str
    bundle_id: str
    previous: str | None
    resumed: bool
    endpoint: str


def roll_back(
    why: AuditReason,
    endpoint_url: str | None = None,
    timeout_s: float = TAKE_OVER_S,
    *,
    paths: DeploymentPaths | None = None,
    model_name: str = MODEL_NAME,
) -> RolledBack:
    """Let the previous version serve again, and wait until the endpoint serves it.

    A rollback that was killed half-way, also while it waited, is finished by the next call, which
    then goes no further back. The address is `endpoint_url`, else the environment's
    DENGUARD_ENDPOINT_URL.

    Raises:
        RegistryError: there is nothing to return to, or the registry did not do it; nothing moved.
        StoreError: the previous version is damaged; nothing moved.
        DeployError: the alias moved, but the endpoint answered without taking the bundle.
    """
    paths = paths or deployment_paths()
    url = endpoint_url or os.environ.get(ENDPOINT_VARIABLE) or None
    known = ask(url) if url else None
    with registry_lock(paths):
        # The intent is kept until the endpoint serves the version: a next call finishes this one.
        left = aliases.recover(paths, model_name, keep_intent=True)
        intent = left if _is_under_way(left, paths, model_name) else None
        resumed = intent is not None
        intent = intent or _begin(why, paths, model_name)
    to = intent["facts"]["to_version"]
    outcome = NOT_CONFIGURED
    if url:
        problem = wait_until_served(url, get_version(to, paths, model_name), known, timeout_s)
        if problem not in {None, NOT_REACHABLE}:
            raise DeployError(
                f"version {to} is champion in the registry, but the endpoint did not take it: "
                f"{problem}",
                where=url,
                fix=(
                    "look at the endpoint's log and restart it; run denguard rollback again to "
                    "see it through"
                ),
            )
        outcome = problem or SERVING
    aliases.clear_intent(paths)
    return RolledBack(
        from_version=intent["facts"]["from_version"],
        version=to,
        bundle_id=intent["facts"]["bundle_id"],
        previous=intent["target"][PREVIOUS],
        resumed=resumed,
        endpoint=outcome,
    )


def promote_by_hand(
    version: str,
    why: AuditReason,
    endpoint_url: str | None = None,
    timeout_s: float = TAKE_OVER_S,
    *,
    paths: DeploymentPaths | None = None,
    model_name: str = MODEL_NAME,
) -> Deployed:
    """Let a registered version serve because a person says so; the gate is not asked.

    `version` is its number or its bundle's id, as the gate names one that waits for a person. A
    version that was rolled back may serve again: its mark is taken off. Returns what deploy does.

    Raises:
        RegistryError: no such version, or the registry did not do it.
        StoreError: the version is damaged; nothing moved.
        DeployError: the endpoint did not take it, and the aliases are back.
    """
    paths = paths or deployment_paths()
    wanted = version_named(version, paths, model_name)
    require_verified(wanted.version, paths, model_name)
    clear_rolled_back(wanted.version, paths, model_name)
    return deploy(
        wanted.version, endpoint_url, timeout_s, paths=paths, model_name=model_name, why=why
    )


def require_verified(version: str, paths: DeploymentPaths, model_name: str) -> None:
    """Fetch a version as the endpoint does and recompute its golden rows. Raises DenguardError."""
    load_verified_bundle(fetch_bundle(version, paths=paths, model_name=model_name))


def _begin(why: AuditReason, paths: DeploymentPaths, model_name: str) -> dict[str, Any]:
    before = aliases.read_aliases(paths, model_name)
    champion, back_to = before[CHAMPION], before[PREVIOUS]
    if champion is None:
        raise RegistryError(
            "there is no champion to take out of service",
            where=model_name,
            fix="nothing serves from this registry; run the weekly cycle",
        )
    if back_to in {None, champion}:
        raise RegistryError(
            f"there is no previous version to return to; version {champion} goes on serving",
            where=model_name,
            fix=_BY_HAND,
        )
    try:
        require_verified(str(back_to), paths, model_name)
    except DenguardError as err:
        raise type(err)(
            f"the previous version {back_to} cannot serve, and nothing was moved: {err.what}",
            where=err.where,
            fix=_BY_HAND,
        ) from err
    out = {*rolled_back_versions(paths, model_name), champion}
    target = {CHAMPION: back_to, PREVIOUS: _served_before(str(back_to), out, paths, model_name)}
    return aliases.apply_transition("rollback", before, target, why, paths, model_name)


def _is_under_way(left: dict[str, Any] | None, paths: DeploymentPaths, model_name: str) -> bool:
    """Whether the intent is of a rollback and no later command moved the champion."""
    if left is None or left["facts"]["action"] != "rollback":
        return False
    return bool(aliases.read_aliases(paths, model_name)[CHAMPION] == left["facts"]["to_version"])


def _served_before(
    version: str, out: set[str], paths: DeploymentPaths, model_name: str
) -> str | None:
    """Who served before `version` began to, by the audit, unless it was taken out of service."""
    for entry in reversed(audit.read_trail(paths).entries):
        own = entry.get("model_name") == model_name and entry.get("action") == "promote"
        if own and entry.get("to_version") == version:
            before = entry.get("from_version")
            usable = before and before not in out and before != version
            return before if before and usable and _exists(before, paths, model_name) else None
    return None


def _exists(version: str, paths: DeploymentPaths, model_name: str) -> bool:
    try:
        get_version(version, paths, model_name)
    except RegistryError:
        return False
    return True
