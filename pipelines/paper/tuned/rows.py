"""Rows of the tuned table: test rows of all turns pooled, each way against the plain head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.arrays import Int64s, Texts
from pipelines.paper.config import StudyConfig
from pipelines.paper.prepared import Prepared, study_of
from pipelines.paper.scores import ScoreInterval, interval, paired_interval, resampling_groups
from pipelines.paper.tuned.search import ORDER
from pipelines.paper.tuned.train import PLAIN, WAYS, Turn


class Pooled:
    """Labels and groups of the test rows of all turns, in the turns' order."""

    def __init__(self, turns: Sequence[Turn], prepared: Prepared, study: StudyConfig) -> None:
        at = np.concatenate([np.array(turn["test"], dtype=np.int64) for turn in turns])
        rows = study_of(prepared)
        self.turns, self.resamples = turns, study.resamples
        self.label: Int64s = rows.rows["label"].to_numpy(np.int64)[at]
        self.groups: Texts = resampling_groups(rows)[at]

    def predicted(self, way: str) -> Int64s:
        """(S, N) classes that S seeds call, each row by its turn's choice."""
        called = [np.array(turn["ways"][way]["predicted"]) for turn in self.turns]
        return np.concatenate(called, axis=1).astype(np.int64)

    def score(self, way: str) -> ScoreInterval | None:
        """Macro F1, mean over the seeds."""
        return interval(self.label, self.predicted(way), self.groups, "macro_f1", self.resamples)

    def against_plain(self, way: str) -> ScoreInterval | None:
        """Macro F1 above that of the plain head on the same rows."""
        sides = (self.predicted(way), self.predicted(PLAIN))
        return paired_interval(self.label, *sides, self.groups, "macro_f1", self.resamples)


def tuned_rows(
    turns: Sequence[Turn], named: Mapping[str, object], prepared: Prepared, study: StudyConfig
) -> list[dict[str, object]]:
    """One row a way; none if nothing was tuned.

    Args:
        named: approach, title and fusion, as every table has them.
    """
    if not turns:
        return []
    pooled = Pooled(turns, prepared, study)
    return [{**named, **_row(way, pooled)} for way in WAYS if way in turns[0]["ways"]]


def _row(way: str, pooled: Pooled) -> dict[str, object]:
    ways = [turn["ways"][way] for turn in pooled.turns]
    score, against = pooled.score(way), pooled.against_plain(way)
    return {
        "way": way,
        "turns": len(ways),
        "seeds": len(ways[0]["predicted"]),
        "rows": len(pooled.label),
        "groups": len(np.unique(pooled.groups)),
        **{part: [float(one["setting"][part]) for one in ways] for part in ORDER},
        "reasons": [one["reason"] for one in ways],
        "tried": sum(one["tried"] for one in ways),
        "selection_f1": float(np.mean([one["selection_f1"] for one in ways])),
        "f1": score.value if score else None,
        "f1_interval": [score.lower, score.upper] if score else None,
        "difference": None if way == PLAIN else _difference(against),
    }


def _difference(found: ScoreInterval | None) -> dict[str, float | None] | None:
    """None where one group carries no interval."""
    if found is None:
        return None
    return {
        "value": found.value,
        "lower": found.lower,
        "upper": found.upper,
        "groups": found.groups,
        "smallest_shown": found.smallest_shown,
    }
