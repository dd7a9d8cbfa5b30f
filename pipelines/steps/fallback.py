"""The fallback forecast: the champion's, from the last accepted data, whatever happened to the run.

It takes no lock: it reads versions that never change and publishes one more, so it may be made
while a run is at work. Killed at any instant it is made again: the same inputs give the same
version, and only the event, which comes last, says that it is there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths, Profile, deployment_paths, load_profile
from pipelines.contracts import UNFINISHED, WITHOUT, DataState
from pipelines.errors import StoreError, VersioningError
from pipelines.run import Run, run_folder
from pipelines.run.events import append_event, note, read_events
from pipelines.run.outputs import FallbackOutput
from pipelines.run.success import LastSuccess, last_success
from pipelines.steps import failure
from pipelines.steps.cycle import begun_since, cycle_start, has_newer_week, why_red
from pipelines.steps.last_accepted import (
    Accepted,
    Serving,
    champion,
    feature_version,
    newest_accepted,
    run_or_none,
)
from pipelines.storage import read_json, shared, write_json

log = logging.getLogger(__name__)
Facts = dict[str, Any]
RECORD = FallbackOutput.file()  # of a run's folder: what was made in its place
STEP = FallbackOutput.step


def fallback(
    why: str = "", run_id: str = "", profile: str | None = None, now: datetime | None = None
) -> FallbackOutput:
    """Forecast from the last accepted data, unless this week has its forecast already.

    Args:
        why: what happened; empty = the cause of the run's failure.
        run_id: the run that ended without a forecast, "" if there is none.
        profile: whose schedule and horizons; none = the run's, else that of the newest forecast.
        now: with its time zone; none = the clock's.

    Raises:
        StoreError: the champion's bundle or the accepted data are not here, or not sound.
        RegistryError: it cannot be known which version is champion.
    """
    paths, now = deployment_paths(), now or datetime.now(UTC)
    last = _last(paths)
    run_id = "" if last is not None and last.run_id == run_id else run_id
    run = run_or_none(run_id)
    settings = _profile(run, last, profile)
    since = cycle_start(settings, now)
    if no := _not_due(paths, run, last, settings, since):
        return _nothing(no)
    serving = champion(paths, settings.model_name)
    if serving is None:
        return _nothing("no champion serves, and nothing else may forecast")
    accepted = newest_accepted(paths, serving, [run_id, last.run_id if last else ""])
    if accepted is None:
        return _nothing("there are no accepted data that the champion can read")
    state = _state(run, last, accepted)
    facts = {
        "data_state": state,
        "why": why or why_red(paths, run_id),
        "red_run": run_id if run_folder(paths, run_id or "none").is_dir() else "",
        "same_week_again": last is not None and last.origin_week == accepted.about["as_of_week"],
        "model_name": settings.model_name,
        **_made_from(serving, accepted),
    }
    if (made := _made_already(paths, max(since, last.when) if last else since, facts)) is not None:
        return _nothing(
            f"forecast {made['forecast_version']} was made from these data at {made['at']}: it "
            "stands"
        )
    return _publish(paths, settings, serving, accepted, state, facts)


def _not_due(
    paths: DeploymentPaths,
    run: Run | None,
    last: LastSuccess | None,
    profile: Profile,
    since: datetime,
) -> str:
    """Why this week needs no fallback, "" if it does."""
    if last is None:
        return ""
    if last.when >= since and not has_newer_week(paths, run, last, profile):
        return (
            f"run {last.run_id} finished forecast {last.forecast_version} in this cycle, which "
            f"began {since.isoformat(timespec='minutes')}"
        )
    if run is not None and run.params.as_of and run.params.as_of < last.origin_week:
        return f"run {run.run_id} looked back at {run.params.as_of}; that is no bulletin"
    return ""


def at_deadline(profile: str, now: datetime | None = None) -> FallbackOutput:
    """The same, once the deadline of this cycle has passed without a finished forecast."""
    paths, now = deployment_paths(), now or datetime.now(UTC)
    settings = load_profile(profile)
    since = cycle_start(settings, now)
    deadline = since + timedelta(hours=settings.bulletin.deadline_hours)
    if now < deadline:
        return _nothing(f"the deadline is {deadline.isoformat(timespec='minutes')}")
    run_id = begun_since(paths, since)
    why = why_red(paths, run_id) if run_id else "no run had begun"
    return fallback(
        f"{why}; the deadline was {deadline.isoformat(timespec='minutes')}", run_id, profile, now
    )


def fallback_for_run(run_id: str) -> FallbackOutput:
    """After a red step: the same; its own error is logged, not raised in place of the step's."""
    try:
        made = fallback(run_id=run_id)
    except Exception as err:  # noqa: BLE001 the step's own error is the one that people must see
        facts = failure.cause_of(err)
        log.error("no forecast could be made from the last accepted data: %s", facts["cause"])
        note(deployment_paths(), "step-failed", run_id, {"step": STEP, **facts})
        return _nothing(facts["cause"])
    log.warning("fallback: %s", made.note)
    return made


def _publish(
    paths: DeploymentPaths,
    profile: Profile,
    serving: Serving,
    accepted: Accepted,
    state: DataState,
    facts: Facts,
) -> FallbackOutput:
    from pipelines.evaluate.bulletin_page import write_fallback
    from pipelines.steps.bulletin import Material, forecast_of, shapes
    from pipelines.steps.versions import fallback_draft
    from pipelines.versioning import add_versions
    from pipelines.words import words_of

    material = Material(accepted.features, accepted.dataset, profile, paths.artifacts)
    folder, table = forecast_of(
        material, serving.folder, serving.version, serving.provisional, state, facts
    )
    if store := shared(paths):
        store.share(folder)
    about = read_json(folder / "forecast.json")
    page = write_fallback(
        about,
        table,
        folder.name,
        shapes(profile, table["municipality_code"].unique()),
        words_of(profile.place.language),
        profile.evaluate.primary_horizon_weeks,
        paths.artifacts / "reports" / f"fallback-{folder.name}",
    )
    try:
        add_versions(paths, [fallback_draft(folder, serving.folder.name, about)])
    except VersioningError as err:
        log.error("the forecast is here, and no version of it could be published: %s", err)
    named = {"forecast_version": folder.name, "page": page.relative_to(paths.home).as_posix()}
    output = FallbackOutput(
        forecast=folder.relative_to(paths.home).as_posix(),
        **named,
        data_state=state,
        note=_note(facts, folder),
    )
    if facts["red_run"]:
        write_json(paths.artifacts / "runs" / str(facts["red_run"]) / RECORD, output.to_json())
    append_event(paths, "fallback-forecast", {**facts, **named}, str(facts["red_run"]))
    return output


def _made_from(serving: Serving, accepted: Accepted) -> Facts:
    """For forecast.json and the event; no clock in it, so that equal causes give equal bytes."""
    return {
        "data_until": str(accepted.about["as_of_week"]),
        "dataset_version": accepted.about["dataset_version"],
        "feature_version": accepted.features.name,
        "model_version": serving.version,
        "bundle_id": serving.folder.name,
        "champion_told_by": serving.named_by,
    }


def _note(facts: Mapping[str, Any], folder: Path) -> str:
    again = "the same week forecast again, " if facts["same_week_again"] else ""
    return (
        f"forecast version {folder.name}, {facts['data_state']}: {again}the data end with "
        f"{facts['data_until']}. Why: {facts['why']}"
    )


def _state(run: Run | None, last: LastSuccess | None, accepted: Accepted) -> DataState:
    """This week's data are in it if the red run itself came as far as features, and they
    are new."""
    before = feature_version(run_or_none(last.run_id)) if last else None
    own = feature_version(run)
    return UNFINISHED if own == accepted.features.name and own != before else WITHOUT


def _made_already(
    paths: DeploymentPaths, since: datetime, facts: Mapping[str, Any]
) -> Facts | None:
    """The fallback of this cycle, if it was made by the same champion from the same data."""
    same = ("feature_version", "bundle_id", "data_state")
    for event in read_events(paths, "fallback-forecast"):
        in_cycle = datetime.fromisoformat(event["at"]) >= since
        there = (paths.artifacts / "forecasts" / str(event["forecast_version"])).is_dir()
        if in_cycle and there and all(event.get(name) == facts[name] for name in same):
            return event
    return None


def _profile(run: Run | None, last: LastSuccess | None, named: str | None) -> Profile:
    """The red run's, with its horizons; else what was named; else that of the newest forecast."""
    if run is not None:
        return run.profile
    before = run_or_none(last.run_id) if last and named is None else None
    return before.profile if before else load_profile(named or "sample")


def _last(paths: DeploymentPaths) -> LastSuccess | None:
    try:
        return last_success(paths)
    except StoreError as err:
        log.warning("%s", err)
        return None


def _nothing(note: str) -> FallbackOutput:
    return FallbackOutput(
        forecast=None, forecast_version=None, data_state=None, note=note, page=None
    )
