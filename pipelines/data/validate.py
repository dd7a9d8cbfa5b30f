"""Validation: from raw drops and scanned scenes to issues, a quarantine list and clean tables.

Levels:
- critical stops the run: an empty or unreadable drop or table, a missing, renamed or repeated
  required column, no weekly column, more than 20 % of a table's rows with something refused.
- error: the cell, row or scene is quarantined and treated as not delivered; an earlier good value
  stays. Of identical duplicate rows the first is used; of conflicting ones none, because nobody
  can tell which is right, and a municipality without new data is safer than one with wrong data.
- warning and info: nothing is left out (a population of 0 excepted).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data import checks, drift
from pipelines.data.across_drops import reconcile_drops
from pipelines.data.boundaries import boundary_issues
from pipelines.data.changes_found import (
    changed_figures,
    missing_unit_issues,
    revised_issues,
    too_many_bad,
)
from pipelines.data.clean import build_tables
from pipelines.data.drops import check_unchanged, drop_hash, survey_drops
from pipelines.data.findings import once, refused_issues, to_issues, to_quarantine
from pipelines.data.newest import newest_issues
from pipelines.data.note_vintages import note_vintages
from pipelines.data.odd_units import odd_units
from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.assess import Assessment
from pipelines.data.plausible.assess_drops import assess_drops
from pipelines.data.plausible.issues import doubt_issues
from pipelines.data.raw import (
    REFUSED_COLUMNS,
    RawDrop,
    empty,
    issue,
)
from pipelines.data.readings import can_be_kept, meaning_of, read_drops, reading_options
from pipelines.data.receipts import receipt_issues, scenes_in_future
from pipelines.data.recoding import recoded, recoded_scenes
from pipelines.data.scene_observations import with_observations
from pipelines.data.scenes import SCENE_COLUMNS, scan_scenes
from pipelines.data.sources import Context, source_of
from pipelines.data.suite import Suite
from pipelines.data.tables import Tables, ordered
from pipelines.data.validation_result import ValidationResult
from pipelines.data.withdrawals import unknown_again_issues, withdrawn_issues
from pipelines.errors import DropError
from pipelines.storage import write_atomic, write_json
from pipelines.storage.parquet import write_frame
from pipelines.storage.people_csv import frame_csv
from pipelines.weeks import Calendar

_ORDER = (Level.CRITICAL, Level.ERROR, Level.WARNING, Level.INFO)


def validate_all(
    drops_dir: Path,
    context: Context,
    previous: Tables | None,
    out: Path | None,
    cache_path: Path,
    accepted: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
    answers: Mapping[str, Answer] | None = None,
    withdrawn: Collection[str] = (),
    today: date | None = None,
) -> ValidationResult:
    """Read, scan and validate every drop; folders that are no drop are critical issues.

    Args:
        previous, out: as in validate_drops.
        cache_path: JSON file that remembers what was read, see filecache.FileCache.
        accepted: name -> drops.drop_hash of the drops of the last accepted version: each must be
            there and unchanged.
        only: names of the drops that the run may know; None = all.
        answers: people's answers about doubted values.
        withdrawn: names of drops that nothing reads any more.
        today: by the place's clock, for receipt dates; None asks no clock.
    """
    drops, errors = survey_drops(drops_dir, withdrawn)
    accepted = {k: v for k, v in (accepted or {}).items() if k not in withdrawn}
    hashes = {drop.name: drop_hash(drop, cache_path) for drop in drops}
    errors += check_unchanged(hashes, accepted)
    drops = [drop for drop in drops if only is None or drop.name in only]
    tabled = [drop for drop in drops if not drop.info.scenes_alone]
    source = source_of(context.config)
    kept = cache_path.parent / "readings" if can_be_kept(context) else None
    raws = read_drops(
        tabled,
        lambda drop: source.read_raw(drop, context),
        hashes,
        kept,
        meaning_of(context),
        reading_options(context),
    )
    scanned = [
        scan_scenes(drop, context.config.scenes, cache_path, context.codes) for drop in drops
    ]
    scanned = [s for s in scanned if len(s)]
    scenes = (
        pd.concat(scanned, ignore_index=True)
        if scanned
        else pd.DataFrame(columns=list(SCENE_COLUMNS))
    )
    told = {drop.name: (drop.path, drop.info) for drop in drops}
    scenes, untold = with_observations(scenes, told)
    broken = [*(_drop_issue(err) for err in errors), *untold]
    broken += receipt_issues(raws, accepted, today, context)
    broken += scenes_in_future([drop for drop in drops if drop.info.scenes_alone], today)
    if not tabled and not errors:
        broken = [_no_table(bool(drops), bool(withdrawn), drops_dir)]
    found = cache_path.parent / "judged"
    return validate_drops(raws, scenes, context, previous, out, broken, answers, found)


def _no_table(scenes: bool, withdrawn: bool, drops_dir: Path) -> Issue:
    """Why there is nothing to read."""
    what = "every drop was withdrawn" if withdrawn else "there is no drop at all"
    return issue(
        Level.CRITICAL,
        "empty-drop",
        "there are drops of scenes alone, and none with a table" if scenes else what,
        str(drops_dir),
        "make one with `denguard drop`",
    )


def _drop_issue(err: DropError) -> Issue:
    code = "empty-drop" if "empty" in err.what else "invalid-drop"
    code = "accepted-drop-changed" if "accepted drop" in err.what else code
    return issue(Level.CRITICAL, code, err.what, err.where, err.fix)


def validate_drops(
    raws: Sequence[RawDrop],
    scenes: pd.DataFrame,
    context: Context,
    previous: Tables | None,
    out: Path | None,
    issues: Sequence[Issue] = (),
    answers: Mapping[str, Answer] | None = None,
    kept: Path | None = None,
) -> ValidationResult:
    """Check drops, oldest first, and write the findings to `out`, or nothing if it is None.

    Files: see `_write`. Raises nothing for bad data: see raise_if_critical.

    Args:
        scenes: rows of scenes.scan_scenes over all drops.
        previous: tables of the last accepted version, or None.
        issues: found before, such as folders that are no drop.
        kept: folder of what rules found in earlier runs, or None; what checks found lies beside it.
    """
    config, calendar = context.config, context.calendar
    suite, full = Suite(kept and kept.with_name("checked")), config.updates == "full"
    raws, recoding = recoded(raws, context.changes, calendar, full)
    scenes = recoded_scenes(scenes, context.changes)
    readable = [raw for raw in raws if raw.usable]
    usable, across = reconcile_drops(readable, full, context.changed_codes)
    known = checks.known_units(usable, previous)
    rows, findings = checks.check_rows(suite, usable, known, context.codes)
    cells, cell_findings = checks.check_cells(suite, usable, rows, config)
    units = sorted(rows["unit_id"].unique())
    accepted, scene_findings = checks.check_scenes(suite, scenes, units, config)
    findings += cell_findings + scene_findings
    assessment = assess_drops(usable, rows, cells, previous, context, answers or {}, kept)
    tables, noted = _accepted_tables(usable, rows, accepted, assessment, context)
    findings += checks.check_whole(suite, tables, previous, calendar)
    across += too_many_bad(usable, findings)
    drops = [raw.drop.name for raw in raws]
    findings = [replace(f, rows=once(f.rows, drops)) for f in findings]
    refused = once(_all_refused(usable), drops)
    revised, quarantine = drift.revisions(tables), to_quarantine(findings, [refused])
    found = [
        *issues,
        *(i for raw in raws for i in raw.issues),
        *recoding,
        *across,
        *to_issues(findings, calendar),
        *refused_issues(refused),
        *odd_units(readable, () if previous is None else previous.units["unit_id"]),
        *_changes(usable, rows, assessment.cells, previous, context),
        *revised_issues(revised, calendar),
        *doubt_issues(assessment, usable, config.plausibility.max_held_share),
        *noted,
        *newest_issues(usable, tables, calendar),
        *boundary_issues(context.boundaries, tables.units["unit_id"], context.codes),
        *suite.broken,
    ]
    result = ValidationResult(_in_order(found), tables, quarantine, revised, assessment)
    if out is not None:
        _write(result, suite, out, calendar)
    return result


def _in_order(issues: Sequence[Issue]) -> tuple[Issue, ...]:
    """The gravest first; of one level as they were found."""
    return tuple(sorted(issues, key=lambda one: _ORDER.index(one.level)))


def _accepted_tables(
    raws: Sequence[RawDrop],
    rows: pd.DataFrame,
    scenes: pd.DataFrame,
    assessment: Assessment,
    context: Context,
) -> tuple[Tables, tuple[Issue, ...]]:
    """Clean tables of what is not held, what was doubted and noted; issues of the notes."""
    full, words = context.config.updates == "full", context.config.unknown_again
    noted = note_vintages(raws, rows["unit_id"].unique().tolist(), words, context.calendar)
    tables = build_tables(raws, rows, assessment.cells, scenes, context.calendar, withdraw=full)
    doubts, notes = ordered("doubts", assessment.doubts), ordered("notes", noted.notes)
    return replace(tables, doubts=doubts, notes=notes), noted.issues


def _all_refused(raws: Sequence[RawDrop]) -> pd.DataFrame:
    frames = [raw.refused for raw in raws if len(raw.refused)]
    return pd.concat([empty(REFUSED_COLUMNS), *frames], ignore_index=True)


def _changes(
    raws: Sequence[RawDrop],
    rows: pd.DataFrame,
    cells: pd.DataFrame,
    previous: Tables | None,
    context: Context,
) -> list[Issue]:
    """What earlier drops had and the newest has not, or has otherwise."""
    changed = changed_figures(cells, context.config.figures, raws) + unknown_again_issues(cells)
    if context.config.updates == "full":
        return [*withdrawn_issues(cells), *changed]
    return [*missing_unit_issues(raws, rows, previous, context.changes), *changed]


def _write(result: ValidationResult, suite: Suite, out: Path, calendar: Calendar) -> None:
    """issues.json, quarantine.parquet and .csv, revised.csv, gx_results.json,
    data_docs/index.html."""
    out.mkdir(parents=True, exist_ok=True)
    suite.write(out)
    write_frame(out / "quarantine.parquet", result.quarantine)
    write_atomic(out / "quarantine.csv", frame_csv(result.quarantine))
    revised = result.revised.assign(
        week=[calendar.week_label(w) for w in result.revised["week_no"]]
    )
    write_atomic(out / "revised.csv", frame_csv(revised.drop(columns="week_no")))
    write_json(out / "issues.json", [asdict(i) for i in result.issues])
