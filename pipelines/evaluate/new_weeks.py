"""What the newest weeks say of a challenger: the evidence of both questions, gathered when it is
asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from pipelines.config import Profile
from pipelines.data.splits import deploy_cut
from pipelines.evaluate.decision import Candidate, Champion
from pipelines.evaluate.published import published_rows
from pipelines.evaluate.recent import recent_rows
from pipelines.evaluate.refit_changes import (
    PastChanges,
    RefitChange,
    past_changes_of_backtests,
    past_changes_of_refits,
    refit_changes,
)
from pipelines.evaluate.refits import Models, Refits
from pipelines.fusion.examples import Examples


@dataclass(frozen=True)
class NewWeeks:
    """Where the evidence lies. Nothing is read before it is asked for.

    Attributes:
        read: this run's rows of every horizon, labelled or not.
        models_of: a candidate's models; champion_models: those that serve.
        forecasts: folders of what was published, oldest first.
        kept: refits are kept below it.
        read_champions: the same rows with the vectors that the champion reads, if it reads others.
    """

    profile: Profile
    as_of_week: str
    read: Callable[[], Mapping[int, Examples]]
    models_of: Callable[[Candidate], Models]
    champion_models: Callable[[], Models]
    forecasts: Sequence[Path]
    kept: Path
    read_champions: Callable[[], Mapping[int, Examples]] | None = None

    @cached_property
    def rows(self) -> Mapping[int, Examples]:
        """This run's rows, read once."""
        return self.read()

    @property
    def as_of(self) -> int:
        """The newest origin week."""
        return self.profile.calendar.week_no(self.as_of_week)

    def refits(self, candidate: Candidate) -> Refits:
        """The candidate's recipe at past origins."""
        return Refits(self.rows, candidate.head, self.profile, self.kept)

    def recent(
        self,
        refits: Refits,
        candidate: Candidate,
        champion: Champion,
        backtest: pd.DataFrame | None,
    ) -> pd.DataFrame:
        """Rows of the newest weeks, both forecasts side by side; see recent.recent_rows."""
        newest = deploy_cut(self.as_of, self.profile.data.reporting_delay_weeks)
        longest = max(self.profile.evaluate.horizons_weeks)
        since = newest - self.profile.gate.recent_weeks - longest
        published = published_rows(self.forecasts, self.profile.calendar, since)
        if candidate.recipe_id == champion.recipe_id:
            published = published[published["head"] == champion.head]
        return recent_rows(refits, published, backtest, newest)

    def changes(
        self,
        refits: Refits,
        candidate: Candidate,
        champion: Champion,
        backtests: tuple[pd.DataFrame, pd.DataFrame],
    ) -> dict[int, RefitChange]:
        """How far this refit moves this week's rows, beside how far honest ones did.

        Args:
            backtests: rows of the candidate's recipe and of the champion's, every horizon.
        """
        gate = self.profile.gate
        past: dict[int, PastChanges]
        if candidate.recipe_id == champion.recipe_id:
            age = self.as_of - self.profile.calendar.week_no(champion.as_of_week)
            past = past_changes_of_refits(refits, self.as_of, age)
        else:
            past = past_changes_of_backtests(*backtests, self.as_of - gate.recent_weeks)
        week = self._this_week(self.rows)
        theirs = self._this_week(self.read_champions()) if self.read_champions else None
        return refit_changes(
            self.champion_models(), self.models_of(candidate), week, past, gate, theirs
        )

    def _this_week(self, rows: Mapping[int, Examples]) -> dict[int, Examples]:
        return {h: own.take(own.origin_week_no == self.as_of) for h, own in rows.items()}
