"""Held values that wait for a person's answer, for status, the watchdog and alerts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.data.plausible.answers import Answer, read_answers
from pipelines.data.plausible.listed import CauseRecord, known_causes, waits_for_a_person
from pipelines.data.plausible.suspicion import Direction, Outcome
from pipelines.errors import DenguardError

log = logging.getLogger(__name__)
_NAMED = 5  # causes in one alert


def waiting_causes(paths: DeploymentPaths) -> list[CauseRecord]:
    """Causes that nobody has answered; none if that cannot be known, which the log says."""
    try:
        return read_waiting_causes(paths)
    except DenguardError as err:  # the next validation writes a damaged list anew
        log.warning("%s", err)
        return []


def read_waiting_causes(paths: DeploymentPaths) -> list[CauseRecord]:
    """Causes that nobody has answered.

    Raises:
        StoreError: their list is damaged, or the store that machines share does not answer.
    """
    causes, answers = known_causes(paths), _answers(paths)
    return [one for one in causes if waits_for_a_person(one, answers)]


def _answers(paths: DeploymentPaths) -> dict[str, Answer]:
    """The answers so far; none if a file of them is damaged, so that no cause is left out."""
    try:
        return read_answers(paths)
    except DenguardError as err:
        log.warning("%s", err)
        return {}


def looks_high(one: CauseRecord) -> bool:
    """Whether forecasts are published with its values and without them."""
    return one.direction == Direction.HIGH and one.outcome == Outcome.HOLD


def in_one_alert(causes: Sequence[CauseRecord]) -> dict[str, Any]:
    """Facts for an alert's words."""
    listed = "; ".join(f"{one.message} (cause {one.cause_id})" for one in causes[:_NAMED])
    more = f"; and {len(causes) - _NAMED} more" if len(causes) > _NAMED else ""
    named = [
        {"rule": one.rule, "units": one.named, "span": one.span, "cause_id": one.cause_id}
        for one in causes[:_NAMED]
    ]
    return {"n": len(causes), "causes": listed + more, "named": named, "drop": causes[0].drop}


def waiting_words(paths: DeploymentPaths) -> str:
    """Such as "3 causes of held values wait for an answer (denguard confirm); 1 looks too high"."""
    return words_of_waiting(waiting_causes(paths))


def words_of_waiting(waits: Sequence[CauseRecord]) -> str:
    """As waiting_words, of causes that were read; "" if there are none."""
    high = sum(map(looks_high, waits))
    if not waits:
        return ""
    more = (
        f"; {high} of them {'is' if high == 1 else 'are'} of values that look too high"
        if high
        else ""
    )
    waiting = "cause of held values waits" if len(waits) == 1 else "causes of held values wait"
    return f"{len(waits)} {waiting} for an answer (denguard confirm){more}"
