"""When a bulletin is due, and how old its data may be before an alert."""

from __future__ import annotations

from pydantic import Field

from pipelines.encoder_config import Frozen

MAIN_SCHEDULE = "0 6 * * 1"  # of the deployment's main line: Mondays, by the place's clock
_OWN_FILES_WEEKS = 8  # a place's own data; the data sets that ship as history end in 2018


class BulletinConfig(Frozen):
    """By when there is a forecast whatever happened, and when its newest week counts as old."""

    deadline_hours: float = Field(
        12.0,
        gt=0,
        le=144,
        description="after the scheduled run: then the champion forecasts from the last "
        "accepted data",
    )
    origin_age_weeks: int | None = Field(
        None,
        ge=0,
        description=(
            "how old the newest known week may be; none = 8 for a place's own files, else never; "
            "0 = never"
        ),
    )

    def oldest_weeks(self, source: str) -> int | None:
        """How old the newest known week may be, None if it may be of any age."""
        if self.origin_age_weeks is not None:
            return self.origin_age_weeks or None
        return _OWN_FILES_WEEKS if source == "files" else None
