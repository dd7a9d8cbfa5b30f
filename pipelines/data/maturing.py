"""The newest weeks as `data.maturity` treats them: left as reported, unknown, or nowcast.

With `fixed` and `learned` every origin takes the counts that it knew, and what is to be expected of
its newest weeks in the place of what was reported of them: heads are trained and judged on rows
that are as immature as this week's. An origin without vintages has mature rows, but for weeks that
are still coming in today. Counts as reported stay in the clean tables.
Shape letters: U units, O origins, N weeks that are nowcast.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.arrays import Bools, Float64s, Int64s
from pipelines.config import DataConfig, Maturity
from pipelines.data.availability import Matrices, build_matrices
from pipelines.data.known_at_origin import LOOK_BACK, KnownAtOrigin, nothing_else
from pipelines.data.known_series import partial_mean
from pipelines.data.nowcast import Missing, Triangle, still_missing
from pipelines.data.tables import Tables, newest_week_no
from pipelines.weeks import Calendar

log = logging.getLogger(__name__)
NOWCAST_SCHEMA = pa.schema(
    [
        ("unit_id", pa.string()),
        ("week_no", pa.int32()),
        ("age_weeks", pa.int32()),
        ("reported", pa.float64()),
        ("share", pa.float64()),
        ("nowcast", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
    ]
)
_LEVEL_WEEKS = 4


@dataclass(frozen=True)
class Matured:
    """Matrices as origins are to know them.

    Attributes:
        nowcast: NOWCAST_SCHEMA, the newest weeks of the newest origin; None where none is nowcast.
        outcomes_until: newest week whose count is final enough to be learned from.
    """

    matrices: Matrices
    nowcast: pd.DataFrame | None
    outcomes_until: int


def mature(tables: Tables, maturity: Maturity) -> Tables:
    """Tables whose newest weeks, which are still being reported, are not known.

    With `drop` the newest origin is then the newest week that is kept.
    """
    newest = newest_week_no(tables) if maturity.method == "drop" else None
    if newest is None:
        return tables
    cases = tables.cases
    young = cases["week_no"] > newest - maturity.weeks
    return replace(tables, cases=cases.assign(cases=cases["cases"].mask(young)))


def resolve_maturity(tables: Tables, data: DataConfig, calendar: Calendar) -> tuple[Maturity, str]:
    """What is done about the newest weeks, and why in words.

    `learned` needs `min_past_weeks` weeks of which every age was seen; with fewer it is what
    `until_learned` says.
    """
    asked = data.maturity
    newest = newest_week_no(tables) if asked.method == "learned" else None
    if newest is None:
        return asked, "nowcast with the shares that the profile declares" if asked.shares else ""
    units = tuple(sorted(tables.units["unit_id"]))
    matrices = build_matrices(tables, units, data.reporting_delay_weeks, calendar, as_known=True)
    triangle = triangle_of(matrices, asked.weeks, _groups(tables, units))
    origin = np.array([newest + data.reporting_delay_weeks])
    seen = int(triangle.weeks_seen(origin)[0])
    if seen >= asked.min_past_weeks:
        return asked, f"nowcast with shares learned from {seen} past weeks"
    if asked.until_learned == "none":
        done, how = Maturity(), "stay as reported"
    else:
        done, how = Maturity(method="drop", weeks=asked.weeks), "are taken as unknown"
    words = (
        f"nothing is nowcast: {seen} past weeks have been seen filling, fewer than the "
        f"{asked.min_past_weeks} that are needed; the newest {asked.weeks} weeks {how}"
    )
    log.warning("maturity learned: %s", words)
    return done, words


def matured(
    tables: Tables,
    units: Sequence[str],
    data: DataConfig,
    calendar: Calendar,
    origins: Int64s,
    maturity: Maturity,
) -> Matured:
    """Matrices of the units, as `origins` (consecutive) are to know them.

    Args:
        maturity: as `resolve_maturity` says; tables as `mature` left them.
    """
    as_known = maturity.method != "drop"  # its newest origin is old enough to know what is final
    matrices = build_matrices(tables, units, data.reporting_delay_weeks, calendar, as_known)
    ages = maturity.nowcast_weeks
    newest = newest_week_no(tables) if ages else None
    if newest is None:
        return Matured(matrices, None, int(origins[-1]))
    then = matrices.then or nothing_else(*matrices.cases.shape)
    tables_of_ages = []
    for young in _youngs(tables, matrices, maturity, newest, origins):
        then = young.merged_into(then)
        tables_of_ages.append(young.table(matrices.unit_ids, origins[-1:]))
    table = pd.concat(tables_of_ages, ignore_index=True)
    return Matured(replace(matrices, then=then), table, min(int(origins[-1]), newest - ages))


def nowcasts(
    tables: Tables,
    units: Sequence[str],
    data: DataConfig,
    calendar: Calendar,
    origins: Int64s,
    maturity: Maturity,
) -> pd.DataFrame:
    """NOWCAST_SCHEMA of every origin, for whoever asks how good they were; arguments as
    `matured`."""
    matrices = build_matrices(tables, units, data.reporting_delay_weeks, calendar, as_known=True)
    newest = newest_week_no(tables)
    if newest is None or not maturity.nowcast_weeks:
        nothing: pd.DataFrame = NOWCAST_SCHEMA.empty_table().to_pandas()
        return nothing
    youngs = _youngs(tables, matrices, maturity, newest, origins)
    return pd.concat([young.table(units, origins) for young in youngs], ignore_index=True)


def _youngs(
    tables: Tables, matrices: Matrices, maturity: Maturity, newest: int, origins: Int64s
) -> Iterator[_Young]:
    ages = maturity.nowcast_weeks
    triangle = triangle_of(matrices, ages, _groups(tables, matrices.unit_ids))
    for age in range(ages):
        yield _Young.of(matrices, triangle, maturity, age, newest, origins)


def triangle_of(matrices: Matrices, ages: int, group: Int64s) -> Triangle:
    """Counts of every week by how long after it they were known, from what origins knew."""
    then = matrices.then or nothing_else(*matrices.cases.shape)
    weeks = matrices.first_week_no + np.arange(matrices.cases.shape[1], dtype=np.int64)
    looked = [weeks + matrices.delay_weeks + age for age in range(ages)]
    known = [
        np.where(np.isin(o, then.origins), matrices.known_cases(weeks, o, 1), np.nan)
        for o in looked
    ]
    final = then.or_next(weeks + matrices.delay_weeks + ages)
    level = _level(matrices, weeks - ages, then.or_next(weeks + matrices.delay_weeks))
    return Triangle(np.stack(known), matrices.known_cases(weeks, final, 1), level, final, group)


def _groups(tables: Tables, units: Sequence[str]) -> Int64s:
    """(U,) number of what each unit lies in, as delivered; one for all where no file tells."""
    if "parent" not in tables.units:
        return np.zeros(len(units), dtype=np.int64)
    parents = tables.units.set_index("unit_id")["parent"].reindex(list(units)).fillna("")
    return pd.factorize(parents, sort=True)[0].astype(np.int64)


def _level(matrices: Matrices, newest_whole: Int64s, origins: Int64s) -> Float64s:
    """(U, O) mean of the newest four whole weeks that each origin knows."""
    weeks = newest_whole[:, None] - np.arange(_LEVEL_WEEKS)
    return partial_mean(matrices.known_cases(weeks, origins[:, None], 1))


@dataclass(frozen=True)
class _Young:
    """One age of the newest weeks, at every origin that meets it; arrays (U, O) beside (O,)."""

    age: int
    origins: Int64s
    weeks: Int64s
    reported: Float64s
    share: Float64s
    missing: Missing
    value: Float64s

    @classmethod
    def of(
        cls,
        matrices: Matrices,
        triangle: Triangle,
        maturity: Maturity,
        age: int,
        newest: int,
        origins: Int64s,
    ) -> _Young:
        then = matrices.then or nothing_else(*matrices.cases.shape)
        newest_then = np.where(
            np.isin(origins, then.origins), origins - matrices.delay_weeks, newest
        )
        weeks = newest_then - age
        met = (weeks <= origins - matrices.delay_weeks) & (weeks > origins - LOOK_BACK)
        origins, weeks, newest_then = origins[met], weeks[met], newest_then[met]
        reported = matrices.known_cases(weeks, origins, 1)
        share, spread, enough = _shares(triangle, maturity, age, origins, len(reported))
        level = _level(matrices, newest_then - maturity.nowcast_weeks, origins)
        steady, group = triangle.steadiness(origins), triangle.group
        missing = still_missing(reported, share, level, steady, spread, group)
        instead = reported if maturity.until_learned == "none" else np.full(reported.shape, np.nan)
        value = np.where(enough, reported + missing.mean, instead)
        return cls(age, origins, weeks, reported, share, missing, value)

    def merged_into(self, then: KnownAtOrigin) -> KnownAtOrigin:
        """What origins know, with these weeks nowcast."""
        unit = np.repeat(np.arange(len(self.value)), len(self.origins))
        every = (np.tile(of, len(self.value)) for of in (self.origins, self.weeks))
        origin, week = every
        return then.but_for(origin, unit, week, self.value.ravel())

    def table(self, units: Sequence[str], origins: Int64s) -> pd.DataFrame:
        """NOWCAST_SCHEMA of these origins, if they meet this age."""
        at = np.flatnonzero(np.isin(self.origins, origins))
        low, high = Missing(self.missing.mean[:, at], self.missing.size[:, at]).interval()
        reported = self.reported[:, at]
        columns = {
            "reported": reported,
            "share": self.share[:, at],
            "nowcast": self.value[:, at],
            "low": reported + low,
            "high": reported + high,
        }
        names = np.repeat(np.asarray(units, dtype=object), len(at))
        fixed = {
            "unit_id": names,
            "week_no": np.tile(self.weeks[at], len(units)),
            "age_weeks": self.age,
        }
        return pd.DataFrame(fixed | {name: values.ravel() for name, values in columns.items()})


def _shares(
    triangle: Triangle, maturity: Maturity, age: int, origins: Int64s, units: int
) -> tuple[Float64s, Float64s, Bools]:
    """(U, O) shares, (O,) spread, and (O,) whether the origin may nowcast with them."""
    learned, spread = triangle.shares(age, origins)
    enough = triangle.weeks_seen(origins) >= maturity.min_past_weeks
    if maturity.method == "fixed":
        share = np.full((units, len(origins)), maturity.shares[age])
        return (
            share,
            np.where(enough & np.isfinite(spread), spread, 0.0),
            np.ones(len(origins), bool),
        )
    usable = enough & np.isfinite(learned).all(axis=0)
    return np.where(usable, learned, 1.0), np.where(usable, spread, 0.0), usable
