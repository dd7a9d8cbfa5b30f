"""What validation found, and when that stops a run."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.plausible.assess import Assessment
from pipelines.data.tables import Tables
from pipelines.errors import ValidationStopped
from pipelines.words import counted


@dataclass(frozen=True)
class ValidationResult:
    """What validation found.

    Attributes:
        issues: worst first.
        tables: clean tables of what was accepted; of no use if `critical`.
        quarantine: what was left out: file, row (header = 1; 0 = the whole file), column, value,
            reason; what several drops repeat once, with the newest.
        revised: counts that a later drop changed or withdrew, see drift.revisions.
        assessment: what is doubted, with people's answers.
    """

    issues: tuple[Issue, ...]
    tables: Tables
    quarantine: pd.DataFrame
    revised: pd.DataFrame
    assessment: Assessment

    @property
    def critical(self) -> bool:
        return any(i.level is Level.CRITICAL for i in self.issues)


def raise_if_critical(result: ValidationResult) -> None:
    """Stop a run. Raises ValidationStopped listing every critical issue with its place and fix."""
    found = [i for i in result.issues if i.level is Level.CRITICAL]
    if found:
        listed = "; ".join(f"[{i.code}] {i.place}: {i.message} -> {i.fix}" for i in found)
        raise ValidationStopped(
            f"{counted(len(found), 'critical data issue')}: {listed}",
            where=", ".join(dict.fromkeys(i.place for i in found)),
            fix="do what is said after each arrow; nothing downstream was changed",
        )
