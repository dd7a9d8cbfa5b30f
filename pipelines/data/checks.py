"""The checks one after another: each makes its frame, runs its rules, drops what was refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.arrays import Bools
from pipelines.codes import UnitCodes
from pipelines.config import DataConfig
from pipelines.contracts import SceneQuality
from pipelines.data import drift, expectations, table_rules
from pipelines.data.cell_texts import coded, plain
from pipelines.data.raw import EVERY_UNIT, UNIT_COLUMNS, RawDrop, changed_cells
from pipelines.data.suite import Finding, Rule, Suite
from pipelines.data.tables import Tables
from pipelines.weeks import Calendar


def known_units(raws: Sequence[RawDrop], previous: Tables | None) -> list[str] | None:
    """Municipalities of the accepted version and of the drops it was made from.

    Tables know days of receipt alone: of the newest one only the first edition is surely accepted.
    """
    if previous is None or previous.units.empty:
        return None
    newest = previous.cases["received_date"].max() if len(previous.cases) else None
    came = [(raw, (raw.drop.info.received_date, raw.drop.info.edition)) for raw in raws]
    accepted = [raw for raw, when in came if newest is not None and when <= (newest, 1)]
    delivered = {u for raw in accepted for u in _own_rows(raw.units)["unit_id"] if u is not None}
    return sorted(delivered | set(previous.units["unit_id"]))


def check_rows(
    suite: Suite, raws: Sequence[RawDrop], known: list[str] | None, codes: UnitCodes
) -> tuple[pd.DataFrame, list[Finding]]:
    """Rows with a usable code: file, row, unit_id, name, received_date; and what was refused."""
    frames = [raw.units.assign(received_date=raw.drop.info.received_date) for raw in raws]
    every = pd.concat(
        frames or [pd.DataFrame(columns=[*UNIT_COLUMNS, "received_date"])], ignore_index=True
    )
    rows = _own_rows(every).reset_index(drop=True)
    findings = suite.run("municipality codes", rows, expectations.code_rules(known, codes))
    rows = _without(rows, findings)
    identical = suite.run("identical rows", rows, expectations.repeat_rules(identical=True))
    rows = _without(rows, identical)
    conflicting = suite.run("conflicting rows", rows, expectations.repeat_rules(identical=False))
    rows = _without(rows, conflicting)
    spread = every[(every["column"] == EVERY_UNIT) & every["unit_id"].isin(rows["unit_id"])]
    return pd.concat([rows, spread], ignore_index=True), [*findings, *identical, *conflicting]


def _own_rows(units: pd.DataFrame) -> pd.DataFrame:
    """Without the rows of series that hold for every unit: these name none themselves."""
    return units[units["column"] != EVERY_UNIT]


def _without(frame: pd.DataFrame, findings: Sequence[Finding]) -> pd.DataFrame:
    bad = {i for f in findings if f.rule.quarantine for i in f.rows.index}
    return frame[~frame.index.isin(bad)].reset_index(drop=True)


def check_cells(
    suite: Suite, raws: Sequence[RawDrop], rows: pd.DataFrame, config: DataConfig
) -> tuple[pd.DataFrame, list[Finding]]:
    """New and changed cells of accepted rows, `number` NaN where refused; and what was refused."""
    cells = changed_cells(raws, rows, config.unknown_again)
    findings: list[Finding] = []
    if cells.empty:
        return cells, findings
    kept = config.updates != "full"  # a full drop's withdrawals are told by withdrawals.py
    for name, mask, rules in _cell_checks(cells, config):
        part = cells[mask]
        n_before = len(part) - _n_newest(part, raws[-1])
        asked = {rule.expectation.column for rule in rules}
        found = suite.run(name, _frame_to_check(part, kept, asked), rules, n_before)
        findings += [replace(f, rows=plain(part.iloc[f.rows.index])) for f in found]
    for finding in findings:
        if finding.rule.quarantine:
            cells.loc[finding.rows.index, "number"] = np.nan
    return cells, findings


def _n_newest(cells: pd.DataFrame, newest: RawDrop) -> int:
    """How many of the cells the newest drop has: they are the last ones."""
    codes, files = coded(cells["file"])
    own = [str(file).split("/", 1)[0] == newest.drop.name for file in files]
    return int(np.append(own, False)[codes].sum())


def _cell_checks(
    cells: pd.DataFrame, config: DataConfig
) -> list[tuple[str, pd.Series, tuple[Rule, ...]]]:
    kind, name = cells["kind"], cells["clean"]
    names = name.cat.categories  # a few; asking each of a million cells takes a second
    demographic = kind == "demographic"
    percent = name.isin([n for n in names if n.endswith("_pct")])
    dense = name.isin([n for n in names if n.endswith("_per_km2")])
    series = kind.isin(["weekly", "monthly"])
    return [
        ("weekly cases", kind == "week", expectations.case_rules(config)),
        ("temperature", kind == "temp", expectations.temperature_rules()),
        ("rainfall", kind == "rain", expectations.rainfall_rules(config.limits)),
        ("population", kind == "population", expectations.population_rules(config.limits)),
        ("shares", demographic & percent, expectations.demographic_rules(percent=True)),
        ("densities", demographic & dense, expectations.demographic_rules(percent=False)),
        ("figures of units", demographic & ~percent & ~dense, expectations.number_rules()),
        ("declared series", series, expectations.number_rules()),
    ]


def _frame_to_check(part: pd.DataFrame, kept: bool, asked: Collection[str]) -> pd.DataFrame:
    """The columns that rules look at, index 0..n-1; a number that is not one fails only as text.

    Args:
        kept: whether a withdrawn value stays as it was, which somebody must be told.
        asked: names of these columns.
    """
    frame = part[["value", "number", "withdrawn"]].reset_index(drop=True)
    frame["withdrawn"] &= kept
    number = frame["number"]
    if "fraction" in asked:
        whole_or_not = np.isfinite(number) & ~_has_thousands(frame["value"])
        frame["fraction"] = np.where(whole_or_not, number % 1, np.nan)
    if "positive" in asked:
        frame["positive"] = number.where(number > 0)
    if "usual" in asked:
        by_file = number.groupby(part["file"].array, observed=True)
        enough = by_file.transform("count") >= expectations.MIN_RAIN_CELLS
        frame["usual"] = by_file.transform("median").where(enough & number.notna())
    return frame


def _has_thousands(value: pd.Series) -> Bools:
    """(N,) which texts have a separator of thousands; each distinct one is looked at once."""
    fullmatch = re.compile(expectations.THOUSANDS).fullmatch
    separated = [v for v in value.unique() if fullmatch(str(v))]
    return value.isin(separated).to_numpy(dtype=bool)


def check_scenes(
    suite: Suite, scenes: pd.DataFrame, units: list[str], config: DataConfig
) -> tuple[pd.DataFrame, list[Finding]]:
    """Usable scenes, and what was refused."""
    if scenes.empty:
        return scenes, []
    frame = _scene_frame(scenes.reset_index(drop=True))
    findings = suite.run("scene files", frame, table_rules.scene_rules(units))
    accepted = _without(frame, findings)
    shares = _scene_shares(accepted)
    judged = suite.run("scene shares", shares, table_rules.scene_share_rules(config))
    return accepted, findings + [_counted(finding) for finding in judged]


def _counted(finding: Finding) -> Finding:
    """Say how many scenes a share is about."""
    n = finding.rows[finding.rule.expectation.column.replace("blank_share", "n_blank")]
    detail = [
        f"{count} of {total} scenes: {finding.rule.message}"
        for count, total in zip(n, finding.rows["n_scenes"], strict=True)
    ]
    return replace(finding, rows=finding.rows.assign(detail=detail, n_rows=n))


def _scene_frame(scenes: pd.DataFrame) -> pd.DataFrame:
    """Scenes in the shape of rules; what is about place and date is None where a file has a
    problem.
    """
    dated, ok = scenes["scene_date"].notna(), scenes["problem"] == ""
    day = pd.to_datetime(scenes["scene_date"])
    since = (pd.to_datetime(scenes["received_date"]) - day).dt.days.astype("float64")
    name = scenes["scene_date"].astype(str)
    return scenes.assign(
        file_group=scenes["file"].astype(str).str.partition("/")[0] + "/images",  # its drop
        row=0,
        column="",
        value="",
        period=name.where(dated, ""),
        unit_or_folder=scenes["unit_id"].fillna(scenes["folder"]).where(ok, np.nan),
        scene_name=name.where(ok, scenes["file"]),
        days_since=since.where(ok),
    )


def _scene_shares(accepted: pd.DataFrame) -> pd.DataFrame:
    """One row a drop: n_scenes, n_blank, blank_share, n_saturated, n_repeated."""
    if accepted.empty:
        return pd.DataFrame()
    quality, usable = accepted["quality"], accepted["quality"] == SceneQuality.OK
    same = accepted.duplicated(["unit_id", "content_sha256"], keep="first") & usable
    flags = accepted.assign(
        blank=quality == SceneQuality.BLANK, cloudy=quality == SceneQuality.SATURATED, same=same
    )
    drops = flags.groupby("file_group", as_index=False)
    shares = drops.agg(
        n_scenes=("blank", "size"),
        n_blank=("blank", "sum"),
        blank_share=("blank", "mean"),
        n_saturated=("cloudy", "sum"),
        n_repeated=("same", "sum"),
    )
    return shares.rename(columns={"file_group": "file"})


def check_whole(
    suite: Suite, tables: Tables, previous: Tables | None, calendar: Calendar
) -> list[Finding]:
    """Calendar, cover and drift of the clean tables."""
    findings = []
    weeks, months = drift.week_cover(tables, calendar), drift.month_cover(tables)
    for name, frame in (("calendar weeks", weeks), ("climate months", months)):
        found = suite.run(name, frame, table_rules.calendar_rules())
        findings += [part for f in found for part in _gap_findings(f, name)]
    cover = drift.climate_cover(tables)
    findings += suite.run("climate cover", cover, table_rules.climate_cover_rules())
    if previous is not None:
        measures = drift.drift(tables, previous)
        findings += suite.run("drift", measures, table_rules.drift_rules())
    return findings


def _gap_findings(finding: Finding, name: str) -> list[Finding]:
    """Gaps as runs of weeks; the weeks 53 that the source never has are told apart."""
    if finding.rule.code != "week-gap":
        return [finding]
    if name == "climate months":
        rule = replace(
            finding.rule,
            code="climate-gap",
            message="climate months missing for every municipality",
            each=True,
        )
        return [Finding(rule, drift.runs(finding.rows))]
    by_design = finding.rows["is_week_53"]
    weeks_53 = replace(
        finding.rule,
        code="week-53-absent",
        message="the source has no week 53; it stays missing, not 0",
        fix="nothing to do",
    )
    gaps = replace(finding.rule, message="weeks missing for every municipality", each=True)
    found = [(weeks_53, finding.rows[by_design]), (gaps, finding.rows[~by_design])]
    return [Finding(rule, drift.runs(rows)) for rule, rows in found if len(rows)]
