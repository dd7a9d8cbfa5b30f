"""The Great Expectations suite: what incoming data must be like, and what a miss means.

Belongs here: rules (an expectation, how bad a miss is, what to do) and running them on frames.
Does not belong here: making the frames (raw.py, calendar.py) and what follows (validate.py).

Every frame has the columns file, row, column, unit_id, value, so that a miss can be named.
GX is asked for COMPLETE results of what was missed: the index of each value leads back to its cell.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read on import; nothing calls home

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types import resource_identifiers as identifiers

from pipelines.cell_limits import HIGH_RAIN_MM, PER_KM2, PERCENT, RAIN_MM, TEMP_C
from pipelines.codes import UnitCodes
from pipelines.config import DataConfig, Limits
from pipelines.contracts import Issue, Level
from pipelines.data.docs_site import leave_what_is_shown, site_config
from pipelines.data.gx_judge import judge_of
from pipelines.data.gx_results import summary, which
from pipelines.data.raw import NUMBER, issue
from pipelines.storage import write_json

OWN_NUMBERS = (-1e30, 1e30)  # what a place declares itself; models read single precision
MIN_RAIN_CELLS = 10  # of a file, to judge its usual rainfall by
THOUSANDS = r"^[+-]?[0-9]{1,3}(?:\.[0-9]{3})+$"
MAX_CHANGED_SHARE = 0.02  # of past counts; the newest weeks are revised, years are not
MIN_REPORTING_SHARE = 0.5  # of municipalities, in each of the newest weeks
_CORRECT = (
    "correct the value at its origin and deliver it in the next drop; until then it is treated as "
    "missing"
)
_SEVERITY = {
    Level.CRITICAL: "critical",
    Level.ERROR: "critical",
    Level.WARNING: "warning",
    Level.INFO: "info",
}


@dataclass(frozen=True)
class Rule:
    """An expectation and what a miss means.

    Attributes:
        expectation: of GX, about one column or several.
        code, level, message, fix: as in contracts.Issue; a frame's own columns `problem`, `detail`
            and `fix` go before them where the frame has these.
        quarantine: whether the cell or row is left out of the clean tables.
        keep_first: of repeated rows, the first is not at fault.
        each: one issue a row where there are few, which errors always have.
    """

    expectation: Any
    code: str
    level: Level
    message: str
    fix: str
    quarantine: bool = False
    keep_first: bool = False
    each: bool = False


@dataclass(frozen=True)
class Finding:
    """The rows of a frame that missed a rule."""

    rule: Rule
    rows: pd.DataFrame


def _between(column: str, low: float | None, high: float | None) -> Any:
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high)


def _is_number() -> Rule:
    expectation = gxe.ExpectColumnValuesToMatchRegex(column="value", regex=NUMBER)
    return Rule(
        expectation,
        "text-in-number",
        Level.ERROR,
        "not a number",
        f"write a plain number, without thousands separators and with a decimal point; {_CORRECT}",
        quarantine=True,
    )


def _no_thousands() -> Rule:
    """1.234 is a thousand in one country and one in another; a count has no decimals to lose."""
    expectation = gxe.ExpectColumnValuesToNotMatchRegex(column="value", regex=THOUSANDS)
    return Rule(
        expectation,
        "thousands-separator",
        Level.ERROR,
        "a point before three digits: a thousands separator, or a fraction",
        "write counts without separators, such as 1234, or declare `decimal: ','` of the input "
        f"if the point separates thousands in all of its numbers; {_CORRECT}",
        quarantine=True,
    )


def _not_withdrawn() -> Rule:
    expectation = gxe.ExpectColumnValuesToBeInSet(column="withdrawn", value_set=[False])
    return Rule(
        expectation,
        "value-withdrawn",
        Level.WARNING,
        "empty now, but an earlier drop had a value, which is kept",
        "deliver the value again, or a corrected one",
    )


def case_rules(config: DataConfig) -> tuple[Rule, ...]:
    """Weekly case cells."""
    most = config.max_weekly_cases
    return (
        _is_number(),
        _no_thousands(),
        Rule(
            _between("number", 0, None),
            "negative-cases",
            Level.ERROR,
            "a count below 0",
            _CORRECT,
            quarantine=True,
        ),
        Rule(
            _between("number", None, most),
            "absurd-cases",
            Level.ERROR,
            f"more than {most:,} cases in a week",
            f"{_CORRECT}, or raise data.max_weekly_cases",
            quarantine=True,
        ),
        Rule(
            _between("fraction", 0, 0),
            "fractional-cases",
            Level.ERROR,
            "a count that is not a whole number",
            f"deliver counts, not rates; {_CORRECT}",
            quarantine=True,
        ),
        _not_withdrawn(),
    )


def temperature_rules() -> tuple[Rule, ...]:
    """Monthly mean temperature cells, degree Celsius."""
    low, high = TEMP_C
    return (
        _is_number(),
        Rule(
            _between("number", low, high),
            "absurd-temperature",
            Level.ERROR,
            f"outside {low:.0f}..{high:.0f} degree Celsius",
            f"deliver degree Celsius; {_CORRECT}",
            quarantine=True,
        ),
        _not_withdrawn(),
    )


def rainfall_rules(limits: Limits) -> tuple[Rule, ...]:
    """Monthly rainfall cells, mm."""
    (low, high), usual = RAIN_MM, limits.min_usual_rainfall_mm
    return (
        _is_number(),
        Rule(
            _between("usual", usual, None),
            "rainfall-unit",
            Level.ERROR,
            f"half of the file's new rainfall is under {usual:g} mm a month: metres or inches?",
            "deliver mm a month; the file's new rainfall is left out until then",
            quarantine=True,
        ),
        Rule(
            _between("number", low, high),
            "absurd-rainfall",
            Level.ERROR,
            f"outside {low:.0f}..{high:.0f} mm a month",
            f"deliver mm a month; {_CORRECT}",
            quarantine=True,
        ),
        Rule(
            _between("number", None, HIGH_RAIN_MM),
            "high-rainfall",
            Level.WARNING,
            f"more than {HIGH_RAIN_MM:.0f} mm in a month; kept",
            "compare with the climate product if a municipality stands out",
        ),
        _not_withdrawn(),
    )


def population_rules(limits: Limits) -> tuple[Rule, ...]:
    """Yearly population cells, persons."""
    low, high = limits.population
    return (
        _is_number(),
        _no_thousands(),
        Rule(
            _between("positive", low, None),
            "tiny-population",
            Level.ERROR,
            f"fewer than {low:,} persons in a unit",
            f"deliver persons, not thousands and not cases; {_CORRECT}",
            quarantine=True,
        ),
        Rule(
            _between("number", 0, high),
            "absurd-population",
            Level.ERROR,
            f"outside 0..{high:,} persons",
            _CORRECT,
            quarantine=True,
        ),
        Rule(
            gxe.ExpectColumnValuesToNotBeInSet(column="number", value_set=[0.0]),
            "no-population",
            Level.WARNING,
            "a population of 0, treated as missing",
            "deliver the year's population",
            quarantine=True,
        ),
    )


def demographic_rules(percent: bool) -> tuple[Rule, ...]:
    """Demographic cells: percentages, or counts per km2."""
    low, high = PERCENT if percent else PER_KM2
    return (
        _is_number(),
        Rule(
            _between("number", low, high),
            "absurd-demographic",
            Level.ERROR,
            f"outside {low:.0f}..{high:,.0f}",
            _CORRECT,
            quarantine=True,
        ),
    )


def number_rules() -> tuple[Rule, ...]:
    """Cells of what a place declares under a name of its own: nearly any number may be right."""
    low, high = OWN_NUMBERS
    return (
        _is_number(),
        Rule(
            _between("number", low, high),
            "absurd-number",
            Level.ERROR,
            f"outside {low:.0e}..{high:.0e}",
            _CORRECT,
            quarantine=True,
        ),
    )


def code_rules(known: list[str] | None, codes: UnitCodes) -> tuple[Rule, ...]:
    """Rows of a table: codes of units. `known`: accepted before, None at the first time."""
    shape = Rule(
        gxe.ExpectColumnValuesToNotBeNull(column="unit_id"),
        "unknown-municipality",
        Level.ERROR,
        f"not a {codes.name} ({codes.shape})",
        "correct the code; the row is left out until then",
        quarantine=True,
    )
    if known is None:
        return (shape,)
    accepted = gxe.ExpectColumnValuesToBeInSet(column="unit_id", value_set=known)
    return (
        shape,
        Rule(
            accepted,
            "new-unit",
            Level.WARNING,
            "a unit that no accepted drop has; it is taken, and forecast once its reference is "
            "full",
            "nothing to do if it is new; else correct the code in the next drop",
            each=True,
        ),
    )


def repeat_rules(identical: bool) -> tuple[Rule, ...]:
    """Rows of one municipality in one file: identical ones keep the first, conflicting
    ones none."""
    if identical:
        expectation = gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["file", "unit_id", "fingerprint"]
        )
        return (
            Rule(
                expectation,
                "duplicate-row",
                Level.ERROR,
                "the row repeats an earlier one; the first is kept",
                "deliver each municipality once",
                quarantine=True,
                keep_first=True,
            ),
        )
    expectation = gxe.ExpectCompoundColumnsToBeUnique(column_list=["file", "unit_id"])
    return (
        Rule(
            expectation,
            "conflicting-rows",
            Level.ERROR,
            "several rows of one municipality differ; none is used",
            "deliver each municipality once, with the right values",
            quarantine=True,
        ),
    )


def scene_rules(units: list[str]) -> tuple[Rule, ...]:
    """Image files. `units`: municipalities of the clean tables."""
    ours = gxe.ExpectColumnValuesToNotBeInSet(column="problem", value_set=["unknown-file"])
    usable = gxe.ExpectColumnValuesToBeInSet(column="problem", value_set=["", "unknown-file"])
    known = gxe.ExpectColumnValuesToBeInSet(column="unit_or_folder", value_set=units)
    once = gxe.ExpectCompoundColumnsToBeUnique(
        column_list=["received_date", "unit_or_folder", "scene_name"]
    )
    return (
        Rule(
            ours,
            "unknown-file",
            Level.WARNING,
            "not a scene",
            "rename it, or leave it out",
            quarantine=True,
        ),
        Rule(
            usable,
            "unreadable-scene",
            Level.ERROR,
            "the scene cannot be used",
            "deliver it again",
            quarantine=True,
        ),
        Rule(
            known,
            "unknown-municipality",
            Level.ERROR,
            "scenes of a municipality that the table does not have",
            "name the folder by the municipality's code, or deliver its row",
            quarantine=True,
        ),
        Rule(
            _between("days_since", 0, None),
            "scene-from-the-future",
            Level.ERROR,
            "the scene's date is after the day it was received",
            "correct the date in the file name",
            quarantine=True,
        ),
        Rule(
            once,
            "duplicate-scene",
            Level.ERROR,
            "a second file of the same municipality and date; the first is used",
            "deliver one file a date",
            quarantine=True,
            keep_first=True,
        ),
    )


def scene_share_rules(config: DataConfig) -> tuple[Rule, ...]:
    """Shares over a drop's readable scenes."""
    most = config.max_blank_share
    return (
        Rule(
            _between("blank_share", 0, most),
            "blank-share",
            Level.WARNING,
            f"blank, more than the {most:.0%} allowed",
            "ask the provider; blank scenes count as missing",
        ),
        Rule(
            _between("n_saturated", 0, 0),
            "saturated-scenes",
            Level.INFO,
            "mostly white (cloud); they count as missing",
            "nothing to do",
        ),
        Rule(
            _between("n_repeated", 0, 0),
            "repeated-content",
            Level.INFO,
            "pixels equal an earlier scene of the municipality; age counts from the first",
            "nothing to do",
        ),
    )


def calendar_rules() -> tuple[Rule, ...]:
    """Weeks and months that should be there, one row each."""
    return (
        Rule(
            _between("n_reporting", 1, None),
            "week-gap",
            Level.WARNING,
            "missing for every municipality",
            "deliver what is missing in the next drop; until then it is missing, not 0",
        ),
        Rule(
            _between("reporting_share", MIN_REPORTING_SHARE, None),
            "thin-week",
            Level.WARNING,
            "most municipalities have no count yet",
            "deliver the week again when reports are in",
        ),
    )


def climate_cover_rules() -> tuple[Rule, ...]:
    """Municipalities without any climate."""
    return (
        Rule(
            _between("n_months", 1, None),
            "no-climate",
            Level.WARNING,
            "the municipality has no climate at all; its covariates are missing",
            "deliver its climate if there is any",
            each=True,
        ),
    )


def drift_rules() -> tuple[Rule, ...]:
    """Measures against the last accepted version, one row each, with its own limit."""
    expectation = gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="limit", column_B="measure", or_equal=True
    )
    return (
        Rule(
            expectation,
            "drift",
            Level.WARNING,
            "drift",
            "compare the drop with its source before relying on it",
            each=True,
        ),
    )


class Suite:
    """Runs checks in one ephemeral GX context and keeps every result. Not for use by two
    threads."""

    def __init__(self) -> None:
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        frames = self._context.data_sources.add_pandas("drops").add_dataframe_asset("frames")
        self._batch = frames.add_batch_definition_whole_dataframe("all")
        self._judged: list[tuple[Any, Any]] = []  # suite and result of each check, in order
        self._results: list[dict[str, Any]] = []
        self.broken: list[Issue] = []  # checks that GX could not make

    def run(self, name: str, frame: pd.DataFrame, rules: tuple[Rule, ...]) -> list[Finding]:
        """Misses of each rule on a frame with index 0..n-1; `name` is unique within the suite."""
        if frame.empty:
            return []
        for rule in rules:
            rule.expectation.meta = {"code": rule.code, "level": rule.level.value}
            rule.expectation.severity = _SEVERITY[rule.level]
        expected = gx.ExpectationSuite(name=name, expectations=[r.expectation for r in rules])
        judge = judge_of(self._batch, frame, [r.expectation for r in rules])
        result = judge.validate_expectation_suite(expected)
        self._complete(judge, result, rules)
        self._judged.append((expected, result))
        self._results.append(
            {
                "check": name,
                "success": bool(result.success),
                "results": [summary(r) for r in result.results],
            }
        )
        known = {(rule.expectation.expectation_type, rule.code): rule for rule in rules}
        by_code = [(r, known[which(r)]) for r in result.results]
        return [f for r, rule in by_code if (f := self._finding(name, frame, r, rule))]

    def _complete(self, judge: Any, result: Any, rules: tuple[Rule, ...]) -> None:
        """Ask again for every cell of what was missed: what was met costs half without them."""
        missed = {which(r) for r in result.results if not r.success}
        asked = [r.expectation for r in rules if (r.expectation.expectation_type, r.code) in missed]
        if asked:
            suite = gx.ExpectationSuite(name="missed", expectations=asked)
            judge.result_format = {"result_format": "COMPLETE"}
            whole = judge.validate_expectation_suite(suite)
            again = {which(r): r for r in whole.results}
            result.results = [again.get(which(r), r) for r in result.results]

    def _finding(self, name: str, frame: pd.DataFrame, result: Any, rule: Rule) -> Finding | None:
        if result.success:
            return None
        index = result.result.get("unexpected_index_list")
        if index is None:  # fail closed: a check that could not be made has not been passed
            self.broken.append(
                issue(
                    Level.CRITICAL,
                    "check-failed",
                    f"the check {rule.code} on {name} could not be made",
                    name,
                    "see gx_results.json; report this as a defect",
                )
            )
            return None
        rows = frame.loc[sorted(index)]
        if rule.keep_first:
            rows = rows[rows.duplicated(rule.expectation.column_list, keep="first")]
        return Finding(rule, rows)

    def write(self, out: Path) -> None:
        """Write gx_results.json and Data Docs (data_docs/index.html) to a folder."""
        docs = out / "data_docs"
        shutil.rmtree(docs, ignore_errors=True)
        self._store()
        self._context.add_data_docs_site(site_name="denguard", site_config=site_config(docs))
        self._context.build_data_docs(site_names=["denguard"])
        leave_what_is_shown(docs)
        write_json(out / "gx_results.json", {"checks": self._results})

    def _store(self) -> None:
        """Put what was judged where Data Docs look for it; only they need it there."""
        run_id = RunIdentifier(run_time=datetime.now(UTC))
        for suite, result in self._judged:
            self._context.suites.add(suite)
            result.meta |= {"run_id": run_id, "validation_time": run_id.run_time}
            key = identifiers.ValidationResultIdentifier(
                identifiers.ExpectationSuiteIdentifier(suite.name), run_id, result.batch_id
            )
            self._context.validation_results_store.store_validation_results(result, key)
