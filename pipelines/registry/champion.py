"""The champion, as a small record that a step writes for later steps."""

from __future__ import annotations

from pipelines.config import DeploymentPaths
from pipelines.contracts import CHAMPION
from pipelines.errors import ChampionLostError, DenguardError, RegistryError
from pipelines.fusion.bundle import load_verified_bundle
from pipelines.fusion.bundle_models import weights_id
from pipelines.recipes import recipe_id
from pipelines.registry import audit
from pipelines.registry.aliases import pending_transition
from pipelines.registry.lookup import Registered, fetch_bundle, find_version, lookup
from pipelines.registry.retries import with_retries
from pipelines.registry.rolled_back import rolled_back_versions
from pipelines.registry.tracking import prepare
from pipelines.run.outputs import ChampionOutput, NamedVersion, ServingModel

_LOST = (
    "put the registry's database back from its newest backup, or let a version serve with "
    "denguard promote; to begin anew, move artifacts/audit aside"
)


def describe_champion_with_retries(paths: DeploymentPaths, model_name: str) -> ChampionOutput:
    """describe_champion() with retries while the registry does not answer.

    Raises:
        RegistryError: it still does not answer.
        ChampionLostError: it does not know the champion that serves by the audit.
    """
    with_retries(lambda: prepared_champion(paths, model_name))
    record = describe_champion(paths, model_name)
    if record.problem and record.named is None:  # it went away between two questions
        raise RegistryError(
            record.problem,
            where=model_name,
            fix="see that MLflow answers, and run the step again",
            away=True,
        )
    return record


def prepared_champion(paths: DeploymentPaths, model_name: str) -> Registered | None:
    """champion_now() after the registry is created or migrated; raises the same errors."""
    prepare(paths)
    return champion_now(paths, model_name)


def champion_now(paths: DeploymentPaths, model_name: str) -> Registered | None:
    """The champion; None if there is none and the audit names none.

    Raises:
        RegistryError: the registry does not answer.
        ChampionLostError: the registry is new or restored from an older backup: the audit names a
            champion that it does not know.
    """
    found = lookup(CHAMPION, paths, model_name)
    last = audit.newest(paths, model_name) or {}
    serves = last.get("to_version")
    if not serves or _is_pending(found, paths, model_name):
        return found
    if found is None:
        raise ChampionLostError(
            f"the registry names no champion, but by the audit version {serves} serves",
            where=model_name,
            fix=_LOST,
        )
    known = find_version(serves, paths, model_name)
    if known is None or known.bundle_id != last.get("bundle_id"):
        raise ChampionLostError(
            f"by the audit version {serves} (bundle {last.get('bundle_id')}) serves, and the "
            f"registry, whose champion is version {found.version}, does not know it: it is older "
            "than the audit",
            where=model_name,
            fix=_LOST,
        )
    return found


def describe_champion(paths: DeploymentPaths, model_name: str) -> ChampionOutput:
    """The champion and the rolled-back versions; errors of the registry become its `problem`."""
    record = ChampionOutput(champion=None, named=None, problem=None, rolled_back=())
    try:
        found = prepared_champion(paths, model_name)
        rolled_back = tuple(sorted(rolled_back_versions(paths, model_name).values()))
    except DenguardError as err:
        return record.model_copy(update={"problem": f"Who serves could not be read. {err}"})
    record = record.model_copy(update={"rolled_back": rolled_back})
    if found is None:
        return record
    named = NamedVersion(version=found.version, bundle_id=found.bundle_id)
    record = record.model_copy(update={"named": named})
    try:
        return record.model_copy(update={"champion": _described(found, paths, model_name)})
    except DenguardError as err:
        problem = (
            f"The champion, version {found.version}, could not be read, so nothing may replace it "
            f"unseen. {err} A person decides: `denguard rollback` returns to the version before "
            "it, `denguard promote VERSION --by NAME --reason TEXT` lets another one serve."
        )
        return record.model_copy(update={"problem": problem})


def _described(found: Registered, paths: DeploymentPaths, model_name: str) -> ServingModel:
    folder = fetch_bundle(found.version, paths=paths, model_name=model_name)
    bundle = load_verified_bundle(folder)
    meta = bundle.meta
    return ServingModel(
        version=found.version,
        bundle_id=found.bundle_id,
        weights_id=weights_id(meta.head, bundle.models),
        head=meta.head,
        provisional=found.provisional,
        recipe_id=recipe_id(meta.recipe),
        recipe=meta.recipe,
        horizons_weeks=meta.horizons_weeks,
        label_rule_id=meta.label_rule_id,
        as_of_week=meta.as_of_week,
        dataset_version=meta.dataset_version,
        feature_version=meta.feature_version,
        image_encoder=meta.image_encoder,
        text_encoder=meta.text_encoder,
    )


def _is_pending(found: Registered | None, paths: DeploymentPaths, model_name: str) -> bool:
    """Whether the alias is where an interrupted or running transition has put it."""
    facts = pending_transition(paths, model_name)
    return facts is not None and facts["to_version"] == (found.version if found else None)
