"""Of when the champion is that answers, and since when the registry is away: for all who ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_AT_ONCE = timedelta(minutes=1)  # a registry that is restarted is no news


@dataclass(frozen=True)
class Standing:
    """What is known of the champion that answers.

    Attributes:
        as_of: when the registry last named it, UTC; None before there is one.
        away_since: first look in a row that the registry did not answer; None while it does.
        stale_after: age of `as_of` from which on the champion is called stale.
    """

    as_of: datetime | None
    away_since: datetime | None
    stale_after: timedelta

    def stale(self, now: datetime) -> bool:
        """Whether so long nobody confirmed it that another one may serve elsewhere. It answers all
        the same."""
        return self.as_of is not None and now - self.as_of > self.stale_after

    def note(self, now: datetime) -> str:
        """What an answer says of it; "" while it was confirmed just now."""
        if self.as_of is None or now - self.as_of < _AT_ONCE:
            return ""
        why = (
            f"registry not reachable since {_text(self.away_since)}"
            if self.away_since
            else "the registry does not name it since"
        )
        stale = "stale: " if self.stale(now) else ""
        return f"{stale}champion as of {_text(self.as_of)}, {why}"

    def facts(self, now: datetime) -> dict[str, str | bool | None]:
        """For GET /model and GET /health/ready."""
        return {
            "champion_as_of": _text(self.as_of) if self.as_of else None,
            "registry_away_since": _text(self.away_since) if self.away_since else None,
            "stale": self.stale(now),
        }


def _text(when: datetime) -> str:
    return when.isoformat(timespec="seconds")
