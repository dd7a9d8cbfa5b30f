"""What each step publishes for analysts: which files, under which name, made from what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.contracts import content_id
from pipelines.run import Run
from pipelines.run.outputs import FeaturesOutput, ForecastOutput, IngestOutput
from pipelines.storage import folder_id, manifest_of
from pipelines.versioning import Draft
from pipelines.versioning.entry import is_safe_name

_PASSED_OVER_BY_DVC = {".dvcignore", ".dvc", ".git", ".gitignore"}


def dataset_drafts(run: Run, folder: Path, about: dict[str, Any]) -> list[Draft]:
    """The drops as received, and the samples made from them."""
    drops = run.output(IngestOutput).drops
    dates = [d.received_date for d in drops]
    week = str(about["as_of_week"])
    data = Draft(
        "data",
        content_id([[d.received_date, d.sha256] for d in drops]),
        {f"{date}/{n}": p for date in dates for n, p in _files(run.paths.drops / date).items()},
        week,
        run.run_id,
        link=True,
        facts={"newest_drop": dates[-1]} if dates else {},
    )
    samples = Draft("samples", folder.name, _files(folder), week, run.run_id, (data.id,), link=True)
    return [data, samples]


def feature_drafts(run: Run, folder: Path, about: dict[str, Any]) -> list[Draft]:
    """The vectors, and the feature version that refers to them."""
    from pipelines.features.publication import embedding_files

    week, samples = str(about["as_of_week"]), f"samples-{about['dataset_version']}"
    names = {"embedding_version": str(about["embedding_version"])}
    version, files = embedding_files(folder)
    vectors = Draft("embeddings", version, files, week, run.run_id, (samples,), True, names)
    features = Draft(
        "features",
        folder.name,
        _files(folder),
        week,
        run.run_id,
        (samples, vectors.id),
        True,
        names,
    )
    return [vectors, features]


def bundle_draft(run: Run, folder: Path, bundle_id: str) -> Draft:
    """A registered bundle with its receipt, and the decision that let it serve."""
    files = {f"bundle/{name}": path for name, path in _files(folder / "bundle").items()}
    files |= {"receipt.json": folder / "receipt.json", "decision.json": run.folder / "gate.json"}
    features = run.output(FeaturesOutput)
    return Draft(
        "bundle",
        bundle_id,
        files,
        features.as_of_week,
        run.run_id,
        (f"features-{features.feature_version}",),
    )


def forecast_draft(
    run: Run, folder: Path, bundle_id: str, feature_version: str | None = None
) -> Draft:
    """The bulletin's numbers, under the forecast's own name.

    Args:
        feature_version: that it was made from; None = the run's own.
    """
    features = run.output(FeaturesOutput)
    read = feature_version or features.feature_version
    parents = (f"features-{read}", f"bundle-{bundle_id}")
    return Draft(
        "forecasts",
        folder.name,
        _files(folder),
        features.as_of_week,
        run.run_id,
        parents,
        facts={"bundle_id": bundle_id},
    )


def fallback_draft(folder: Path, bundle_id: str, about: dict[str, Any]) -> Draft:
    """A forecast that no finished run made; what forecast.json says leads to its parents."""
    parents = (f"features-{about['feature_version']}", f"bundle-{bundle_id}")
    facts = {"bundle_id": bundle_id, "data_state": str(about["data_state"])}
    return Draft(
        "forecasts",
        folder.name,
        _files(folder),
        str(about["origin_week"]),
        str(about["red_run"]),
        parents,
        facts=facts,
    )


def report_draft(run: Run, folder: Path) -> Draft:
    """The report of a run; its parents lead to everything behind the bulletin."""
    features, made = run.output(FeaturesOutput), run.output(ForecastOutput)
    parents = [f"features-{features.feature_version}"]
    if made.forecast is not None:
        parents.append(f"forecasts-{made.forecast_version}")
    return Draft(
        "report",
        folder_id(manifest_of(folder)),
        _files(folder),
        features.as_of_week,
        run.run_id,
        tuple(parents),
    )


def _files(folder: Path) -> dict[str, Path | bytes]:
    """Name -> file of a folder, without names that DVC or another system would take amiss."""
    found = {
        p.relative_to(folder).as_posix(): p
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.is_symlink()
    }
    return {
        n: p
        for n, p in found.items()
        if is_safe_name(n) and not _PASSED_OVER_BY_DVC & set(n.split("/"))
    }
