"""What a run keeps between weeks, and a person's word: each a piece of work in a deployment of its
own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from unittest import mock

import pandas as pd

from pipelines.config import DeploymentPaths, Profile, load_profile
from pipelines.data import samples
from pipelines.data.plausible.arrived import arrivals
from pipelines.data.plausible.assess import Assessment
from pipelines.data.plausible.causes import answer_causes, keep_causes
from pipelines.data.plausible.remembered import Remembered, cell_hashes
from pipelines.data.plausible.suspicion import Suspicion
from pipelines.data.prompts import template_of
from pipelines.data.raw import RawDrop
from pipelines.data.readings import read_drops
from pipelines.data.rows import RowSource, row_source
from pipelines.data.tables import Tables, ordered
from pipelines.evaluate import delay_table
from pipelines.evaluate.refits import Refits
from pipelines.fusion.examples import Examples
from pipelines.run.events import append_event
from pipelines.run.success import record_success
from pipelines.training import recipe
from pipelines.weeks import CDC
from support.place import Counts, Place, history
from support.towns import towns

ZEROED = "1002"
WEEK = CDC.week_no("2017-w40")


def _nothing(_: DeploymentPaths) -> None:
    """The deployment is empty before."""


@dataclass(frozen=True)
class Work:
    """`do` is what is cut off and done again; `before` is what was done earlier."""

    do: Callable[[DeploymentPaths], object]
    before: Callable[[DeploymentPaths], object] = _nothing


@cache
def _place() -> Place:
    """Three drops, the last with a zero."""

    def zero(counts: Counts) -> Counts:
        counts.loc[ZEROED, counts.columns[-1]] = 0.0
        return counts

    place, counts = Place(Path("drops")), history(units=4, weeks=90, mean=100.0)
    place.bring(counts.iloc[:, :-2])
    place.weekly(counts, zero)
    return place


@cache
def _lying() -> tuple[list[RawDrop], Assessment]:
    """The drops, and what is doubted in them."""
    return _place().raws(), _place().judged()


def _keep_assessments(paths: DeploymentPaths) -> object:
    found = _place().judged(kept=paths.artifacts / "cache" / "judged")
    return found.doubts.astype(str).to_numpy().tolist()


def _judged() -> Assessment:
    return _lying()[1]


def _keep_findings(paths: DeploymentPaths) -> object:
    raws, judged = _lying()
    raw, found = raws[-1], [cause.suspicion for cause in judged.causes]
    own = raw.cells.assign(withdrawn=False)
    arrived = arrivals([raw], raw.units)[raw.drop.name]
    kept = Remembered(paths.artifacts / "cache" / "judged", "these limits")
    return list(map(_plain, kept.found(cell_hashes([own])[0], arrived, lambda: found)))


def _plain(one: Suspicion) -> tuple[object, ...]:
    return one.rule, one.message, one.silent, one.cells.astype(str).to_numpy().tolist()


def _keep_readings(paths: DeploymentPaths) -> object:
    of = {raw.drop.name: raw for raw in _lying()[0]}
    drops = [raw.drop for raw in of.values()]
    kept = paths.artifacts / "cache" / "readings"
    raws = read_drops(drops, lambda drop: of[drop.name], {name: name for name in of}, kept, "m")
    return [raw.cells.astype(str).to_numpy().tolist() for raw in raws]


def _keep_causes(paths: DeploymentPaths) -> None:
    keep_causes(paths, "a-run", _judged(), CDC, {})


def _answer(paths: DeploymentPaths) -> object:
    ids = [cause.cause_id for cause in _judged().causes]
    assert len(ids) == 1
    return [answer.verdict for answer in answer_causes(paths, ids, "confirmed", "Ana", "asked")]


def _answer_one_unit(paths: DeploymentPaths) -> object:
    ids = [cause.cause_id for cause in _judged().causes]
    answers = answer_causes(paths, ids, "rejected", "Ben", "asked again", [ZEROED])
    return [dict(one.units) for one in answers]


def _held_and_answered(paths: DeploymentPaths) -> None:
    _keep_causes(paths)
    _answer(paths)


def _event(paths: DeploymentPaths) -> None:
    append_event(paths, "held", {"cells": 3}, "a-run")


@cache
def _rows() -> tuple[Profile, dict[int, Examples]]:
    limits = {"evaluate.horizons_weeks": (4,), "evaluate.municipalities": None}
    return load_profile("sample", **limits), {4: towns(4, 3, until="2012-w40")}


@cache
def _trained() -> recipe.Trained:
    profile, rows = _rows()
    return recipe.train_recipe(rows, "linear", profile, {4: WEEK})


def _keep_refit(paths: DeploymentPaths) -> object:
    profile, rows = _rows()
    trained = _trained()
    with mock.patch.object(recipe, "train_recipe", lambda *_: trained):
        models = Refits(rows, "linear", profile, paths.artifacts / "refits").at(WEEK)
    assert models is not None
    return models[4].probability(rows[4]).tolist()


def _keep_delay_table(paths: DeploymentPaths) -> object:
    keys = {"horizon_weeks": 1, "unit_id": ["a", "b"], "target_week_no": WEEK}
    scored = pd.DataFrame({**keys, "probability": [0.2, 0.7], "label": [0.0, 1.0]})
    profile = load_profile(
        "ci", **{"evaluate.horizons_weeks": (1,), "evaluate.primary_horizon_weeks": 1}
    )
    folder, facts = paths.artifacts / "delay_tables", {"made_on": "2018-12-04"}
    with mock.patch.object(delay_table, "_scored", lambda *_: scored):
        delay_table.make_delay_table(mock.sentinel.tables, profile, (2016,), folder, facts)
    return delay_table.last_delay_table(folder, profile, (2016,))


@cache
def _filling() -> tuple[Tables, Profile, RowSource, pd.DataFrame]:
    """Two towns whose newest two weeks are nowcast; what rows of their newest origin rest on;
    thresholds.
    """
    counts, empty = history(units=2, weeks=315, mean=20.0), Tables.empty()
    cells = (
        counts.rename_axis("unit_id")
        .reset_index()
        .melt("unit_id", var_name="week_no", value_name="cases")
    )
    cases = ordered("cases", cells.assign(received_date=date(2018, 1, 23)))
    units = pd.DataFrame({"unit_id": counts.index}).reindex(columns=empty.units.columns)
    tables, newest = replace(empty, cases=cases, units=units), int(counts.columns[-1])
    asked = {
        "data.maturity": {"method": "fixed", "shares": [0.5, 0.8]},
        "evaluate.horizons_weeks": (4,),
        "labels.min_reference_cases": 1,
    }
    profile = load_profile("sample", **asked)
    source = row_source(
        tables, profile, tuple(counts.index), newest, template_of(profile.place), newest
    )
    return tables, profile, source, samples._thresholds(tables, profile, newest)


def _keep_nowcast(paths: DeploymentPaths) -> object:
    """A dataset's nowcast and thresholds, without the rows and tables that are written the same
    way.
    """
    tables, profile, source, thresholds = _filling()
    with (
        mock.patch.object(samples, "row_source", lambda *_, **__: source),
        mock.patch.object(samples, "_thresholds", lambda *_: thresholds),
        mock.patch.object(samples, "write_samples", lambda *_: 0),
        mock.patch.object(samples, "_write_states", lambda *_: None),
        mock.patch.object(samples, "facts", lambda *_: {}),
        mock.patch.object(Tables, "save", lambda *_: None),
    ):
        folder = samples.build_dataset(tables, profile, None, [], paths.artifacts / "datasets")
    return folder.name, pd.read_parquet(folder / samples.NOWCAST_FILE).to_numpy().tolist()


def _succeed(run: str, day: int) -> Callable[[DeploymentPaths], object]:
    at = datetime(2018, 12, day, tzinfo=UTC)
    return lambda paths: record_success(paths, run, "2018-w48", f"of-{run}", at)


KEPT: dict[str, Work] = {
    "a refit": Work(_keep_refit),
    "what rules found in a drop": Work(_keep_findings),
    "what was new in old drops": Work(_keep_readings),
    "how earlier drops were judged": Work(_keep_assessments),
    "causes and doubted values": Work(_keep_causes),
    "an answer": Work(_answer, _keep_causes),
    "another answer": Work(_answer_one_unit, _held_and_answered),
    "an event": Work(_event),
    "an event after others": Work(_event, _keep_causes),
    "the nowcast of newest weeks": Work(_keep_nowcast),
    "the table of delays": Work(_keep_delay_table),
    "the note of the last forecast": Work(_succeed("first", 4)),
    "the note of a second one of the week": Work(_succeed("second", 5), _succeed("first", 4)),
}
