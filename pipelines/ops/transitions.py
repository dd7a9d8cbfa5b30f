"""What changed since the last alerts: late, failed, recovered, no data, another champion."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import DenguardError, StoreError
from pipelines.ops.fallbacks import newest_fallback
from pipelines.ops.held import in_one_alert, looks_high, read_waiting_causes
from pipelines.ops.runs import RunView, newest_run, view
from pipelines.ops.watch import Verdict, oldest_weeks
from pipelines.registry.audit import read_trail
from pipelines.run.success import last_success

log = logging.getLogger(__name__)
_A_CYCLE = timedelta(days=6)  # a run after a correction in the same week is no news
_SURELY_OVER = timedelta(minutes=15)
Facts = Mapping[str, Any]
Transition = tuple[str, dict[str, Any]]  # kind of an alert, facts for its words


@dataclass
class State:
    """What people were alerted to.

    Attributes:
        late: facts of the lateness that is open, or None.
        failed: facts of the failure that is open, or None.
        audit_seq: newest audit entry that went into an alert; None = none yet.
        fallback: event of the forecast in place of a finished run's that is open, or None.
        same_week: origin week that an alert said was forecast again.
        held: causes that were in an alert and wait for an answer.
        firing: id of each alert of Prometheus' rules that was sent and still fires -> its facts.
        pending: [{alert, channels that have not got it}].
    """

    late: dict[str, Any] | None = None
    failed: dict[str, Any] | None = None
    audit_seq: int | None = None
    fallback: dict[str, Any] | None = None
    same_week: str | None = None
    held: list[str] = field(default_factory=list)
    firing: dict[str, Facts] = field(default_factory=dict)
    pending: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As state.json holds it."""
        return asdict(self)


def transitions(
    paths: DeploymentPaths,
    state: State,
    verdict: Verdict | None,
    now: datetime,
    firing: Mapping[str, Facts] | None = None,
) -> list[Transition]:
    """Compare, note the new state in `state`, and return what people must be alerted to.

    Args:
        firing: id -> facts of what Prometheus' rules raise; None = nobody asked, or it is away.
    """
    return [
        *_lateness(state, verdict),
        *_failure(state, _newest(paths, now)),
        *_fallback(paths, state),
        *_same_week(paths, state),
        *_held(paths, state),
        *_champion(paths, state),
        *_monitoring(state, firing, now),
    ]


def _monitoring(
    state: State, firing: Mapping[str, Facts] | None, now: datetime
) -> list[Transition]:
    """Rules that began to fire, and those that ceased to some time ago: a Prometheus that was begun
    anew waits before it raises again what it raised before."""
    if firing is None:
        return []
    found: list[Transition] = [
        ("monitoring", dict(facts)) for at, facts in firing.items() if at not in state.firing
    ]
    gone = {at: facts for at, facts in state.firing.items() if at not in firing}
    state.firing = dict(firing)
    for at, facts in gone.items():
        since = str(facts.get("gone_since") or now.isoformat())
        if now - datetime.fromisoformat(since) >= _SURELY_OVER:
            found.append(("monitoring-over", dict(facts)))
        else:
            state.firing[at] = {**facts, "gone_since": since}
    return found


def _fallback(paths: DeploymentPaths, state: State) -> list[Transition]:
    made, known = newest_fallback(paths), state.fallback
    state.fallback = made
    if made is None:
        return [("fallback-over", known)] if known is not None else []
    same = known is not None and known["forecast_version"] == made["forecast_version"]
    return [] if same else [("fallback", made)]


def _held(paths: DeploymentPaths, state: State) -> list[Transition]:
    """Causes that wait for an answer, once each: what looks too high apart from all else.

    While their list cannot be read none is over, else all would be sent again afterwards.
    """
    try:
        waits = read_waiting_causes(paths)
    except DenguardError as err:
        log.warning("%s", err)
        return []
    new = [one for one in waits if one.cause_id not in state.held]
    state.held = sorted(one.cause_id for one in waits)
    high = [one for one in new if looks_high(one)]
    others = [one for one in new if not looks_high(one)]
    found = (("unconfirmed", high), ("held", others))
    return [(kind, in_one_alert(causes)) for kind, causes in found if causes]


def _same_week(paths: DeploymentPaths, state: State) -> list[Transition]:
    """Once a week of data, and only where new weeks are waited for (bulletin.origin_age_weeks)."""
    try:
        made = last_success(paths)
    except StoreError:
        return []
    if made is None or not made.same_week_since or state.same_week == made.origin_week:
        return []
    old = made.when - datetime.fromisoformat(made.same_week_since) >= _A_CYCLE
    if not old or oldest_weeks(paths, made) is None:
        return []
    state.same_week = made.origin_week
    return [("same-week", asdict(made))]


def _lateness(state: State, verdict: Verdict | None) -> list[Transition]:
    if verdict is None or verdict.late == (state.late is not None):
        return []
    state.late = verdict.facts() if verdict.late else None
    return [("late" if verdict.late else "on-time", verdict.facts())]


def _failure(state: State, run: RunView | None) -> list[Transition]:
    """A run that is still at work is neither: Airflow may try again by itself."""
    if run is None or run.state == "running":
        return []
    known = state.failed
    if run.failure is not None:
        facts = {"run_id": run.run_id, **run.failure.to_json()}
        if known is not None and all(known.get(k) == facts.get(k) for k in ("run_id", "step")):
            return []
        state.failed = facts
        return [("deploy-refused" if _is_refusal(run) else "run-failed", facts)]
    if known is None or run.state != "finished":
        return []
    state.failed = None
    return [("recovered", {"run_id": run.run_id, "failed_run": known["run_id"]})]


def _is_refusal(run: RunView) -> bool:
    """The report step turns a run red that made its forecast, but whose champion was refused."""
    failure = run.failure
    return failure is not None and (failure.step, failure.error) == ("report", "DeployError")


def _champion(paths: DeploymentPaths, state: State) -> list[Transition]:
    """The net change: a promotion that was taken back at once is no change of champion."""
    entries = read_trail(paths).entries
    known = state.audit_seq if state.audit_seq is not None else len(entries) - 1
    state.audit_seq = len(entries)
    new = entries[max(known, 0) :]
    if not new or new[0].get("from_version") == new[-1].get("to_version"):
        return []
    return [(f"champion-{new[-1]['action']}", {**new[-1], "from_version": new[0]["from_version"]})]


def _newest(paths: DeploymentPaths, now: datetime) -> RunView | None:
    try:
        run_id = newest_run(paths)
        return view(paths, run_id, now) if run_id else None
    except DenguardError:  # a damaged file of a run; the other transitions are found all the same
        return None
