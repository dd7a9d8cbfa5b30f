"""Rules asked of frames by Great Expectations, what they found, and the pages it writes of them.

Every frame has the columns file, row, column, unit_id, value, so that a miss can be named.
GX is asked for COMPLETE results of what was missed: the index of each value leads back to its cell.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types import resource_identifiers as identifiers

from pipelines.contracts import Issue, Level
from pipelines.data.added_checks import add_earlier, count_successes
from pipelines.data.docs_site import leave_what_is_shown, site_config
from pipelines.data.gx_results import summary, which
from pipelines.data.gx_validator import frame_asked_about, validator_of
from pipelines.data.kept_checks import KeptChecks
from pipelines.data.raw import issue
from pipelines.storage import write_json

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


def between(column: str, low: float | None, high: float | None) -> Any:
    """A column's numbers lie within bounds, None = without one."""
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high)


class Suite:
    """Runs checks in one ephemeral GX context and keeps every result. Not for use by two
    threads.

    Args:
        kept: folder of what checks found in earlier runs; None = make every one.
    """

    def __init__(self, kept: Path | None = None) -> None:
        self._kept = KeptChecks(kept)
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        frames = self._context.data_sources.add_pandas("drops").add_dataframe_asset("frames")
        self._batch = frames.add_batch_definition_whole_dataframe("all")
        self._checked: list[tuple[Any, Any]] = []  # suite and result of each check, in order
        self._results: list[dict[str, Any]] = []
        self.broken: list[Issue] = []  # checks that GX could not make

    def run(
        self, name: str, frame: pd.DataFrame, rules: tuple[Rule, ...], n_before: int = 0
    ) -> list[Finding]:
        """Misses of each rule on a frame with index 0..n-1; `name` is unique within the suite.

        Args:
            n_before: so many first rows may have been checked in an earlier run already: only for
                rules that look at each row by itself.
        """
        if frame.empty:
            return []
        for rule in rules:
            rule.expectation.meta = {"code": rule.code, "level": rule.level.value}
            rule.expectation.severity = _SEVERITY[rule.level]
        expected = gx.ExpectationSuite(name=name, expectations=[r.expectation for r in rules])
        result = self._result(name, frame, expected, rules, n_before)
        self._checked.append((expected, result))
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

    def _result(
        self, name: str, frame: pd.DataFrame, expected: Any, rules: Sequence[Rule], n_before: int
    ) -> Any:
        """What GX found, now or when the same was asked before."""
        asked = [rule.expectation for rule in rules]
        looked_at = frame_asked_about(frame, asked)
        place, *before = self._kept.places(name, looked_at, asked, [n_before] if n_before else [])
        result = self._kept.find(place)
        if result is None:
            earlier = self._kept.find(before[0]) if before else None
            new = looked_at if earlier is None else looked_at[n_before:].reset_index(drop=True)
            validator = validator_of(self._batch, new, asked)
            result = validator.validate_expectation_suite(expected)
            if earlier is not None:
                add_earlier(earlier, result)
            self._complete(frame, None if earlier else validator, result, rules)
            self._kept.keep(place, result)
        return result

    def _complete(
        self, frame: pd.DataFrame, validator: Any, result: Any, rules: Sequence[Rule]
    ) -> None:
        """Ask again for every cell of what was missed: what was met costs half without them.

        Args:
            validator: what answers for the frame; None = none that knows all of its rows.
        """
        missed = {which(r) for r in result.results if not r.success}
        asked = [r.expectation for r in rules if (r.expectation.expectation_type, r.code) in missed]
        if asked:
            suite = gx.ExpectationSuite(name="missed", expectations=asked)
            validator = validator or validator_of(self._batch, frame, asked)
            validator.result_format = {"result_format": "COMPLETE"}
            whole = validator.validate_expectation_suite(suite)
            again = {which(r): r for r in whole.results}
            result.results = [again.get(which(r), r) for r in result.results]
            count_successes(result)

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
        self._kept.note_used()

    def _store(self) -> None:
        """Put what was judged where Data Docs look for it; only they need it there."""
        run_id = RunIdentifier(run_time=datetime.now(UTC))
        for suite, result in self._checked:
            self._context.suites.add(suite)
            result.meta |= {"run_id": run_id, "validation_time": run_id.run_time}
            key = identifiers.ValidationResultIdentifier(
                identifiers.ExpectationSuiteIdentifier(suite.name), run_id, result.batch_id
            )
            self._context.validation_results_store.store_validation_results(result, key)
