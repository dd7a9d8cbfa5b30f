"""Is this week's forecast late? The one question of a watchdog, answered from files and the clock.

Ways to be late: nothing was produced (the newest finished forecast is older than a cycle and its
grace), it was made without this week's data, a drop arrived and no forecast knows it, there
is no champion, or the newest week is old by the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pipelines.config import DeploymentPaths, load_profile
from pipelines.errors import DenguardError, StoreError
from pipelines.ops.fallbacks import Fallback, newest_fallback
from pipelines.ops.runs import RunView, newest_run, view
from pipelines.ops.taken_back import taken_back
from pipelines.registry.audit import read_trail
from pipelines.run import run_folder
from pipelines.run.outputs import IngestOutput
from pipelines.run.progress import spell
from pipelines.run.success import LastSuccess, last_success
from pipelines.run.withdrawn import withdrawn
from pipelines.storage import read_json
from pipelines.words import counted

MAX_AGE_DAYS = 8  # a week, and a day of grace
CLOCK_TOLERANCE = timedelta(minutes=5)
_LOOK = "denguard status shows the state of the cycle; start one in Airflow or with denguard run"


@dataclass(frozen=True)
class Verdict:
    """What the watchdog found.

    Attributes:
        why: reasons why it is late, empty if it is not.
        fix: what to do about the first of them.
        success: the newest finished forecast, or None.
        failed: the newest run, if it failed.
        fallback: the forecast that was made in place of a finished run's, if none has finished
            since.
    """

    why: tuple[str, ...]
    fix: str
    success: LastSuccess | None
    failed: RunView | None
    age: timedelta | None = None
    fallback: Fallback | None = None

    @property
    def late(self) -> bool:
        """Whether somebody must act."""
        return bool(self.why)

    def facts(self) -> dict[str, Any]:
        """For alerts and JSON."""
        found = self.success
        return {
            "late": self.late,
            "why": "; ".join(self.why),
            "fix": self.fix,
            "run_id": found.run_id if found else None,
            "origin_week": found.origin_week if found else None,
            "forecast_version": found.forecast_version if found else None,
            "finished_at": found.finished_at if found else None,
            "same_week_since": found.same_week_since if found else None,
            "fallback": self.fallback,
        }

    def words(self) -> str:
        """line(), and the newest run's failure if that alone is wrong."""
        failed = self.failed
        if self.late or failed is None or failed.failure is None:
            return self.line()
        failure = failed.failure
        return (
            f"{self.line()}; but run {failed.run_id} failed at step {failure.step}: "
            f"{failure.cause.rstrip('.')}. What to do: {failure.fix.rstrip('.')}."
        )

    def line(self) -> str:
        """One line for a log."""
        if self.late:
            return f"LATE: {'; '.join(self.why)}. What to do: {self.fix}."
        made = self.success
        assert made is not None  # nothing to show is a reason to be late
        return (
            f"on time: forecast {made.forecast_version} of origin week {made.origin_week} was "
            f"finished {_ago(self.age)} by run {made.run_id}{again(made)}"
        )


def check_lateness(
    paths: DeploymentPaths,
    now: datetime,
    max_age_days: float = MAX_AGE_DAYS,
    max_origin_age_weeks: int | None = None,
) -> Verdict:
    """Whether the newest forecast is late at a moment, and why.

    Args:
        now: with its time zone.
        max_age_days: a cycle and its grace; also how long a drop may lie unread.
        max_origin_age_weeks: how old the newest known week may be; None = as the profile says.
    """
    failed, fallback = _failed(paths, now), newest_fallback(paths)
    try:
        made = last_success(paths)
    except StoreError as err:
        return Verdict((f"{err.what} ({err.where})",), err.fix, None, failed, fallback=fallback)
    why = [*_instead(fallback), *_no_champion(paths)]
    if made is None:
        return Verdict(
            ("no forecast was ever made here", *why) if not fallback else tuple(why),
            _fix(failed, why),
            None,
            failed,
            fallback=fallback,
        )
    limit, age = timedelta(days=max_age_days), now - made.when
    if age > limit:
        why.append(
            f"the newest {'finished ' if fallback else ''}forecast, of origin week "
            f"{made.origin_week}, was finished {_ago(age)}, and {max_age_days:g} days are allowed"
        )
    if -age > CLOCK_TOLERANCE:
        why.append(
            f"the newest forecast claims to be finished at {made.finished_at}, in the future: "
            "this clock or that of the machine that made it is wrong"
        )
    if (drop := _unread_drop(paths, made, now, limit)) is not None:
        why.append(
            f"drop {drop} lies there for more than {max_age_days:g} days and no forecast knows it"
        )
    why += taken_back(paths, made.forecast_version, _known_drops(paths, made.run_id))
    weeks = (now.date() - made.known_until).days // 7
    allowed = oldest_weeks(paths, made) if max_origin_age_weeks is None else max_origin_age_weeks
    if allowed is not None and weeks > allowed:
        why.append(
            f"the newest week that a forecast knows, {made.origin_week}, ended "
            f"{counted(weeks, 'week')} ago: no newer data arrived"
        )
    return Verdict(tuple(why), _fix(failed, why) if why else "", made, failed, age, fallback)


def oldest_weeks(paths: DeploymentPaths, made: LastSuccess) -> int | None:
    """How old the newest known week may be, by the profile that made a forecast; None = of
    any age."""
    try:
        params: Any = read_json(run_folder(paths, made.run_id) / "run.json")
        profile = load_profile(str(params["profile"]))
    except (DenguardError, KeyError):  # the run's folder or its profile is not here any more
        return None
    return profile.bulletin.oldest_weeks(profile.data.source)


def again(made: LastSuccess) -> str:
    """Words for a forecast of a week that a run had forecast before; "" for a new week."""
    if not made.same_week_since:
        return ""
    return f": the same week forecast again, first on {made.same_week_since[:10]}"


def _instead(fallback: Fallback | None) -> list[str]:
    if fallback is None:
        return []
    note = f", and was {fallback['withdrawn']}" if fallback["withdrawn"] else ""
    return [f"the newest forecast is {fallback['data_state']}{note}: {fallback['why']}"]


def _no_champion(paths: DeploymentPaths) -> list[str]:
    """Where one served before; without any the run's report says why nothing serves."""
    entries = read_trail(paths).entries
    if not entries or entries[-1].get("to_version") is not None:
        return []
    last = entries[-1]
    return [f"no champion serves since {last['at']} ({last['action']} by {last['by']})"]


def _unread_drop(
    paths: DeploymentPaths, made: LastSuccess, now: datetime, limit: timedelta
) -> str | None:
    """The newest drop, if the forecast does not know it although it had the time to."""
    withdrawn_drops = withdrawn(paths, "drop")
    drops = {
        p.name: p
        for p in paths.drops.glob("*")
        if p.is_dir() and _day(p.name) and p.name not in withdrawn_drops
    }
    known = _known_drops(paths, made.run_id)
    newest = max(drops, default=None)
    if newest is None or known is None or newest in known:
        return None
    received = datetime.combine(date.fromisoformat(newest[:10]), time(), UTC)
    here = datetime.fromtimestamp(drops[newest].stat().st_mtime, UTC)  # copied in later, perhaps
    return newest if now - max(received, here) > limit else None


def _known_drops(paths: DeploymentPaths, run_id: str) -> set[str] | None:
    """Names of the drops that a run was made from; None if its folder was removed."""
    try:
        return IngestOutput.read(run_folder(paths, run_id)).dates
    except DenguardError:
        return None


def _failed(paths: DeploymentPaths, now: datetime) -> RunView | None:
    run_id = newest_run(paths)
    try:
        seen = view(paths, run_id, now) if run_id else None
    except DenguardError:  # a damaged run must not silence the watchdog
        return None
    return (
        seen if seen is not None and seen.failure and seen.state in {"failed", "silent"} else None
    )


def _fix(failed: RunView | None, why: Sequence[str]) -> str:
    """What to do; the cause of a failed run is in it unless the reasons have it already."""
    if failed is None or failed.failure is None:
        return _LOOK
    failure = failed.failure
    cause = failure.cause.rstrip(".")
    if any(cause in reason for reason in why):
        return failure.fix
    return f"run {failed.run_id} failed at step {failure.step}: {cause}; {failure.fix}"


def _ago(age: timedelta | None) -> str:
    seconds = age.total_seconds() if age else 0.0
    return (
        f"{seconds / 86400:.1f} days ago" if seconds > 172800 else f"{spell(max(seconds, 0))} ago"
    )


def _day(name: str) -> bool:
    try:
        date.fromisoformat(name.partition(".")[0])
    except ValueError:
        return False
    return True
