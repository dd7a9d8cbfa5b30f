"""Which records count, by the rules that a profile declares: `keep` and `leave_out`.

Whether a discarded or imported case counts is the ministry's decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.arrays import Bools
from pipelines.contracts import Level
from pipelines.data.adapters import InputFile
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.dengue_codes import dengue_beside
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.records import Table, absent, equals

# Columns of the field that say "not a case of here"; counting all of their records must be a
# choice.
_TELLING = {
    "CLASSI_FIN": ("5", "discarded cases", "leave_out: {CLASSI_FIN: ['5']}"),
    "Imported": ("Y", "imported cases", "leave_out: {Imported: [Y]}"),
}


def rule_columns(table: Table) -> list[str]:
    """Columns that the rules, or a warning about a missing one, need. Raises Unreadable for an
    absent one.
    """
    config = table.file.config
    asked = list(dict.fromkeys([*config.keep, *config.leave_out]))
    for name in asked:
        if table.header.count(name) != 1:
            raise stop(
                "missing-column",
                f"column {name!r}, which `keep` or `leave_out` names, is there "
                f"{table.header.count(name)} times",
                f"{table.file.named} row {table.header_row}",
                "correct the rule, or deliver the column",
            )
    return [*asked, *(n for n in _TELLING if n in table.header and n not in asked)]


def counted(draft: Draft, extra_keep: Mapping[str, tuple[str, ...]] | None = None) -> Bools:
    """(N,) records that the rules let count; what they leave out is said, with how many."""
    config, columns = draft.file.config, draft.records.columns
    out: Bools = np.ones(len(draft.records), dtype=bool)
    for name, values in {**(extra_keep or {}), **config.keep}.items():
        out &= _is_one_of(draft, name, values, "keep")
        _name_dengue_left_out(draft, name, values)
    for name, values in config.leave_out.items():
        out &= ~_is_one_of(draft, name, values, "leave_out")
    if n := int((~out & draft.fine).sum()):
        rules = ", ".join(
            [
                *(
                    f"{k} is not {' or '.join(v)}"
                    for k, v in {**(extra_keep or {}), **config.keep}.items()
                ),
                *(f"{k} is {' or '.join(v)}" for k, v in config.leave_out.items()),
            ]
        )
        draft.note(
            Level.INFO,
            "left-out-by-rule",
            f"{n} records do not count: {rules}",
            "nothing to do",
            rows=n,
        )
    for name, (value, what, rule) in _TELLING.items():
        used = name in columns and name not in {**config.keep, **config.leave_out}
        if used and (n := int(equals(columns[name], value).sum())):
            draft.note(
                Level.WARNING,
                "rule-not-declared",
                f"{n} records have {name} = {value} ({what}), and no rule leaves them out: they "
                "are counted",
                f"declare `{rule}` of the input, or `keep: {{{name}: [...]}}`",
                rows=n,
            )
    return out


def _name_dengue_left_out(draft: Draft, name: str, kept: tuple[str, ...]) -> None:
    """Warn of dengue by another code than those kept, unless a rule leaves it out by name."""
    chosen = (*kept, *draft.file.config.leave_out.get(name, ()))
    if others := dengue_beside(draft.records.columns[name][draft.fine], kept, chosen):
        told = ", ".join(f"{code} ({n})" for code, n in others.items())
        draft.note(
            Level.WARNING,
            "dengue-left-out",
            f"{sum(others.values())} records have {name} = {told}: dengue by another code of "
            "ICD-10, which `keep` leaves out, so that its weeks look quiet",
            f"if they are cases, `keep: {{{name}: [{', '.join([*kept, *others])}]}}` of the input; "
            f"else `leave_out: {{{name}: [{', '.join(others)}]}}`, and this is not said again",
            rows=sum(others.values()),
        )


def refuse_rules(file: InputFile) -> None:
    """Raise Unreadable if rules are declared for a layout whose records are no persons or rows."""
    if file.config.keep or file.config.leave_out:
        raise stop(
            "rule-not-used",
            f"the adapter {file.config.adapter!r} has no use for `keep` and `leave_out`",
            file.named,
            "remove them, or filter in the system that the file comes from",
        )


def require_one_of_each(table: Table, columns: Sequence[str], only: Mapping[str, str]) -> None:
    """Raise Unreadable if a column has several values among its records and no `keep` chooses.

    Args:
        only: column -> value of the records that are asked.
    """
    config = table.file.config
    asked = [
        n for n in columns if n in table.header and n not in {**config.keep, **config.leave_out}
    ]
    within = {name: value for name, value in only.items() if name in table.header}
    if not asked:
        return
    records = table.records([*asked, *within])
    used = np.ones(len(records), dtype=bool)
    for name, value in within.items():
        used &= equals(records.columns[name], value)
    for name in asked:
        found = sorted({str(value) for value in records.columns[name][used]})
        if len(found) > 1:
            raise stop(
                "counted-twice",
                f"the file has records of {name} {', '.join(found[:5])}: a case would be counted "
                "more than once",
                table.file.named,
                f"keep one of them: `keep: {{{name}: [{found[-1]}]}}` of the input",
            )


def _is_one_of(draft: Draft, name: str, values: tuple[str, ...], rule: str) -> Bools:
    found: Bools = np.isin(draft.records.columns[name].astype(str), values)
    known = draft.records.columns[name]
    for value in values:
        if not equals(known, value).any():
            draft.note(
                Level.WARNING,
                "rule-matches-nothing",
                f"no record has {name} = {value!r}, which `{rule}` names",
                "correct the rule if the value is written another way",
            )
    return found & ~absent(known)
