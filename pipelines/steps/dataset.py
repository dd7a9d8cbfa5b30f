"""The first steps: from drops to a dataset version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.config import deployment_paths
from pipelines.run import Run, RunParams, open_run, parse_params, start_run
from pipelines.run.outputs import IngestOutput, SnapshotOutput, ValidateOutput
from pipelines.steps.asked_horizons import require_forecastable
from pipelines.steps.decorator import step
from pipelines.storage import read_json

if TYPE_CHECKING:
    from pipelines.data.validation_result import ValidationResult


@step
def start(run_id: str, conf: dict[str, Any]) -> RunParams:
    """Check a run's parameters and record them.

    Raises:
        ConfigError: a key or value is not known, or the champion forecasts no horizon asked for.
        RegistryError: horizons are asked for, and who is champion is not known.
    """
    require_forecastable(parse_params(conf), deployment_paths())
    return start_run(run_id, conf).params


@step
def ingest(run_id: str) -> IngestOutput:
    """Find the drops that this run may know, and fix them by hash."""
    from pipelines.data.drop_info import is_of_scenes_alone
    from pipelines.data.intake import fingerprint, known_drops
    from pipelines.data.sources.sample import make_sample_drop
    from pipelines.data.sync import exchange_drops

    run = open_run(run_id)
    exchange_drops(run.paths)
    others = (path for path in run.paths.drops.glob("*") if not is_of_scenes_alone(path.name))
    if run.profile.data.source == "sample" and not any(others):
        make_sample_drop(run.paths.drops)
        exchange_drops(run.paths)
    drops = known_drops(run.paths, run.params.as_of, run.profile.calendar)
    return run.finish(IngestOutput(drops=fingerprint(drops, run.paths)))


@step
def validate(run_id: str) -> ValidateOutput:
    """Check the drops; quarantine bad rows; stop the run at a critical issue."""
    from pipelines.data.intake import (
        accepted_drops,
        accepted_tables,
        file_cache,
        require_not_withdrawn,
    )
    from pipelines.data.plausible.answers import read_answers
    from pipelines.data.plausible.causes import fetch_answers, keep_causes
    from pipelines.data.sources import context_of
    from pipelines.data.sync import fetch_accepted, fetch_drops
    from pipelines.data.validate import validate_all
    from pipelines.data.validation_result import raise_if_critical
    from pipelines.run.withdrawn import exchange_withdrawn, withdrawn

    run = open_run(run_id)
    out = run.folder / "validation"
    known = run.output(IngestOutput).dates
    exchange_withdrawn(run.paths)
    require_not_withdrawn(run.paths, known)
    fetch_accepted(run.paths)
    fetch_drops(run.paths, known)
    fetch_answers(run.paths)
    answers = read_answers(run.paths)
    result = validate_all(
        run.paths.drops,
        context_of(run.profile),
        accepted_tables(run.paths),
        out,
        file_cache(run.paths),
        accepted_drops(run.paths),
        only=known,
        answers=answers,
        withdrawn=withdrawn(run.paths, "drop"),
        today=run.profile.place.today(),
    )
    keep_causes(run.paths, run_id, result.assessment, run.profile.calendar, answers)
    raise_if_critical(result)
    result.tables.save(out / "tables")
    run.name(out)
    return run.finish(_found(run, result, out))


def _found(run: Run, result: ValidationResult, out: Path) -> ValidateOutput:
    """What validation says to later steps, once its tables lie in its folder."""
    levels = [issue.level.value for issue in result.issues]
    return ValidateOutput(
        issues={level: levels.count(level) for level in sorted(set(levels))},
        issues_path=run.name(out / "issues.json"),
        data_docs=run.name(out / "data_docs"),
        quarantined=len(result.quarantine),
        tables=run.name(out / "tables"),
    )


@step
def snapshot(run_id: str) -> SnapshotOutput:
    """Make the sample table a version: named by content, kept by DVC, then accepted."""
    from pipelines.data.intake import accept, require_not_withdrawn
    from pipelines.data.sync import fetch_accepted, fetch_drops, share_accepted
    from pipelines.run.withdrawn import exchange_withdrawn
    from pipelines.steps.kept_dataset import dataset_folder
    from pipelines.steps.versions import dataset_drafts
    from pipelines.versioning import add_versions

    run = open_run(run_id)
    known = run.output(IngestOutput)
    exchange_withdrawn(run.paths)
    require_not_withdrawn(run.paths, known.dates)
    fetch_accepted(run.paths)
    drops = known.to_json()["drops"]
    folder = dataset_folder(run, run.path(run.output(ValidateOutput).tables), drops)
    about: dict[str, Any] = read_json(folder / "dataset.json")
    fetch_drops(run.paths, known.dates)
    version = add_versions(run.paths, dataset_drafts(run, folder, about))[-1]
    name = run.name(folder)
    accept(run.paths, folder.name, str(about["as_of_week"]), drops, run.params.as_of is not None)
    share_accepted(run.paths)
    return run.finish(
        SnapshotOutput(
            dataset=name,
            dataset_version=folder.name,
            as_of_week=about["as_of_week"],
            test_years=about["test_years"],
            synthetic_scenes=about["synthetic_scenes"],
            dvc=version.md5,
        )
    )
