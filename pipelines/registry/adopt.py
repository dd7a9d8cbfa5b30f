"""Adopts another label rule: it ends the line of the old champion and begins a new one.

Champion and previous lose their aliases: the next candidate is compared as a first champion, and a
rollback never returns to a model of the old rule. Versions, bundles and their thresholds stay. The
old champion becomes `superseded`: until the new line has a champion, an endpoint goes on answering
with it, and says in each answer by which rule it answers and which one was adopted. An answer by
the old rule is better than none, and nobody knows how long the new line takes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipelines.config import DeploymentPaths, deployment_paths
from pipelines.contracts import CHAMPION, PREVIOUS, SUPERSEDED
from pipelines.errors import DenguardError
from pipelines.fusion.bundle import load_bundle
from pipelines.registry import aliases
from pipelines.registry.aliases import AuditReason
from pipelines.registry.lookup import (
    ADOPTED_TAG,
    MODEL_NAME,
    connect,
    fetch_bundle,
    registry_errors,
)
from pipelines.registry.tracking import prepare, registry_lock

_UNKNOWN = "unknown"  # of a champion that cannot be read


def adopt_rule(
    rule_id: str,
    why: AuditReason,
    *,
    paths: DeploymentPaths | None = None,
    model_name: str = MODEL_NAME,
) -> dict[str, Any]:
    """End the line of a champion of another label rule; the next candidate is a first champion.

    A champion of this very rule stays, and without a champion there is no line to end: then nothing
    moves and nothing is audited, so that the command may be repeated.

    Returns:
        {changed, from_version, rule_before, rule_now}, JSON-able; from_version and rule_before are
        None without a champion.

    Raises:
        RegistryError: the registry did not do it; the champion serves as before.
    """
    paths = paths or deployment_paths()
    prepare(paths)
    with registry_lock(paths):
        aliases.recover(paths, model_name)
        before = aliases.read_aliases(paths, model_name)
        version = before[CHAMPION]
        theirs = _rule_of(version, paths, model_name) if version else None
        if version and theirs != rule_id:
            _supersede(version, rule_id, paths, model_name)
            audited = replace(why, reason=f"label rule {theirs} -> {rule_id}: {why.reason}")
            aliases.apply_transition(
                "adopt-rule", before, {CHAMPION: None, PREVIOUS: None}, audited, paths, model_name
            )
    changed = version is not None and theirs != rule_id
    return {"changed": changed, "from_version": version, "rule_before": theirs, "rule_now": rule_id}


def _supersede(version: str, rule_id: str, paths: DeploymentPaths, model_name: str) -> None:
    """Set the alias `superseded` before the champion's is removed: an endpoint finds one of both.

    The alias is read only where there is no champion, so a kill right after this changes nothing.
    """
    client = connect(paths)
    with registry_errors(f"version {version} could not be marked as superseded"):
        client.set_model_version_tag(model_name, version, ADOPTED_TAG, rule_id)
        client.set_registered_model_alias(model_name, SUPERSEDED, version)


def _rule_of(version: str, paths: DeploymentPaths, model_name: str) -> str:
    """The label rule of a version. One that cannot be read is of no rule that could be kept."""
    try:
        folder = fetch_bundle(version, paths=paths, model_name=model_name)
        return load_bundle(folder).meta.label_rule_id
    except DenguardError:
        return _UNKNOWN
