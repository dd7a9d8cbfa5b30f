"""The weekly cycle by the clock and by its drops: when it began, which run is its newest, why it is
red."""

from __future__ import annotations

from datetime import date, datetime, time

from pipelines.bulletin_config import MAIN_SCHEDULE
from pipelines.config import DeploymentPaths, Profile
from pipelines.data.drop_info import is_of_scenes_alone
from pipelines.errors import DenguardError, StoreError
from pipelines.run import Run
from pipelines.run.outputs import IngestOutput
from pipelines.run.success import LastSuccess, last_success
from pipelines.run.withdrawn import withdrawn
from pipelines.schedule import newest_due
from pipelines.steps.history import begun_runs, history
from pipelines.steps.last_accepted import run_or_none


def cycle_start(profile: Profile, now: datetime) -> datetime:
    """When the newest weekly run of a profile was due, by the clock of its place."""
    return newest_due(profile.schedule or MAIN_SCHEDULE, profile.place.zone, now)


def has_newer_week(
    paths: DeploymentPaths, run: Run | None, last: LastSuccess, profile: Profile
) -> bool:
    """Whether a red run had a drop of a later cycle than the newest that the last forecast knows.

    A run that is at work, or not yet begun, may still make that week's forecast.
    """
    if run is None or history(paths, run.run_id).failure is None:
        return False
    known = _drop_days(run_or_none(last.run_id))
    waiting = _drop_days(run) or [day for p in paths.drops.glob("[!.]*") if (day := _day(p.name))]
    if not known or not waiting:
        return False
    cycles = [
        cycle_start(profile, datetime.combine(max(days), time.max, profile.place.zone))
        for days in (known, waiting)
    ]
    return cycles[1] > cycles[0]


def covers_published_data(run: Run) -> bool:
    """Whether a weekly run read every drop that stands of those that the last forecast knows.

    Its origin week may be older all the same: a drop was withdrawn, or the newest weeks are taken
    as unknown now (`data.maturity`). A look back, or a run of last week that is run again, is
    no such run.
    """
    try:
        last = last_success(run.paths)
    except StoreError:
        return False
    before = _drop_names(run_or_none(last.run_id)) if last else None
    if run.params.as_of or not before:
        return False
    return before - withdrawn(run.paths, "drop").keys() <= (_drop_names(run) or set())


def begun_since(paths: DeploymentPaths, since: datetime) -> str:
    """The run that began last in this cycle, "" if none did."""
    newest = [*begun_runs(paths).items()][-1:]
    return next((name for name, at in newest if at >= since), "")


def why_red(paths: DeploymentPaths, run_id: str) -> str:
    """What is known of a run's failure."""
    if not run_id:
        return "a person asked for it"
    failure = history(paths, run_id).failure
    if failure is None:
        return f"run {run_id} had not finished"
    return f"run {run_id} failed at step {failure.step}: {failure.cause}"


def _drop_names(run: Run | None) -> set[str] | None:
    """Names of the drops that a run read; None if nobody knows them."""
    try:
        return run.output(IngestOutput).dates if run else None
    except DenguardError:
        return None


def _drop_days(run: Run | None) -> list[date]:
    """Days on which the drops with a table that a run read were received."""
    return [day for name in _drop_names(run) or () if (day := _day(name))]


def _day(name: str) -> date | None:
    """None of scenes alone, which bring no newer week."""
    if is_of_scenes_alone(name):
        return None
    try:
        return date.fromisoformat(name[:10])
    except ValueError:
        return None
