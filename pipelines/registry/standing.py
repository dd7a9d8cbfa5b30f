"""Who serves now, as a small record that a step can hand on.

Belongs here: reading the champion's identity and recipe, and saying so when that is not possible.
Does not belong here: moving it.
"""

from __future__ import annotations

from typing import Any

from pipelines.config import Places
from pipelines.contracts import CHAMPION
from pipelines.errors import DenguardError, RegistryError
from pipelines.fusion.bundle import load_sound
from pipelines.fusion.bundle_models import weights_id
from pipelines.recipes import recipe_id
from pipelines.registry import audit
from pipelines.registry.alias import Registered, fetch_bundle, lookup
from pipelines.registry.taken_out import taken_out
from pipelines.registry.tracking import prepare


def standing(where: Places, model_name: str) -> dict[str, Any]:
    """Who serves, and what may not serve again; never raises for what the registry holds or says.

    Returns:
        champion: its version, ids, recipe, label rule and encoders; None if there is none or it cannot be read.
        named: {version, bundle_id} that the alias names, readable or not; None if it names none.
        problem: why nobody can say who serves or what it is; None if that is known.
        rolled_back: ids of the bundles that a person took out of service.
    """
    record: dict[str, Any] = {"champion": None, "named": None, "problem": None, "rolled_back": []}
    try:
        prepare(where)
        found = lookup(CHAMPION, where, model_name)
        record["rolled_back"] = sorted(taken_out(where, model_name).values())
        if found is None:
            _require_no_memory_of_one(where, model_name)
            return record
    except DenguardError as err:
        return {**record, "problem": f"Who serves could not be read. {err}"}
    record["named"] = {"version": found.version, "bundle_id": found.bundle_id}
    try:
        return {**record, "champion": _described(found, where, model_name)}
    except DenguardError as err:
        problem = f"The champion, version {found.version}, could not be read, so nothing may replace it unseen. {err} A person decides: `denguard rollback` returns to the version before it, `denguard promote VERSION --by NAME --reason TEXT` lets another one serve."  # fmt: skip
        return {**record, "problem": problem}


def _described(found: Registered, where: Places, model_name: str) -> dict[str, Any]:
    folder = fetch_bundle(found.version, where=where, model_name=model_name)
    bundle = load_sound(folder)
    meta = bundle.meta
    return {
        "version": found.version,
        "bundle_id": found.bundle_id,
        "weights_id": weights_id(meta.head, bundle.models),
        "head": meta.head,
        "provisional": found.provisional,
        "recipe_id": recipe_id(meta.recipe),
        "recipe": meta.recipe,
        "label_rule_id": meta.label_rule_id,
        "as_of_week": meta.as_of_week,
        "dataset_version": meta.dataset_version,
        "feature_version": meta.feature_version,
        "image_encoder": meta.image_encoder,
        "text_encoder": meta.text_encoder,
    }


def _require_no_memory_of_one(where: Places, model_name: str) -> None:
    """A registry that lost its champion (a database made anew) is not one that never had any."""
    last = audit.newest(where, model_name)
    if last and last.get("to_version"):
        raise RegistryError(f"the registry names no champion, but by the audit version {last['to_version']} serves", where=model_name, fix="put the registry's database back from its backup, or let a version serve with denguard promote; to begin anew, move artifacts/audit aside")  # fmt: skip
