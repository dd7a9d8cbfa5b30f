"""The dataset: one row a municipality, origin week and horizon, as a content-addressed folder.

Equal inputs give equal bytes. Thresholds lie beside the rows, a label never does.

    <dataset_version>/
        samples/epi_year=YYYY/part.parquet   SAMPLE_KEYS + SAMPLE_INPUTS + covariates + cases
        thresholds.parquet                   labels.THRESHOLD_COLUMNS
        nowcast.parquet                      maturing.NOWCAST_SCHEMA, where newest weeks are nowcast
        tables/*.parquet                     the clean tables; see table_blocks.py
        states.parquet                       units held, unconfirmed or not reported, if any
        unconfirmed.parquet                  the newest origin with unconfirmed counts, if any
        dataset.json                         what it was made from
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pipelines.config import Maturity, Profile
from pipelines.data.dataset_facts import facts, maturity_facts
from pipelines.data.labels import check_as_of, compute_thresholds
from pipelines.data.maturing import NOWCAST_SCHEMA, mature, resolve_maturity
from pipelines.data.prompts import template_of
from pipelines.data.rows import (
    RowSource,
    first_origin_no,
    row_source,
    yearly_rows,
)
from pipelines.data.tables import Tables, newest_week_no
from pipelines.data.usable import (
    STATE_SCHEMA,
    UNCONFIRMED,
    unit_states,
    units_in,
    with_unconfirmed,
)
from pipelines.errors import ConfigError, StoreError
from pipelines.storage import folder_id, manifest_of, sync_folder, sync_tree, write_json
from pipelines.storage.parquet import write_parquet

log = logging.getLogger(__name__)
DATASET_FILE, THRESHOLDS_FILE = "dataset.json", "thresholds.parquet"
NOWCAST_FILE = "nowcast.parquet"
STATES_FILE, UNCONFIRMED_FILE = "states.parquet", "unconfirmed.parquet"
THRESHOLD_SCHEMA = pa.schema(
    [
        ("unit_id", pa.string()),
        ("origin_year", pa.int32()),
        ("season_week", pa.int32()),
        ("threshold_cases", pa.float64()),
        ("reference_weeks", pa.int32()),
        ("reference_years", pa.float64()),
        ("reference_cases", pa.float64()),
        ("in_pool", pa.bool_()),
        ("refused_reason", pa.string()),
    ]
)


def build_dataset(
    tables: Tables,
    profile: Profile,
    as_of: str | None,
    drops: Sequence[Mapping[str, Any]],
    out_root: Path,
) -> Path:
    """Write the dataset of a run, or find it written; return its folder, named by its content.

    Args:
        as_of: newest origin week, such as "2018-w48"; None = the newest possible one.
        drops: JSON-able facts of the accepted drops (received_date, hash, ...), recorded as given.

    Raises:
        ConfigError: as_of lies after the data or before the label rule's reference range has
            ended, or no municipality is in the pool.
        LeakageError: the template asks for the target, or a prompt knows the future.
        StoreError: the folder of this version is there but damaged.
    """
    maturity, why = resolve_maturity(tables, profile.data, profile.calendar)
    whole, tables = tables, mature(tables, maturity)
    origin = resolve_as_of(tables, profile, as_of)
    template = template_of(profile.place, profile.data.has_notes)
    thresholds = _thresholds(tables, profile, origin)
    pool = tuple(thresholds.loc[thresholds["in_pool"], "unit_id"].unique())
    source = row_source(tables, profile, pool, origin, template, maturity=maturity)
    out_root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_root, prefix=".building.") as work:
        folder = Path(work) / "dataset"
        rows = write_samples(source, folder / "samples")
        limits = pa.Table.from_pandas(thresholds, THRESHOLD_SCHEMA, preserve_index=False)
        write_parquet(folder / THRESHOLDS_FILE, limits)
        _write_states(whole, source, folder, maturity)
        if source.nowcast is not None:
            young = pa.Table.from_pandas(source.nowcast, NOWCAST_SCHEMA, preserve_index=False)
            write_parquet(folder / NOWCAST_FILE, young)
        whole.save(folder / "tables")
        write_json(
            folder / DATASET_FILE,
            facts(source, tables, thresholds, drops, rows) | maturity_facts(profile, maturity, why),
        )
        return _keep(folder, out_root)


def _thresholds(tables: Tables, profile: Profile, origin: int) -> pd.DataFrame:
    """Thresholds of every origin up to this one. Raises ConfigError if no unit has one."""
    found = compute_thresholds(
        tables,
        profile.labels,
        profile.calendar,
        origin,
        first_origin_no=first_origin_no(tables, profile),
        delay_weeks=profile.data.outcome_delay_weeks,
    )
    if not found["in_pool"].any():
        often = found["refused_reason"].value_counts()
        why = f"most often: {often.index[0]}" if len(often) else "there are no counts"
        raise ConfigError(
            f"no municipality is in the training pool ({why})",
            where=f"thresholds of label rule {profile.labels.rule_id}",
            fix="give more data, a lower labels.min_reference_cases, or a rule with floor_cases",
        )
    return found


def resolve_as_of(tables: Tables, profile: Profile, as_of: str | None) -> int:
    """Week ordinal of the newest origin.

    The newest possible origin is the newest week that half of the municipalities have cases of,
    plus the reporting delay: at that origin exactly that week is the newest known one.

    Raises:
        ConfigError: no cases at all, or as_of is not within the data.
    """
    newest_cases = newest_week_no(tables)
    if newest_cases is None:
        raise ConfigError(
            "no week has cases for half of the municipalities", where="cases", fix="check the drops"
        )
    week_label = profile.calendar.week_label
    newest = newest_cases + profile.data.reporting_delay_weeks
    origin = newest if as_of is None else profile.calendar.week_no(as_of)
    if origin > newest:
        raise ConfigError(
            f"as_of {as_of} lies after the data: the newest possible origin week is "
            f"{week_label(newest)}",
            fix=f"use {week_label(newest)} or earlier, or add a drop",
        )
    first = first_origin_no(tables, profile)
    if origin < first:
        raise _too_early(tables, profile, origin, first, newest)
    check_as_of(profile.labels.rule, profile.calendar, origin)
    return origin


def _too_early(
    tables: Tables, profile: Profile, origin: int, first: int, newest: int
) -> ConfigError:
    """An origin before the first one: history that is too short, or a week that was asked for."""
    label = profile.calendar.week_label
    what = f"origin week {label(origin)} lies before the first one, {label(first)}"
    if newest >= first:
        return ConfigError(what, fix="choose a later week, or set data.first_week")
    begins = int(tables.cases.dropna(subset=["cases"])["week_no"].min())
    return ConfigError(
        f"{newest - begins + 1} weeks of history are too few: {what}, which has a year of weeks "
        "before it",
        where=f"counts {label(begins)}..{label(newest)}",
        fix=(
            "deliver earlier years, or wait for more weeks; `denguard onboard FILE --dry-run` "
            "says what can be judged when"
        ),
    )


def write_samples(source: RowSource, folder: Path) -> int:
    """Write one Parquet file an epidemiological year; return the number of rows."""
    rows = 0
    for year, table in yearly_rows(source):
        write_parquet(folder / f"epi_year={year}" / "part.parquet", table)
        rows += table.num_rows
    return rows


def _write_states(whole: Tables, source: RowSource, folder: Path, maturity: Maturity) -> None:
    """Units that are not forecast as the others are, and rows in which unconfirmed counts are in
    force.
    """
    states = unit_states(whole, source.matrices, source.as_of, source.horizons)
    if states.empty:
        return
    table = pa.Table.from_pandas(states, STATE_SCHEMA, preserve_index=False)
    write_parquet(folder / STATES_FILE, table)
    units = units_in(states, [UNCONFIRMED])
    if units:
        tables, at = mature(with_unconfirmed(whole), maturity), source.as_of
        newest = row_source(
            tables, source.profile, units, at, source.template, at, maturity=maturity
        )
        rows = pa.concat_tables(table for _, table in yearly_rows(newest))
        write_parquet(folder / UNCONFIRMED_FILE, rows)


def _keep(folder: Path, out_root: Path) -> Path:
    """Move a finished folder to its content's name, or find that content there already."""
    manifest = manifest_of(folder)
    final = out_root / folder_id(manifest)
    sync_tree(folder)
    try:
        folder.rename(final)
    except OSError as err:
        if not final.is_dir():
            raise StoreError(
                f"the dataset could not be put in place: {err}",
                where=str(final),
                fix="check disk and permissions",
            ) from err
        if manifest_of(final) != manifest:
            raise StoreError(
                "the dataset folder of this version is damaged",
                where=str(final),
                fix="delete the folder and run the step again",
            ) from err
    sync_folder(out_root)
    log.info("dataset %s: %s", final.name, final)
    return final
