"""Rules of cells, rows and codes: what incoming data must be like, and what a miss means."""

from __future__ import annotations

import great_expectations.expectations as gxe

from pipelines.cell_limits import HIGH_RAIN_MM, PER_KM2, PERCENT, RAIN_MM, TEMP_C
from pipelines.codes import UnitCodes
from pipelines.config import DataConfig, Limits
from pipelines.contracts import Level
from pipelines.data.raw import NUMBER
from pipelines.data.suite import Rule, between

OWN_NUMBERS = (-1e30, 1e30)  # what a place declares itself; models read single precision
MIN_RAIN_CELLS = 10  # of a file, to judge its usual rainfall by
THOUSANDS = r"^[+-]?[0-9]{1,3}(?:\.[0-9]{3})+$"
_CORRECT = (
    "correct the value at its origin and deliver it in the next drop; until then it is treated as "
    "missing"
)


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
            between("number", 0, None),
            "negative-cases",
            Level.ERROR,
            "a count below 0",
            _CORRECT,
            quarantine=True,
        ),
        Rule(
            between("number", None, most),
            "absurd-cases",
            Level.ERROR,
            f"more than {most:,} cases in a week",
            f"{_CORRECT}, or raise data.max_weekly_cases",
            quarantine=True,
        ),
        Rule(
            between("fraction", 0, 0),
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
            between("number", low, high),
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
            between("usual", usual, None),
            "rainfall-unit",
            Level.ERROR,
            f"half of the file's new rainfall is under {usual:g} mm a month: metres or inches?",
            "deliver mm a month; the file's new rainfall is left out until then",
            quarantine=True,
        ),
        Rule(
            between("number", low, high),
            "absurd-rainfall",
            Level.ERROR,
            f"outside {low:.0f}..{high:.0f} mm a month",
            f"deliver mm a month; {_CORRECT}",
            quarantine=True,
        ),
        Rule(
            between("number", None, HIGH_RAIN_MM),
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
            between("positive", low, None),
            "tiny-population",
            Level.ERROR,
            f"fewer than {low:,} persons in a unit",
            f"deliver persons, not thousands and not cases; {_CORRECT}",
            quarantine=True,
        ),
        Rule(
            between("number", 0, high),
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
            between("number", low, high),
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
            between("number", low, high),
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
