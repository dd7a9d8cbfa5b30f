"""From checked raw cells and scenes to the clean tables, over all drops.

Belongs here: vintages, which drop wins, availability dates. Does not belong here: judging values.

Rules over several drops: `cases` keeps every vintage, a later drop adds a row only where its count
is new or differs; climate, units and scenes take the newest drop that has a good value. A cell
that was refused or is empty never hides an earlier good one. A climate value counts as available
by the latency of the drop that first had its month.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.data.raw import RawDrop
from pipelines.data.tables import Tables, ordered


def build_tables(
    raws: Sequence[RawDrop], rows: pd.DataFrame, cells: pd.DataFrame, scenes: pd.DataFrame
) -> Tables:
    """Clean tables.

    Args:
        rows: accepted rows: unit_id, name, parent, received_date.
        cells: all checked cells of raw.changed_cells, `number` NaN where refused.
        scenes: accepted scenes, columns as scenes.SCENE_COLUMNS.
    """
    if rows.empty or cells.empty:
        return Tables.empty()
    kinds = cells["kind"]
    return Tables(
        cases=ordered("cases", _cases(cells[kinds == "week"])),
        climate=ordered("climate", _climate(cells[kinds.isin(["temp", "rain"])], raws)),
        units=ordered("units", _units(rows, cells[kinds.isin(["population", "demographic"])])),
        scenes=ordered("scenes", _scenes(scenes)),
    )


def _cases(cells: pd.DataFrame) -> pd.DataFrame:
    frame = cells[["unit_id", "when", "number", "received_date"]]
    frame = frame.rename(columns={"when": "week_no", "number": "cases"})
    frame = frame.sort_values(["unit_id", "week_no", "received_date"], kind="stable")
    good = frame[frame["cases"].notna()]
    before = good.groupby(["unit_id", "week_no"], sort=False)["cases"].shift()
    vintages = good[good["cases"] != before]
    keys = ["unit_id", "week_no"]
    first = frame.drop_duplicates(keys).set_index(keys)
    unknown = first.loc[~first.index.isin(pd.MultiIndex.from_frame(vintages[keys]))].reset_index()
    both = pd.concat([vintages, unknown.assign(cases=np.nan)], ignore_index=True)
    return both.astype({"week_no": "int32", "cases": "float64"})


def _newest(cells: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    in_order = cells[cells["number"].notna()].sort_values("received_date", kind="stable")
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
    info = {raw.drop.info.received_date: raw.drop.info for raw in raws}
    first = cells.sort_values("received_date", kind="stable").drop_duplicates("when")
    whens, days = first["when"].tolist(), first["received_date"].tolist()
    available = {w: info[day].climate_available(w) for w, day in zip(whens, days, strict=True)}
    frame["available_date"] = frame["when"].map(available)
    months = frame["when"].astype("int32")
    return frame.assign(year=months // 12, month=months % 12 + 1).drop(columns="when")


def _units(rows: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    in_order = rows.sort_values("received_date", kind="stable")
    units = in_order.drop_duplicates("unit_id", keep="last")[["unit_id", "name"]]
    told = in_order[in_order["parent"].fillna("") != ""].drop_duplicates("unit_id", keep="last")
    if len(told):  # a table whose source tells none has no such column
        units = units.merge(told[["unit_id", "parent"]], on="unit_id", how="left")
    newest = _newest(cells, ["unit_id", "clean"])
    wide = newest.pivot(index="unit_id", columns="clean", values="number")
    wide = wide.reindex(columns=sorted(cells["clean"].unique())).astype("float64")
    return units.merge(wide.reset_index(), on="unit_id", how="left")


def _scenes(scenes: pd.DataFrame) -> pd.DataFrame:
    in_order = scenes.sort_values(["received_date", "file"], kind="stable")
    newest = in_order.drop_duplicates(["unit_id", "scene_date"], keep="last").copy()
    same = newest.groupby(["unit_id", "content_sha256"])["available_date"]
    newest["first_seen_available_date"] = same.transform("min")
    return newest.astype({"synthetic": bool})
