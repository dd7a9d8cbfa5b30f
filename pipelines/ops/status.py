"""The state of a deployment, gathered from files: run, forecast, champion, lock, open alerts.

Works with Airflow and MLflow down.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.config import DeploymentPaths, load_profile, time_zone_of
from pipelines.errors import DenguardError, StoreError
from pipelines.evaluate.decision_log import Since, since_promotion
from pipelines.ops import alerts
from pipelines.ops.held import waiting_words
from pipelines.ops.runs import QUIET_AFTER, RunView, newest_run, view
from pipelines.ops.taken_back import learnt_from_withdrawn
from pipelines.ops.watch import Verdict, check_lateness
from pipelines.registry.audit import read_trail
from pipelines.run import run_folder
from pipelines.run.adopted import read_adopted
from pipelines.run.lock import holder
from pipelines.run.lock_file import LockOwner
from pipelines.run.outputs import SnapshotOutput
from pipelines.storage import read_json


@dataclass(frozen=True)
class Status:
    """What a person asks first.

    Attributes:
        run: None if nothing ever ran here.
        champion: {version, bundle_id, origin_week, since, action, by, reason,
            learnt_from_withdrawn}, None if none serves.
        promotion: weeks since the gate last promoted, and why it kept the champion since; None if
            never.
        open_alerts: conditions that people were alerted to and that are not over, in words.
        held: causes of held values that wait for an answer, in words; "" if none does.
        waiting: alerts that a channel has not got yet.
        adopted: encoders taken up and how far they are, in words; "" if none is.
        services: component -> whether it runs; empty if none was started on this machine.
    """

    now: datetime
    run: RunView | None
    holder: LockOwner | None
    verdict: Verdict
    champion: dict[str, Any] | None
    promotion: Since | None
    open_alerts: tuple[str, ...]
    held: str
    waiting: int
    adopted: str
    services: dict[str, bool]

    @property
    def zone(self) -> ZoneInfo:
        """The clock by which times are shown: that of the run's place."""
        return time_zone_of(self.run.profile) if self.run else ZoneInfo("UTC")

    @property
    def quiet(self) -> bool:
        """A run holds the lock, but gave no sign of life for long."""
        return (
            self.run is not None
            and self.run.state == "running"
            and self.now - self.run.last_sign > QUIET_AFTER
        )

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody must act; a deployment where nothing ever ran needs nobody."""
        if self.run is None:
            return False
        bad = self.run.state in {"failed", "silent"} or self.quiet
        late = self.verdict.late and self.run.state != "running"
        return bad or late or not all(self.services.values())

    def to_json(self) -> dict[str, Any]:
        """JSON-able, ISO times."""
        return {
            "at": self.now.isoformat(timespec="seconds"),
            "needs_a_person": self.needs_a_person,
            "run": self.run and {**_run_json(self.run), "quiet": self.quiet},
            "at_work": asdict(self.holder) if self.holder else None,
            "forecast": self.verdict.facts(),
            "champion": self.champion,
            "promotion": asdict(self.promotion) if self.promotion else None,
            "held": self.held or None,
            "adopted": self.adopted or None,
            "alerts": {"open": list(self.open_alerts), "waiting": self.waiting},
            "services": self.services,
        }


def _run_json(run: RunView) -> dict[str, Any]:
    """The run for machines, under the keys of the first version: a step is a box there."""
    boxes = [
        {
            "step": step.name,
            "state": step.state,
            "parts": step.counted,
            "progress": step.progress,
            "said": step.summary,
        }
        for step in run.steps
    ]
    return {
        "run_id": run.run_id,
        "state": run.state,
        "params": run.params,
        "lease": run.owner and asdict(run.owner),
        "last_sign": run.last_sign.isoformat(timespec="seconds"),
        "boxes": boxes,
        "failure": run.failure and run.failure.to_json(),
        "decision": run.decision,
        "origin_week": run.origin_week,
        "report": run.report,
    }


def gather(
    paths: DeploymentPaths, run_id: str | None, now: datetime, services: dict[str, bool]
) -> Status:
    """Read everything; `run_id` None = the run that was started last.

    Raises:
        StoreError: no run of that name, or a damaged file of it.
    """
    chosen = run_id or newest_run(paths)
    seen = view(paths, chosen, now) if chosen else None
    alerted = alerts.load(paths) if (paths.artifacts / "alerts" / "state.json").is_file() else None
    verdict = check_lateness(paths, now)
    return Status(
        now=now,
        run=seen,
        holder=holder(paths, now),
        verdict=verdict,
        champion=champion(paths),
        promotion=since_promotion(paths),
        open_alerts=open_alerts(alerted, verdict.late),
        held=waiting_words(paths),
        waiting=len(alerted.pending) if alerted else 0,
        adopted=adopted(paths, seen.profile) if seen else "",
        services=services,
    )


def adopted(paths: DeploymentPaths, profile: str) -> str:
    """Encoders that a profile's runs take up, in words; what cannot be read is said as such."""
    try:
        return read_adopted(paths, load_profile(profile).model_name).words()
    except DenguardError as err:
        return f"not known: {err}"


def open_alerts(alerted: alerts.State | None, late_now: bool) -> tuple[str, ...]:
    """Conditions that people were alerted to and do not know to be over, in words."""
    if alerted is None:
        return ()
    over = "" if late_now else " (it is not late any more; the next denguard watch sends that)"
    late = [f"forecast late: {alerted.late['why']}{over}"] if alerted.late else []
    failed = []
    if red := alerted.failed:
        failed = [f"run {red['run_id']} failed at {red['step']}: {red['cause']}"]
    fallback = []
    if alerted.fallback:
        what, why = alerted.fallback["data_state"], str(alerted.fallback["why"])
        known = (
            alerted.failed and str(alerted.failed["cause"]) in why
        )  # it stands before it already
        fallback = [
            f"forecast {what}, up to {alerted.fallback['data_until']}"
            if known
            else f"forecast {what}: {why}"
        ]
    return (*late, *failed, *fallback)


def champion(paths: DeploymentPaths) -> dict[str, Any] | None:
    """Who serves since when, by the audit of alias moves (the registry itself may be down)."""
    entries = read_trail(paths).entries
    if not entries or entries[-1].get("to_version") is None:
        return None
    newest = entries[-1]
    return {
        "version": newest["to_version"],
        "bundle_id": newest["bundle_id"],
        "origin_week": _origin_week(paths, newest),
        "since": newest["at"],
        "action": newest["action"],
        "by": newest["by"],
        "reason": newest["reason"],
        "learnt_from_withdrawn": learnt_from_withdrawn(paths, str(newest["bundle_id"])),
    }


def _origin_week(paths: DeploymentPaths, entry: dict[str, Any]) -> str | None:
    """Newest week of the data that the champion was made from."""
    try:
        if entry.get("run_id") and entry["action"] == "promote":
            return SnapshotOutput.read(run_folder(paths, entry["run_id"])).as_of_week
        meta: Any = read_json(
            paths.artifacts / "bundles" / str(entry["bundle_id"]) / "bundle.json"
        )["meta"]
        return str(meta["as_of_week"])
    except (StoreError, DenguardError, KeyError, TypeError):
        return None
