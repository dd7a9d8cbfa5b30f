"""Every sentence that an alert may say, in one place: what happened, what to do, where to look.

Belongs here: wording. Does not belong here: when an alert is due (transitions.py), sending (channels.py).
"""

from __future__ import annotations

from typing import Any

TITLES = {
    "late": "the weekly forecast is late",
    "on-time": "the weekly forecast is on time again",
    "run-failed": "run {run_id} failed at step {step}",
    "deploy-refused": "run {run_id}: the endpoint did not take the new champion",
    "recovered": "run {run_id} finished; the failure of run {failed_run} is over",
    "fallback": "forecast {data_state}, up to {data_until}",
    "fallback-over": "a run finished this week's forecast; the one {data_state} is superseded",
    "same-week": "week {origin_week} was forecast again: no newer week arrived",
    "unconfirmed": "counts that look too high wait for a word: {counted} in drop {drop}",
    "held": "values are held and wait for a word: {counted} in drop {drop}",
    "champion-promote": "version {to_version} is champion now",
    "champion-rollback": "rolled back: version {to_version} is champion again",
    "champion-undo": "a promotion was taken back: version {to_version} is champion",
    "champion-adopt-rule": "the label rule was changed: no version is champion now",
    "test": "this is a test",
}
BODIES = {
    "late": "{why}\nWhat to do: {fix}\nWhere to look: denguard status",
    "on-time": "The newest forecast is of origin week {origin_week}, made by run {run_id}.",
    "run-failed": "Cause: {cause}\nWhere: {where}\nWhat to do: {fix}\nWhere to look: artifacts/runs/{run_id}/failure.json, denguard status {run_id}",
    "deploy-refused": "The old champion serves and has made this week's forecast.\nCause: {cause}\nWhat to do: {fix}\nWhere to look: denguard status {run_id}, the endpoint's log",
    "recovered": "Nothing is left to do.\nReport: artifacts/reports/{run_id}/report.html",
    "fallback": "The champion (version {model_version}) forecast from the last accepted data, and every row says so.\nWhy: {why}\nWhat to do: correct the cause and run the cycle; what it forecasts supersedes this.\nWhere to look: {page}, denguard status",
    "fallback-over": "Nothing is left to do.",
    "same-week": "Run {run_id} finished; its data end with the week that was first forecast at {same_week_since}.\nWhat to do: find out why no newer data arrived. If these data are history, set bulletin.origin_age_weeks: 0 in the profile.",
    "unconfirmed": "{causes}\nThe forecast is published with them and without them, marked unconfirmed. If they are true, an outbreak may have begun.\nWhat to do: ask the units named, then denguard confirm CAUSE --by NAME --reason TEXT, with --reject if they are wrong.\nWhere to look: denguard confirm CAUSE --show",
    "held": "{causes}\nThey are set aside; units without a usable newest week are published without a forecast.\nWhat to do: ask the units named, then denguard confirm CAUSE --by NAME --reason TEXT, with --reject if they are wrong.\nWhere to look: denguard confirm CAUSE --show",
    "champion-promote": "Before: version {from_version}. By {by}: {reason}\nWhat to do: nothing; denguard rollback returns to the version before.",
    "champion-rollback": "Before: version {from_version}. By {by}: {reason}\nWhat to do: find out what was wrong with version {from_version} before it serves again.",
    "champion-undo": "Before: version {from_version}. By {by}: {reason}\nWhat to do: read why in denguard audit.",
    "champion-adopt-rule": "Before: version {from_version}. By {by}: {reason}\nWhat to do: run the weekly cycle; its candidate is judged as a first champion. Until then there is no forecast, and the endpoint answers by the old rule and says so.",
    "test": "If you can read it, alerts of this deployment reach you here. Nothing is to be done.",
}


def title(kind: str, facts: dict[str, Any]) -> str:
    """One line, for a subject."""
    return TITLES[kind].format_map(_Said(facts))


def body(kind: str, facts: dict[str, Any]) -> str:
    """A few lines: what, what to do, where."""
    return BODIES[kind].format_map(_Said(facts))


class _Said(dict[str, Any]):
    """Facts as text; one that is missing or empty is said to be so and never stops an alert."""

    def __init__(self, facts: dict[str, Any]) -> None:
        super().__init__({name: _line(value) for name, value in facts.items()})

    def __missing__(self, name: str) -> str:
        return "unknown"


def _line(value: Any) -> str:
    return " ".join(str("none" if value in (None, "") else value).split())
