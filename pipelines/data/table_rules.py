"""Rules about scenes and about tables as a whole: weeks, climate, shares, what changed."""

from __future__ import annotations

import great_expectations.expectations as gxe

from pipelines.config import DataConfig
from pipelines.contracts import Level
from pipelines.data.suite import Rule, between

MAX_CHANGED_SHARE = 0.02  # of past counts; the newest weeks are revised, years are not


MIN_REPORTING_SHARE = 0.5  # of municipalities, in each of the newest weeks


def scene_rules(units: list[str]) -> tuple[Rule, ...]:
    """Image files. `units`: municipalities of the clean tables."""
    ours = gxe.ExpectColumnValuesToNotBeInSet(column="problem", value_set=["unknown-file"])
    usable = gxe.ExpectColumnValuesToBeInSet(column="problem", value_set=["", "unknown-file"])
    known = gxe.ExpectColumnValuesToBeInSet(column="unit_or_folder", value_set=units)
    once = gxe.ExpectCompoundColumnsToBeUnique(
        column_list=["file_group", "unit_or_folder", "scene_name"]
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
            between("days_since", 0, None),
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
            between("blank_share", 0, most),
            "blank-share",
            Level.WARNING,
            f"blank, more than the {most:.0%} allowed",
            "ask the provider; blank scenes count as missing",
        ),
        Rule(
            between("n_saturated", 0, 0),
            "saturated-scenes",
            Level.INFO,
            "mostly white (cloud); they count as missing",
            "nothing to do",
        ),
        Rule(
            between("n_repeated", 0, 0),
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
            between("n_reporting", 1, None),
            "week-gap",
            Level.WARNING,
            "missing for every municipality",
            "deliver what is missing in the next drop; until then it is missing, not 0",
        ),
        Rule(
            between("reporting_share", MIN_REPORTING_SHARE, None),
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
            between("n_months", 1, None),
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
