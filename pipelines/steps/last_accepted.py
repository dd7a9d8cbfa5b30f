"""What a fallback forecast is made from: the champion's bundle and the newest accepted features."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.config import DeploymentPaths
from pipelines.errors import DenguardError, RegistryError, StoreError
from pipelines.run import Run, open_run
from pipelines.run.outputs import FeaturesOutput, GateOutput, TrainOutput
from pipelines.run.withdrawn import withdrawn
from pipelines.storage import read_json, shared

if TYPE_CHECKING:
    from pipelines.fusion.bundle import Bundle

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serving:
    """The champion, with what of it is in this home.

    Attributes:
        folder: of its bundle, named by its id.
        named_by: `registry`, or `audit` if the registry does not answer or lost it.
    """

    version: str
    folder: Path
    bundle: Bundle
    provisional: bool
    named_by: str


@dataclass(frozen=True)
class Accepted:
    """A feature version of accepted data, with the dataset version that it was built from."""

    features: Path
    dataset: Path
    about: dict[str, Any]


def champion(paths: DeploymentPaths, model_name: str) -> Serving | None:
    """The champion and its sound bundle; None if none serves, by the registry and by the audit.

    Raises:
        StoreError: its bundle is not here, or not sound.
        RegistryError: the registry does not answer and the audit has no champion.
    """
    from pipelines.fusion.bundle import load_verified_bundle
    from pipelines.registry import audit
    from pipelines.registry.champion import champion_now
    from pipelines.registry.lookup import fetch_bundle, sqlite_file

    last, database = audit.newest(paths, model_name), sqlite_file(paths.tracking_uri)
    if last is None and database is not None and not database.is_file():
        return None  # nothing ever ran here
    try:
        found = champion_now(paths, model_name)
        if found is None:
            return None
        folder = fetch_bundle(found.version, paths=paths, model_name=model_name)
        return Serving(
            found.version, folder, load_verified_bundle(folder), found.provisional, "registry"
        )
    except (RegistryError, StoreError) as err:
        if last is None:
            raise
        log.warning("the champion is taken from the audit: %s", err)
    if not last.get("to_version"):
        return None
    folder = _kept_bundle(paths, str(last["bundle_id"]), last.get("run_id"))
    return Serving(str(last["to_version"]), folder, load_verified_bundle(folder), False, "audit")


def newest_accepted(
    paths: DeploymentPaths, serving: Serving, run_ids: list[str]
) -> Accepted | None:
    """The newest feature version of accepted data that the champion can read; None if there is
    none.

    Args:
        run_ids: runs whose features are looked at besides those that lie in this home.
    """
    from pipelines.data.intake import accepted_drops, accepted_version
    from pipelines.data.sync import fetch_accepted

    fetch_accepted(paths)
    newest, not_read = accepted_version(paths), withdrawn(paths, "drop")
    drops = {name: sha for name, sha in accepted_drops(paths).items() if name not in not_read}
    found = []
    for features in _features(paths, run_ids):
        one = _described(paths, features)
        if one is not None and _readable(one, serving.bundle) and _is_accepted(one, drops):
            about = one.about
            order = (
                about["dataset_version"] == newest,
                str(about["as_of_week"]),
                features.stat().st_mtime_ns,
            )
            found.append((order, one))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def run_or_none(run_id: str) -> Run | None:
    """A run that was started, or None."""
    try:
        return open_run(run_id) if run_id else None
    except DenguardError:
        return None


def feature_version(run: Run | None) -> str | None:
    """That of a run which came so far."""
    try:
        return run.output(FeaturesOutput).feature_version if run else None
    except DenguardError:
        return None


def _kept_bundle(paths: DeploymentPaths, identity: str, run_id: Any) -> Path:
    """A bundle that was fetched here, else the candidate that the promoting run trained."""
    fetched = paths.artifacts / "bundles" / identity
    if _is(fetched, identity):
        return fetched
    run = run_or_none(str(run_id or ""))
    for trained in _trained(run) if run else ():
        if _is(trained, identity):
            return _as_fetched(trained, fetched)
    raise StoreError(
        f"the registry does not give the champion, and its bundle {identity} is not in this home",
        where=str(fetched),
        fix=(
            f"see that MLflow answers; or bring it with `denguard pull bundle {identity}` and lay "
            "it there"
        ),
    )


def _trained(run: Run) -> Iterator[Path]:
    """Bundles of a run's candidates, and the one of its decision where that leaves out a
    horizon."""
    from pipelines.steps.judged import folder_of_decision

    for candidate in run.output(TrainOutput).candidates.values():
        yield run.path(candidate.folder) / "bundle"
    decision = run.output(GateOutput)
    if decision.withheld:
        yield folder_of_decision(run, decision) / "bundle"


def _as_fetched(trained: Path, final: Path) -> Path:
    """A copy under the bundle's own name, as a fetched one lies there."""
    import shutil

    from pipelines.storage import new_folder

    if final.exists():
        shutil.rmtree(final)  # it is not what its name says
    with new_folder(final) as temp:
        shutil.copytree(trained, temp, dirs_exist_ok=True)
    return final


def _is(folder: Path, identity: str) -> bool:
    from pipelines.fusion.bundle_files import bundle_id

    try:
        return folder.is_dir() and bundle_id(folder) == identity
    except (DenguardError, OSError):
        return False


def _features(paths: DeploymentPaths, run_ids: list[str]) -> Iterator[Path]:
    """Feature folders of this home, and those of runs, fetched if another machine made them."""
    for run in map(run_or_none, run_ids):
        if feature_version(run) is not None and run is not None and shared(paths):
            try:
                run.path(run.output(FeaturesOutput).features)
            except DenguardError as err:
                log.warning("the features of run %s cannot be had: %s", run.run_id, err)
    yield from sorted((paths.artifacts / "features").glob("[!.]*"))


def _described(paths: DeploymentPaths, features: Path) -> Accepted | None:
    """None for a folder without its description, or whose dataset version is not here."""
    try:
        about: dict[str, Any] = read_json(features / "features.json")
        dataset = paths.artifacts / "datasets" / str(about["dataset_version"])
        if (store := shared(paths)) and not dataset.is_dir():
            store.bring(dataset.relative_to(paths.home).as_posix())
    except (DenguardError, KeyError) as err:
        log.warning("%s is left out: %s", features.name, err)
        return None
    return Accepted(features, dataset, about) if (dataset / "dataset.json").is_file() else None


def _readable(one: Accepted, bundle: Bundle) -> bool:
    """Whether the champion answers for these thresholds and reads these vectors."""
    about, meta = one.about, bundle.meta
    same_rule = about["label_rule_id"] == meta.label_rule_id
    same_form = ("thresholds_id" not in about) == bundle.thresholds.plain
    reads = not bundle.reads_vectors or (about["image"], about["text"]) == (
        meta.image_encoder,
        meta.text_encoder,
    )
    return same_rule and same_form and reads


def _is_accepted(one: Accepted, drops: dict[str, str]) -> bool:
    """Whether every drop in it is one that counts today (not withdrawn), with the content that
    counts.
    """
    made_of: Any = read_json(one.dataset / "dataset.json")["drops"]
    return all(drops.get(d["received_date"]) == d["sha256"] for d in made_of)
