"""Who is trained on and who is judged: the split of each protocol, made on the full metadata.

Rows without an image are left out after the split, so that the same rows are judged everywhere.

"paper": random by image, stratified by class, with the reference code's seed. Two parts for
HAM10000 (8,012 / 2,003) and BRSET (13,012 / 3,254), three for SatelliteBench (936 / 312 / 312 of
1,560); best epoch and lambda are then picked on the test part, which is why figures by it are
marked. "safe": forward in time where rows have weeks, else by group (lesion, patient), 60 / 20 / 20
with classes balanced as far as whole groups allow. A week before each judged period is left out,
because neighbouring weeks often see the very same scene.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.arrays import Int64s, Texts
from pipelines.data.splits import embargo_weeks
from pipelines.errors import ConfigError, DropError, LeakageError
from pipelines.paper.leakage import guard_text
from pipelines.paper.study import Part, Study
from pipelines.weeks import CDC

__all__ = ["check_turns", "guard_text", "parts_by_group", "split", "torn_groups"]

SEED = 42
TEST_SHARE = VALIDATION_SHARE = 0.2
_FOLDS = 5  # one for the test part, one for validation, three to train on
THREE_PARTS = ("satellitebench", "satellitebench81")
# SatelliteBench forward in time: first validation week, first test week.
FIRST_VALIDATION, FIRST_TEST = "2017-w27", "2018-w01"


def split(study: Study) -> Texts:
    """(N,) "train", "validation", "test" or "unused" for every row, by the study's protocol.

    A split that the data set itself brings is taken as it is.

    Raises:
        LeakageError: under the safe protocol, the given split tears a group.
        DropError: too few rows, groups or weeks to train and to judge.
    """
    if study.given_split is not None:
        parts = _as_given(study)
    elif study.protocol == "paper":
        parts = _random(study)
    elif (study.rows["week_no"] >= 0).all():
        parts = _forward(study)
    else:
        parts = parts_by_group(study.rows, study.name)
    needed: Sequence[Part] = (
        ("train", "test") if study.protocol == "paper" else ("train", "validation", "test")
    )
    for part in needed:
        if not (parts == part).any():
            raise DropError(
                f"no row is left for {part}",
                where=f"{study.name}, protocol {study.protocol}",
                fix="give more rows, groups or weeks",
            )
    return parts


def check_turns(study: Study, turns: int) -> None:
    """Raises ConfigError where the test part cannot be turned: rows in time, or a given split."""
    in_time = bool((study.rows["week_no"] >= 0).all())
    if turns > 1 and (in_time or study.given_split is not None):
        why = "its rows are split forward in time" if in_time else "it brings its own split"
        raise ConfigError(
            f"the test part cannot take {turns} turns: {why}",
            where=f"{study.name}: tuned.turns",
            fix="set tuned.turns to 1",
        )


def torn_groups(study: Study, parts: Texts) -> list[str]:
    """Groups with rows in more than one of train, validation and test."""
    used = parts != "unused"
    sides = study.rows.loc[used].assign(part=parts[used]).groupby("group_id")["part"].nunique()
    return sorted(str(group) for group in sides[sides > 1].index)


def _as_given(study: Study) -> Texts:
    parts = np.array(study.given_split, dtype=object)
    torn = torn_groups(study, parts) if study.protocol == "safe" else []
    if torn:
        raise LeakageError(
            f"the given split has {len(torn)} groups on two sides",
            where=f"{study.name}: {', '.join(torn[:3])}",
            fix="correct the split column, or leave it out to have one made",
        )
    return parts


def _random(study: Study) -> Texts:
    """The reference code's: scikit-learn, seed 42, a fifth for the test, rounded up."""
    rows = np.arange(len(study))
    parts = np.full(len(study), "train", dtype=object)
    rest, test = _cut(study, rows, TEST_SHARE)
    parts[test] = "test"
    if study.name in THREE_PARTS:
        _, validation = _cut(study, rest, VALIDATION_SHARE / (1 - TEST_SHARE))
        parts[validation] = "validation"
    return parts


def _cut(study: Study, rows: Int64s, share: float) -> tuple[Int64s, Int64s]:
    from sklearn.model_selection import train_test_split

    label = study.rows["label"].to_numpy()[rows]
    per_class = np.unique(label, return_counts=True)[1]
    # One row of a class, or more classes than rows to judge, cannot be stratified: then at random.
    balanced = per_class.min() > 1 and len(per_class) <= np.floor(min(share, 1 - share) * len(rows))
    try:
        rest, taken = train_test_split(
            rows, test_size=share, random_state=SEED, stratify=label if balanced else None
        )
    except ValueError as err:
        raise DropError(
            f"{len(rows)} rows cannot be split", where=study.name, fix="give more rows"
        ) from err
    return rest, taken


def parts_by_group(rows: pd.DataFrame, name: str, turn: int = 0) -> Texts:
    """(N,) parts of whole groups, classes balanced as far as groups allow.

    Args:
        rows: STUDY_COLUMNS of the full metadata.
        turn: which of the five folds is the test part; the next one is for validation. 0 is the
            safe protocol's own split.

    Raises:
        DropError: too few rows or groups.
    """
    parts = np.full(len(rows), "train", dtype=object)
    sides = _group_folds(rows, name)
    parts[sides[turn]], parts[sides[(turn + 1) % _FOLDS]] = "test", "validation"
    return parts


def _group_folds(rows: pd.DataFrame, name: str) -> list[Int64s]:
    from sklearn.model_selection import StratifiedGroupKFold

    label, group = rows["label"].to_numpy(), rows["group_id"].to_numpy()
    if len(np.unique(group)) < _FOLDS:
        raise DropError(
            f"{len(np.unique(group))} groups cannot be split without tearing one",
            where=name,
            fix=f"give rows of at least {_FOLDS} groups",
        )
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=SEED)
    with warnings.catch_warnings():  # a class rarer than the folds is said by n per class already
        warnings.filterwarnings("ignore", message="The least populated class")
        try:
            return [taken for _, taken in folds.split(label, label, group)]
        except ValueError as err:  # every class is rarer than the folds
            raise DropError(
                f"{len(label)} rows are too few to split",
                where=name,
                fix=f"give at least {_FOLDS} rows of some class",
            ) from err


def _forward(study: Study) -> Texts:
    weeks = study.rows["week_no"].to_numpy()
    if study.name in THREE_PARTS:
        validation, test = CDC.week_no(FIRST_VALIDATION), CDC.week_no(FIRST_TEST)
    else:
        validation, test = _last_fifths(study, weeks)
    apart = embargo_weeks(horizon_weeks=0, delay_weeks=0)
    parts = np.full(len(study), "unused", dtype=object)
    parts[weeks < validation - apart] = "train"
    parts[(weeks >= validation) & (weeks < test - apart)] = "validation"
    parts[weeks >= test] = "test"
    return parts


def _last_fifths(study: Study, weeks: Int64s) -> tuple[int, int]:
    """First validation week and first test week of a fifth of the distinct weeks each."""
    distinct = np.unique(weeks)
    fifth = len(distinct) // _FOLDS
    if fifth < 1:
        raise DropError(
            f"{len(distinct)} weeks cannot be split in time",
            where=study.name,
            fix=f"give at least {_FOLDS} weeks",
        )
    return int(distinct[-2 * fifth]), int(distinct[-fifth])
