"""Rows of the sample table, one epidemiological year of origins at a time, so that memory stays
flat.

Shape letters: U units, O origins of one year, H horizons, K covariates; rows are in order of unit,
origin, horizon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipelines.arrays import AnyArray, Float32s, Int64s
from pipelines.config import Maturity, Profile
from pipelines.contracts import SAMPLE_INPUTS, SAMPLE_KEYS, SAMPLE_TARGET
from pipelines.data.availability import Matrices
from pipelines.data.covariates import LAGS, covariates
from pipelines.data.maturing import matured
from pipelines.data.prompt_rows import guard_texts, prompt_texts
from pipelines.data.prompts import Template, template_of, text_sha256
from pipelines.data.scene_choice import SceneChoice, choose_scenes
from pipelines.data.scene_covariates import scene_covariates
from pipelines.data.tables import Tables

_TEXT, _INT, _FLOAT, _COVARIATE = pa.string(), pa.int32(), pa.float64(), pa.float32()
_INPUT_TYPES = {"image_date": pa.date32(), "image_age_weeks": _INT}


@dataclass(frozen=True)
class RowSource:
    """What every row is computed from.

    Attributes:
        outcomes_until: newest target week whose count is an outcome.
        nowcast: newest weeks of the newest origin, or None; see maturing.Matured.
    """

    units: pd.DataFrame
    matrices: Matrices
    scenes: SceneChoice
    first_origin: int
    as_of: int
    horizons: tuple[int, ...]
    profile: Profile
    template: Template
    outcomes_until: int
    nowcast: pd.DataFrame | None = None


def first_origin_no(tables: Tables, profile: Profile) -> int:
    """Ordinal of the first origin week: the profile's, else a year after the first count."""
    if profile.data.first_week is not None:
        return profile.calendar.week_no(profile.data.first_week)
    known = tables.cases.dropna(subset=["cases"])["week_no"]
    return int(known.min()) + LAGS if len(known) else 0


def row_source(
    tables: Tables,
    profile: Profile,
    pool: tuple[str, ...],
    as_of: int,
    template: Template,
    first_origin: int | None = None,
    maturity: Maturity | None = None,
) -> RowSource:
    """What the rows of these units are computed from.

    Args:
        maturity: what is done about the newest weeks; None = as the profile asks.
    """
    first = first_origin_no(tables, profile) if first_origin is None else first_origin
    origins = np.arange(first, as_of + 1)
    done = profile.data.maturity if maturity is None else maturity
    known = matured(tables, pool, profile.data, profile.calendar, origins, done)
    matrices = known.matrices
    scenes = choose_scenes(
        tables.scenes, pool, origins, profile.data.scenes.max_age_weeks, profile.calendar
    )
    horizons = tuple(sorted(profile.evaluate.horizons_weeks))
    if profile.embed is not None:
        window, policy = profile.data.text_window, profile.data.notes
        guard_texts(matrices, tables.units, origins, horizons, window, template, policy)
    return RowSource(
        tables.units,
        matrices,
        scenes,
        first,
        as_of,
        horizons,
        profile,
        template,
        known.outcomes_until,
        known.nowcast,
    )


def yearly_rows(source: RowSource) -> Iterator[tuple[int, pa.Table]]:
    """Rows of each epidemiological year of origins, one year in memory at a time."""
    origins = np.arange(source.first_origin, source.as_of + 1)
    years = np.array([source.profile.calendar.epi_year(week) for week in origins])
    for year in np.unique(years):
        yield int(year), _year_rows(source, origins[years == year])


def _year_rows(source: RowSource, origins: Int64s) -> pa.Table:
    columns: dict[str, Any] = {}
    columns |= _keys(source, origins)
    columns |= _image_columns(source, origins)
    columns |= _text_columns(source, origins)
    made = _covariates(source, origins)
    columns |= made
    target = origins[:, None] + np.array(source.horizons)
    cases = np.where(target > source.outcomes_until, np.nan, source.matrices.cases_at(target))
    columns[SAMPLE_TARGET] = cases.ravel()
    schema = _schema(tuple(made))
    arrays = [pa.array(columns[f.name], type=f.type, from_pandas=True) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def covariate_names(source: RowSource) -> tuple[str, ...]:
    """Names of the rows' covariates: the built-in ones, then those that the place declares."""
    return tuple(_covariates(source, np.array([source.as_of])))


def _covariates(source: RowSource, origins: Int64s) -> dict[str, Float32s]:
    """Covariate -> one value a row."""
    figures = source.profile.data.figures
    seen = scene_covariates(
        source.scenes, source.profile.data.scenes, _place(source, origins)
    )  # whatever the horizon
    by_horizon = [
        covariates(source.matrices, source.units, origins, h, figures) | seen
        for h in source.horizons
    ]
    return {
        name: np.stack([own[name] for own in by_horizon], axis=2).ravel().astype(np.float32)
        for name in by_horizon[0]
    }


def _schema(covariates: tuple[str, ...]) -> pa.Schema:
    keys = [(n, _INT if n.endswith(("_no", "_weeks")) else _TEXT) for n in SAMPLE_KEYS]
    inputs = [(n, _INPUT_TYPES.get(n, _TEXT)) for n in SAMPLE_INPUTS]
    own = [(n, _COVARIATE) for n in covariates]
    return pa.schema([*keys, *inputs, *own, (SAMPLE_TARGET, _FLOAT)])


def _keys(source: RowSource, origins: Int64s) -> dict[str, Any]:
    units, horizons = source.matrices.unit_ids, source.horizons
    shape = (len(units), len(origins), len(horizons))
    named = np.unique(np.add.outer(origins, (0, *horizons)))
    label = {int(week): source.profile.calendar.week_label(week) for week in named}
    target = origins[:, None] + np.array(horizons)

    def spread(values: npt.ArrayLike) -> AnyArray:
        return np.broadcast_to(np.asarray(values), shape).ravel()

    unit = spread(np.array(units, dtype=object)[:, None, None])
    ids = [f"{u}-{label[int(o)]}-h{h:02d}" for u in units for o in origins for h in horizons]
    return {
        "sample_id": ids,
        "unit_id": unit,
        "group_id": unit,
        "origin_week": spread(np.vectorize(label.__getitem__, otypes=[object])(origins)[:, None]),
        "target_week": spread(
            np.array([[label[int(t)] for t in row] for row in target], dtype=object)
        ),
        "origin_week_no": spread(origins[:, None]),
        "target_week_no": spread(target),
        "horizon_weeks": spread(np.array(horizons)),
    }


def _place(source: RowSource, origins: Int64s) -> slice:
    """Where consecutive origins stand among those that scenes were chosen for."""
    return slice(int(origins[0]) - source.first_origin, int(origins[-1]) + 1 - source.first_origin)


def _image_columns(source: RowSource, origins: Int64s) -> dict[str, Any]:
    at, chosen = _place(source, origins), source.scenes
    columns = {
        "image_uri": chosen.column("uri")[:, at],
        "image_sha256": chosen.column("sha256")[:, at],
        "image_date": chosen.column("scene_date")[:, at],
        "image_quality": chosen.quality[:, at],
        "image_age_weeks": chosen.age_weeks[:, at],
    }
    each = len(source.horizons)
    return {name: np.repeat(values.ravel(), each) for name, values in columns.items()}


def _text_columns(source: RowSource, origins: Int64s) -> dict[str, Any]:
    window, policy = source.profile.data.text_window, source.profile.data.notes
    if source.profile.embed is None:  # nobody would read them
        nothing = [None] * len(source.matrices.unit_ids) * len(origins) * len(source.horizons)
        return {"text": nothing, "text_sha256": nothing}
    by_variant = {
        variant: prompt_texts(
            source.matrices, source.units, origins, variant, window, source.template, policy
        )
        for variant in {min(h, 1) for h in source.horizons}
    }
    texts = np.stack([by_variant[min(h, 1)] for h in source.horizons], axis=2).ravel()
    hashes = {text: text_sha256(text) for text in set(texts) if text is not None}
    return {"text": texts, "text_sha256": [hashes.get(text) for text in texts]}


def sample_rows(
    tables: Tables,
    profile: Profile,
    unit_ids: Sequence[str],
    as_of: int,
    template: Template | None = None,
    first_origin: int | None = None,
) -> pd.DataFrame:
    """Rows of the units given, from `first_origin` to `as_of`, in memory: the tests' way in."""
    used = template or template_of(profile.place, profile.data.has_notes)
    source = row_source(tables, profile, tuple(unit_ids), as_of, used, first_origin)
    rows: pd.DataFrame = pa.concat_tables(table for _, table in yearly_rows(source)).to_pandas()
    return rows
