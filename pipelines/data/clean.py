"""From checked raw cells and scenes to the clean tables, over all drops.

Rules over several drops: `cases` keeps every vintage, a later drop adds a row only where its count
is new or differs; climate, units and scenes take the newest drop that has a good value. A cell
that was refused never hides an earlier good one, an empty one only where drops are declared to be
full, and one that holds a word of `data.unknown_again` always: the value was withdrawn then, a
vintage of its own among cases. A climate value counts as available
by the latency of the drop that first had its month; a declared series' value likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines.data.cell_texts import plain
from pipelines.data.delays import delay_vintages
from pipelines.data.months import month_end
from pipelines.data.raw import RawDrop
from pipelines.data.tables import Tables, ordered
from pipelines.weeks import Calendar

# Of raw.changed_cells, what the tables follow from.
_READ = ("unit_id", "kind", "clean", "when", "number", "received_date")


def build_tables(
    raws: Sequence[RawDrop],
    rows: pd.DataFrame,
    cells: pd.DataFrame,
    scenes: pd.DataFrame,
    calendar: Calendar,
    withdraw: bool = False,
) -> Tables:
    """Clean tables.

    Args:
        rows: accepted rows: unit_id, name, parent, received_date.
        cells: all checked cells of raw.changed_cells, `number` NaN where refused.
        scenes: accepted scenes, columns as scenes.SCENE_COLUMNS.
        withdraw: cells that are `withdrawn` are unknown from then on; else they say nothing. Those
            that are `unknown_again` are unknown in any case.
    """
    if rows.empty or cells.empty:
        return Tables.empty()
    says = cells["number"].notna() | (cells["withdrawn"].astype(bool) & withdraw)
    says |= cells["unknown_again"].astype(bool)
    cells, kinds = cells[list(_READ)].assign(says=says), cells["kind"]
    return Tables(
        cases=plain(ordered("cases", _cases(cells[kinds == "week"]))),
        climate=plain(ordered("climate", _climate(cells[kinds.isin(["temp", "rain"])], raws))),
        units=ordered(
            "units", _units(rows, plain(cells[kinds.isin(["population", "demographic"])]))
        ),
        scenes=ordered("scenes", _scenes(scenes)),
        series=ordered(
            "series", _series(plain(cells[kinds.isin(["weekly", "monthly"])]), raws, calendar)
        ),
        delays=delay_vintages(raws, rows["unit_id"].unique()),
    )


def _cases(cells: pd.DataFrame) -> pd.DataFrame:
    keys = ["unit_id", "week_no"]
    frame = cells[["unit_id", "when", "number", "received_date", "says"]]
    frame = frame.rename(columns={"when": "week_no", "number": "cases"})
    frame = frame.sort_values([*keys, "received_date"], kind="stable")
    reported = frame[frame["says"]]
    before = reported.groupby(keys, sort=False, observed=True)["cases"].shift()
    vintages = reported[
        (reported["cases"] != before) & (reported["cases"].notna() | before.notna())
    ]
    first = frame.drop_duplicates(keys).set_index(keys)
    unknown = first.loc[~first.index.isin(pd.MultiIndex.from_frame(vintages[keys]))].reset_index()
    both = pd.concat([vintages, unknown.assign(cases=np.nan)], ignore_index=True)
    return both.astype({"week_no": "int32", "cases": "float64"})


def _newest(cells: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    in_order = cells[cells["says"]].sort_values("received_date", kind="stable")
    return in_order.drop_duplicates(keys, keep="last")


def _climate(cells: pd.DataFrame, raws: Sequence[RawDrop]) -> pd.DataFrame:
    if cells.empty:
        return Tables.empty().climate
    names = {"temp": "temp_mean_c", "rain": "rainfall_mm"}
    frame = cells.drop_duplicates(["unit_id", "when"])[["unit_id", "when"]]
    for kind, name in names.items():
        newest = _newest(cells[cells["kind"] == kind], ["unit_id", "when"])
        newest = newest[["unit_id", "when", "number"]].rename(columns={"number": name})
        frame = frame.merge(newest, on=["unit_id", "when"], how="left")
    by_latency = sorted(raws, key=lambda raw: raw.drop.info.climate_latency_days)
    # of two editions of a day the slower one's
    info = {raw.drop.info.received_date: raw.drop.info for raw in by_latency}
    first = cells.sort_values("received_date", kind="stable").drop_duplicates("when")
    whens, days = first["when"].tolist(), first["received_date"].tolist()
    available = {w: info[day].climate_available(w) for w, day in zip(whens, days, strict=True)}
    frame["available_date"] = frame["when"].map(available)
    months = frame["when"].astype("int32")
    return frame.assign(year=months // 12, month=months % 12 + 1).drop(columns="when")


def _series(cells: pd.DataFrame, raws: Sequence[RawDrop], calendar: Calendar) -> pd.DataFrame:
    """Declared series, one row a unit, name and week or month that has a value."""
    if cells.empty:
        return Tables.empty().series
    available = _series_available(cells, raws, calendar)
    frame = _newest(cells, ["unit_id", "clean", "kind", "when"])
    frame = frame[frame["number"].notna()]  # a withdrawn value is none
    keys = zip(frame["clean"], frame["kind"], frame["when"], strict=True)
    return pd.DataFrame(
        {
            "unit_id": frame["unit_id"],
            "name": frame["clean"],
            "step": frame["kind"].map({"weekly": "week", "monthly": "month"}),
            "period_no": frame["when"].astype("int32"),
            "value": frame["number"].astype("float64"),
            "available_date": [available[key] for key in keys],
        }
    )


def _series_available(
    cells: pd.DataFrame, raws: Sequence[RawDrop], calendar: Calendar
) -> dict[tuple[str, str, int], date]:
    """(name, kind, week or month) -> day it could be had, by the first drop that had it."""
    latencies: dict[tuple[date, str], int] = {}
    for raw in raws:  # of two editions of a day the slower one's
        for name, days in raw.latencies.items():
            key = (raw.drop.info.received_date, name)
            latencies[key] = max(days, latencies.get(key, 0))
    key_columns = ["clean", "kind", "when"]
    in_order = cells.sort_values("received_date", kind="stable")
    first = in_order.drop_duplicates(key_columns)[[*key_columns, "received_date"]]
    out = {}
    for name, kind, when, received in first.itertuples(index=False):
        end = calendar.week_end(int(when)) if kind == "weekly" else month_end(int(when))
        out[name, kind, int(when)] = end + timedelta(days=latencies.get((received, name), 0))
    return out


def _units(rows: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    in_order = rows.sort_values("received_date", kind="stable")
    units = in_order.drop_duplicates("unit_id", keep="last")[["unit_id", "name"]]
    with_parent = in_order[in_order["parent"].fillna("") != ""].drop_duplicates(
        "unit_id", keep="last"
    )
    if len(with_parent):  # a table whose source has none lacks this column
        units = units.merge(with_parent[["unit_id", "parent"]], on="unit_id", how="left")
    newest = _newest(cells, ["unit_id", "clean"])
    wide = newest.pivot(index="unit_id", columns="clean", values="number")
    wide = wide.reindex(columns=sorted(cells["clean"].unique())).astype("float64")
    return units.merge(wide.reset_index(), on="unit_id", how="left")


def _scenes(scenes: pd.DataFrame) -> pd.DataFrame:
    in_order = scenes.sort_values("received_date", kind="stable")  # editions come in their order
    newest = in_order.drop_duplicates(["unit_id", "scene_date"], keep="last").copy()
    same = newest.groupby(["unit_id", "content_sha256"])["available_date"]
    newest["first_seen_available_date"] = same.transform("min")
    return newest.astype({"synthetic": bool})
