"""Deploys a version to the endpoint; on failure the aliases go back to the old champion."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import httpx

from pipelines.config import DeploymentPaths, deployment_paths
from pipelines.contracts import CHAMPION, PREVIOUS
from pipelines.errors import DeployError
from pipelines.registry.aliases import Aliases, AuditReason, restore_champion, set_champion
from pipelines.registry.lookup import MODEL_NAME, Registered, get_version
from pipelines.registry.rolled_back import rolled_back_versions
from pipelines.run.outputs import SERVING

log = logging.getLogger(__name__)
ENDPOINT_VARIABLE = "DENGUARD_ENDPOINT_URL"
NOT_CONFIGURED = f"not configured ({ENDPOINT_VARIABLE}): workers take it at their next poll"
NOT_REACHABLE = "not reachable: workers take it at their next poll"
_CALL_TIMEOUT_S = 5.0
_PAUSE_S = 0.2


@dataclass(frozen=True)
class Deployed:
    """A version that is champion, who was before it, and what came of the endpoint, in words."""

    version: str
    bundle_id: str
    previous: str | None
    changed: bool
    endpoint: str


@dataclass(frozen=True)
class Answer:
    """What GET /model said: the bundle that serves, and the failed candidate if there is one."""

    bundle_id: str | None
    candidate_error: dict[str, Any] | None


def deploy(
    version: str | int,
    endpoint_url: str | None = None,
    timeout_s: float = 30.0,
    *,
    paths: DeploymentPaths | None = None,
    model_name: str = MODEL_NAME,
    why: AuditReason | None = None,
    compared_with: Collection[str | None] | None = None,
) -> Deployed:
    """Make a version the champion and wait until the endpoint serves it.

    The address is `endpoint_url`, else the environment's DENGUARD_ENDPOINT_URL. Without one, or if
    nobody answers there, the alias stays moved and the output says so: workers poll it.

    Raises:
        DeployError: the endpoint answered but did not take the bundle, and the aliases are back; or
            nothing was moved, because a person took the version out of service or the champion is
            none of `compared_with` (see aliases.set_champion).
        RegistryError: the alias could not be moved.
    """
    paths, why = paths or deployment_paths(), why or AuditReason()
    wanted = get_version(version, paths, model_name)
    if wanted.version in rolled_back_versions(paths, model_name):
        raise DeployError(
            f"version {wanted.version} was taken out of service by a person",
            where=model_name,
            fix=f"denguard promote {wanted.version} --by NAME --reason TEXT lets it serve again",
        )
    url = endpoint_url or os.environ.get(ENDPOINT_VARIABLE) or None
    known = ask(url) if url else None
    before = set_champion(
        wanted.version, paths=paths, model_name=model_name, why=why, compared_with=compared_with
    )
    outcome = NOT_CONFIGURED
    if url:
        outcome = _wait_or_restore(url, wanted, known, before, timeout_s, why, paths, model_name)
    tell = log.info if outcome == SERVING else log.warning
    tell(
        "version %s (bundle %s) is champion; endpoint: %s",
        wanted.version,
        wanted.bundle_id,
        outcome,
    )
    changed = before[CHAMPION] != wanted.version
    previous = before[CHAMPION] if changed else before[PREVIOUS]
    return Deployed(wanted.version, wanted.bundle_id, previous, changed, outcome)


def ask(url: str) -> Answer | None:
    """What the endpoint at this address serves, or None if it gives no usable answer."""
    try:
        response = httpx.get(f"{url.rstrip('/')}/model", timeout=_CALL_TIMEOUT_S)
        body = response.json()
    except (httpx.HTTPError, ValueError):
        return None
    if not isinstance(body, dict) or "bundle_id" not in body:
        return None
    return Answer(body["bundle_id"], body.get("candidate_error"))


def _wait_or_restore(
    url: str,
    wanted: Registered,
    known: Answer | None,
    before: Aliases,
    timeout_s: float,
    why: AuditReason,
    paths: DeploymentPaths,
    model_name: str,
) -> str:
    """Wait for the endpoint; on refusal or silence put the aliases back and raise."""
    problem = wait_until_served(url, wanted, known, timeout_s)
    if problem is None:
        return SERVING
    if problem == NOT_REACHABLE:
        return problem
    target = _way_back(before, wanted.version)
    undone = replace(why, reason=f"the endpoint did not take version {wanted.version}: {problem}")
    restore_champion(target, paths=paths, model_name=model_name, why=undone)
    raise DeployError(
        f"the endpoint did not take version {wanted.version} (bundle {wanted.bundle_id}): "
        f"{problem}",
        where=url,
        fix=(
            f"version {target[CHAMPION] or 'none'} is champion again; correct the cause and "
            "deploy once more"
        ),
    )


def _way_back(before: Aliases, refused: str) -> Aliases:
    """The aliases to return to; a deploy that was killed half-way had already moved them."""
    if before[CHAMPION] != refused:
        return before
    return {**before, CHAMPION: before[PREVIOUS], PREVIOUS: None}


def wait_until_served(
    url: str, wanted: Registered, known: Answer | None, timeout_s: float
) -> str | None:
    """None once the bundle serves, else why it does not.

    Args:
        known: the endpoint's answer before the alias moved: an old refusal is no new one.
    """
    reached = known is not None
    stale = known.candidate_error if known else None
    deadline = time.monotonic() + timeout_s
    while True:
        answer = ask(url)
        reached = reached or answer is not None
        if answer is not None and answer.bundle_id == wanted.bundle_id:
            return None
        error = answer.candidate_error if answer else None
        if error and error != stale and error.get("bundle_id") == wanted.bundle_id:
            return str(error.get("error"))
        if not reached:
            return NOT_REACHABLE
        if time.monotonic() > deadline:
            return f"it did not show the bundle within {timeout_s:g} s"
        time.sleep(_PAUSE_S)
