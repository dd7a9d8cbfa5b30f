"""Before a run reads its drops: the newest scenes from a catalogue, as a drop of scenes alone.

Off unless the profile says `satellite.weekly`. Nothing that goes wrong here stops a run: it goes on
with the scenes of earlier drops, and its record says why.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines.errors import DenguardError
from pipelines.run import Run, open_run
from pipelines.run.outputs import LateScene, SceneFetchOutput
from pipelines.run.withdrawn import withdrawn
from pipelines.satellite_config import SatelliteConfig
from pipelines.steps.decorator import step

if TYPE_CHECKING:
    from pipelines.data.drop_info import DropInfo
    from pipelines.data.drops import Drop
    from pipelines.satellite.records import SceneRecord
    from pipelines.satellite.weekly import WeeklyFetch

log = logging.getLogger(__name__)
_NAMED = 20
Ending = Literal["nothing new", "fetched", "stopped by the cap", "stopped by the time", "failed"]


@step
def fetch_scenes(run_id: str) -> SceneFetchOutput:
    """Fetch the newest scenes, if the profile asks for it; the run goes on whatever comes of it."""
    run = open_run(run_id)
    settings = run.profile.satellite
    if settings is None or not settings.weekly:
        return run.finish(SceneFetchOutput(ending="off", reason="the profile does not ask for it"))
    if run.params.as_of is not None:
        why = "a run for a week that was asked for uses the scenes that are here"
        return run.finish(SceneFetchOutput(ending="off", reason=why))
    output = _fetched(run, settings)
    if output.reason:
        log.warning("%s: %s", output.ending, output.reason)
    return run.finish(output)


def _fetched(run: Run, settings: SatelliteConfig) -> SceneFetchOutput:
    from pipelines.satellite.weekly import WeeklyFetch, fetch_newest

    today, folder = run.profile.place.today(), run.paths.artifacts / "scenes"
    came, drop, problem = WeeklyFetch(), SceneFetchOutput(ending="nothing new"), ""
    try:
        budget_s = 60 * settings.weekly_minutes
        came = fetch_newest(run.params.profile, folder, today, budget_s, run.paths)
        drop = _brought(run, settings, folder, came.periods)
    except (DenguardError, OSError) as err:
        problem = str(err)
    ending, reason = _ending(came, came.error or problem, drop.drop is not None)
    return drop.model_copy(
        update={
            **came.model_dump(exclude={"error", "stopped"}),
            "ending": ending,
            "reason": reason,
        }
    )


def _ending(came: WeeklyFetch, problem: str, new: bool) -> tuple[Ending, str]:
    """How it ended, and why if not well."""
    if problem:
        return "failed", problem
    left = f"{came.left} units and periods are left for the next run"
    if came.stopped == "cap":
        return "stopped by the cap", f"satellite.max_bytes; {left}"
    if came.stopped == "time":
        unknown = "it did not end by itself, and the next run goes on"
        return "stopped by the time", f"satellite.weekly_minutes; {left if came.left else unknown}"
    return ("fetched" if new else "nothing new"), ""


def _brought(
    run: Run, settings: SatelliteConfig, folder: Path, periods: Sequence[date]
) -> SceneFetchOutput:
    """A drop of what is new in the folder, and what of it goes into the record."""
    from pipelines.data.drops import read_drop, survey_drops
    from pipelines.data.intake import file_cache
    from pipelines.data.scene_drops import make_scenes_drop
    from pipelines.data.sync import exchange_drops, share_drop
    from pipelines.satellite.records import Records

    records, images = Records(folder), folder / "images"
    exchange_drops(run.paths)
    # Withdrawn ones, too: what a person took back does not come again by itself.
    before, _ = survey_drops(run.paths.drops)
    info = _info(run, settings)
    drop = next((one for one in before if one.info.source_note == info.source_note), None)
    if any(images.glob("*/*")):
        records.write_csv()  # the fetching process may have died before it did
        made = make_scenes_drop(images, run.paths.drops, info, before, file_cache(run.paths))
        if made is not None:
            share_drop(run.paths, drop := read_drop(made))
    facts = _facts(drop, records.all()) if drop else SceneFetchOutput(ending="nothing new")
    if periods:
        records.forget(before=min(periods))  # they are in drops, and nobody asks for them again
    return facts


def _info(run: Run, settings: SatelliteConfig) -> DropInfo:
    """Of a drop of today, under the first name that is free."""
    from pipelines.data.drop_info import DropInfo
    from pipelines.data.intake import accepted_drops

    info = DropInfo(
        received_date=run.profile.place.today(),
        scene_period=settings.period,
        scenes_alone=True,
        scenes_on_receipt=True,
        source_note=f"{settings.collection} of {settings.url}, fetched by run {run.run_id}",
    )
    taken = {path.name for path in run.paths.drops.glob("*")} | accepted_drops(run.paths).keys()
    taken |= withdrawn(run.paths, "drop").keys()
    editions = (info.model_copy(update={"edition": n}) for n in range(1, 100))
    return next((one for one in editions if one.folder_name not in taken), info)


def _facts(drop: Drop, records: Sequence[SceneRecord]) -> SceneFetchOutput:
    """How many scenes a drop has, how old they are on its day, and which came late."""
    own = [r for r in records if r.scene and (drop.path / r.scene).is_file()]
    received = drop.info.received_date
    ages = [(received - max(r.observation_days)).days for r in own if r.observation_days]
    late = [r for r in own if drop.info.scene_available(r.first_day) > r.last_day]
    return SceneFetchOutput(
        ending="fetched",
        drop=drop.name,
        scenes=len(own),
        newest_age_days=min(ages, default=None),
        oldest_age_days=max(ages, default=None),
        late_scenes=len(late),
        late=tuple(
            LateScene(
                unit_id=r.unit_id,
                first_day=r.first_day,
                days_after_period=(received - r.last_day).days,
            )
            for r in late[:_NAMED]
        ),
    )
