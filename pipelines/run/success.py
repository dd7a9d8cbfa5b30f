"""The newest forecast that a run finished, artifacts/last_success.json; a watchdog asks for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.storage import read_json, write_json
from pipelines.weeks import CDC, Calendar, require_label


@dataclass(frozen=True)
class LastSuccess:
    """A run that ended with a forecast; `finished_at` is ISO with its offset."""

    run_id: str
    finished_at: str
    origin_week: str
    forecast_version: str
    origin_week_end: str = ""  # ISO date; the first version, whose weeks were the CDC's, wrote none
    same_week_since: str = ""  # when a run first finished a forecast of this origin week, "" if now

    @property
    def when(self) -> datetime:
        """finished_at as a time."""
        return datetime.fromisoformat(self.finished_at)

    @property
    def known_until(self) -> date:
        """Last day of the origin week."""
        if self.origin_week_end:
            return date.fromisoformat(self.origin_week_end)
        return CDC.week_end(CDC.week_no(self.origin_week))


def record_success(
    paths: DeploymentPaths,
    run_id: str,
    origin_week: str,
    forecast_version: str,
    at: datetime | None = None,
    calendar: Calendar = CDC,
    covers_published_data: bool = False,
) -> bool:
    """Note that a run ended with a forecast, last thing it does; return whether it counts.

    A forecast of an older week than the one noted (a look back with --as-of, a run of last week
    run again) is no weekly forecast.

    Args:
        at: when it finished; None = the clock's time, which stamps this file and nothing else.
        covers_published_data: its week is the newest there is, though older than the one noted:
            what was newer was taken back, or is declared unknown now.
    """
    try:
        before = last_success(paths)
    except StoreError:
        before = None
    if before is not None and origin_week < before.origin_week and not covers_published_data:
        return False
    week_end = calendar.week_end(calendar.week_no(origin_week)).isoformat()
    stamp = (at or datetime.now(UTC)).isoformat(timespec="seconds")
    since = ""
    if before is not None and before.origin_week == origin_week:
        other = before.run_id != run_id  # else this run's own note, of a try that was cut off
        since = before.same_week_since or (before.finished_at if other else "")
    made = LastSuccess(run_id, stamp, origin_week, forecast_version, week_end, since)
    write_json(_file(paths), asdict(made))
    return True


def last_success(paths: DeploymentPaths) -> LastSuccess | None:
    """The newest finished forecast, or None. Raises StoreError if the file is damaged."""
    path = _file(paths)
    if not path.is_file():
        return None
    try:
        found = LastSuccess(**read_json(path))  # type: ignore[arg-type]
        require_label(found.origin_week)
        _ = found.known_until
        if found.when.tzinfo is None:
            raise ValueError("finished_at has no offset")
    except (TypeError, ValueError) as err:
        raise StoreError(
            "the note of the last forecast is damaged",
            where=str(path),
            fix="delete it; the next run writes it anew",
        ) from err
    return found


def _file(paths: DeploymentPaths) -> Path:
    return paths.artifacts / "last_success.json"
