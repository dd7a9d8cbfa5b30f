"""Where a run's gate finds the newest weeks: rows, models, what was published, kept refits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.errors import StoreError
from pipelines.evaluate.decision import Candidate
from pipelines.evaluate.new_weeks import NewWeeks
from pipelines.evaluate.refits import Models
from pipelines.features.read import load_horizons
from pipelines.fusion.bundle import load_bundle
from pipelines.fusion.examples import Examples
from pipelines.run import Run
from pipelines.run import outputs as out
from pipelines.run.withdrawn import withdrawn
from pipelines.steps.history import last_lines
from pipelines.steps.judged import judged_folder
from pipelines.steps.older import written
from pipelines.steps.spaces import champions_features
from pipelines.storage import read_json

log = logging.getLogger(__name__)


def newest_weeks(run: Run, now: out.ChampionOutput) -> NewWeeks:
    """The newest weeks of a run whose features are made; nothing is read before the gate asks."""
    root = run.paths.artifacts

    def rows(features: Path) -> Mapping[int, Examples]:
        return load_horizons(features, run.profile.evaluate.horizons_weeks)

    def models_of(candidate: Candidate) -> Models:
        return load_bundle(judged_folder(run, candidate.head, candidate.without) / "bundle").models

    def champion_models() -> Models:
        from pipelines.registry.lookup import fetch_bundle

        version = str(now.champion and now.champion.version)
        folder = fetch_bundle(version, paths=run.paths, model_name=run.profile.model_name)
        return load_bundle(folder).models

    as_of = run.output(out.SnapshotOutput).as_of_week
    kept = root / "refits" / run.profile.model_name
    theirs = champions_features(run, now.champion)
    return NewWeeks(
        run.profile,
        as_of,
        partial(rows, run.path(run.output(out.FeaturesOutput).features)),
        models_of,
        champion_models,
        published(run),
        kept,
        None if theirs is None else partial(rows, theirs),
    )


def with_withdrawn_drops(run: Run, now: out.ChampionOutput) -> out.ChampionOutput:
    """Who serves, with the drops that it was trained on and that were withdrawn since, where any
    was.

    Not for a look back or a run of last week: what these know is older for other reasons as well.
    """
    champion, drops = now.champion, withdrawn(run.paths, "drop").keys()
    if champion is None or not drops or run.params.as_of:
        return now
    folder = run.paths.artifacts / "datasets" / champion.dataset_version
    try:
        made_of: Any = read_json(folder / "dataset.json")["drops"]
    except (StoreError, KeyError) as err:
        log.warning("nobody can say which drops the champion was trained on: %s", err)
        return now
    theirs, own = {str(d["received_date"]) for d in made_of}, run.output(out.IngestOutput).dates
    if not (back := theirs & drops) or not theirs - back <= own:
        return now
    known = champion.model_copy(update={"withdrawn_drops": tuple(sorted(back))})
    return now.model_copy(update={"champion": known})


def published(run: Run) -> list[Path]:
    """Forecasts that runs of this profile published, oldest first; those of this very run left out,
    and those that were withdrawn."""
    not_read = withdrawn(run.paths, "forecast").keys()
    ends = last_lines(run.paths, "forecast", "step-done")
    found = []
    for folder in (run.paths.artifacts / "runs").glob("*"):
        path = _made(run, folder)
        if path is not None and path.name not in not_read:
            found.append((ends.get(folder.name) or written(folder / "forecast.json"), path))
    return [path for _, path in sorted(found)]


def _made(run: Run, folder: Path) -> Path | None:
    """Where the forecast lies that a run of this profile made."""
    if folder.name == run.run_id or not (folder / "forecast.json").is_file():
        return None
    try:
        name = out.ForecastOutput.read(folder).forecast
        of_this_profile = read_json(folder / "run.json").get("profile") == run.params.profile
    except StoreError as err:
        log.warning("run %s is passed over: %s", folder.name, err)
        return None
    if name is None or not of_this_profile:
        return None
    return run.paths.home / name
