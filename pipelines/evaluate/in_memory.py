"""Examples of the tabular rows of clean tables, without a dataset or a feature version on disk.

The same rows as a run makes, without pictures and prompts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.arrays import Float64s, Int64s
from pipelines.config import Maturity, Profile
from pipelines.data.covariates import covariates
from pipelines.data.labels import compute_thresholds, label_of
from pipelines.data.maturing import Matured, matured
from pipelines.data.rows import first_origin_no
from pipelines.data.scene_choice import choose_scenes
from pipelines.data.scene_covariates import scene_covariates
from pipelines.data.tables import Tables
from pipelines.data.threshold_lookup import Thresholds
from pipelines.fusion.examples import Examples, ModalityVectors


def tabular_examples(
    tables: Tables,
    profile: Profile,
    as_of_week_no: int,
    horizons: Sequence[int],
    maturity: Maturity | None = None,
) -> tuple[dict[int, Examples], Matured]:
    """Horizon -> every row of the pool from the first origin to `as_of`, and what they rest on.

    Args:
        maturity: what is done about the newest weeks; None = as the profile asks.

    Raises:
        ConfigError: a fixed label rule's reference has not ended at `as_of`.
    """
    delay, calendar = profile.data.outcome_delay_weeks, profile.calendar
    first = first_origin_no(tables, profile)
    table = compute_thresholds(
        tables, profile.labels, calendar, as_of_week_no, first_origin_no=first, delay_weeks=delay
    )
    pool = tuple(table.loc[table["in_pool"], "unit_id"].unique())
    origins = np.arange(first, as_of_week_no + 1)
    done = profile.data.maturity if maturity is None else maturity
    known = matured(tables, pool, profile.data, calendar, origins, done)
    limits = Thresholds.of_table(table, calendar)
    return {h: _examples(tables, profile, known, limits, origins, h) for h in horizons}, known


def _of_scenes(
    tables: Tables, profile: Profile, unit_ids: Sequence[str], origins: Int64s
) -> dict[str, Float64s]:
    """Covariate of scenes -> (units, origins); none where the profile asks for none."""
    policy = profile.data.scenes
    if not policy.indices:
        return {}
    chosen = choose_scenes(tables.scenes, unit_ids, origins, policy.max_age_weeks, profile.calendar)
    return scene_covariates(chosen, policy)


def _examples(
    tables: Tables,
    profile: Profile,
    known: Matured,
    limits: Thresholds,
    origins: Int64s,
    horizon: int,
) -> Examples:
    matrices, target = known.matrices, origins + horizon
    own = covariates(matrices, tables.units, origins, horizon, profile.data.figures)
    own |= _of_scenes(tables, profile, matrices.unit_ids, origins)
    units = np.repeat(np.asarray(matrices.unit_ids, dtype=object), len(origins))
    origin, aim = (np.tile(weeks, len(matrices.unit_ids)) for weeks in (origins, target))
    cases = np.where(target > known.outcomes_until, np.nan, matrices.cases_at(target)).ravel()
    limit = np.asarray(limits.of_rows(units.tolist(), origin, aim), dtype=np.float64)
    kept = np.isfinite(limit)
    nothing = ModalityVectors(np.zeros((0, 1), np.float32), np.full(int(kept.sum()), -1, np.int32))
    label = {int(o): profile.calendar.week_label(int(o)) for o in origins}
    ids = np.array(
        [f"{u}-{label[o]}-h{horizon:02d}" for u, o in zip(units, origin.tolist(), strict=True)],
        dtype=object,
    )
    values = np.stack([value.ravel() for value in own.values()], axis=1)
    return Examples(
        horizon_weeks=horizon,
        sample_id=ids[kept],
        unit_id=units[kept],
        origin_week_no=origin[kept].astype(np.int32),
        target_week_no=aim[kept].astype(np.int32),
        covariates=values[kept].astype(np.float32),
        threshold_cases=limit[kept].astype(np.float32),
        label=label_of(cases, limit)[kept].astype(np.float32),
        image=nothing,
        text=nothing,
        calendar=profile.calendar,
        covariate_names=tuple(own),
    )
