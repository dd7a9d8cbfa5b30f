"""Held values that wait for a person's word, as status, the watchdog and alerts tell of them.

Belongs here: reading and wording them for ops. Does not belong here: judging and answering
(data/plausible).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pipelines.config import Places
from pipelines.data.plausible.listed import CauseRecord, known_causes
from pipelines.data.plausible.suspicion import Direction, Outcome
from pipelines.errors import DenguardError

log = logging.getLogger(__name__)
_NAMED = 5  # causes in one alert


def waiting_causes(where: Places) -> list[CauseRecord]:
    """Causes of which anything waits; none if their list is damaged, which the log says."""
    try:
        return [one for one in known_causes(where) if one.waiting]
    except DenguardError as err:  # the next validation writes it anew
        log.warning("%s", err)
        return []


def looks_high(one: CauseRecord) -> bool:
    """Whether forecasts are published with its values and without them."""
    return one.direction == Direction.HIGH and one.outcome == Outcome.HOLD


def in_one_alert(causes: Sequence[CauseRecord]) -> dict[str, Any]:
    """Facts for an alert's words."""
    told = "; ".join(f"{one.message} (cause {one.cause_id})" for one in causes[:_NAMED])
    more = f"; and {len(causes) - _NAMED} more" if len(causes) > _NAMED else ""
    return {"counted": counted(len(causes)), "causes": told + more, "drop": causes[0].drop}


def counted(causes: int) -> str:
    """Such as "1 cause" or "3 causes"."""
    return "1 cause" if causes == 1 else f"{causes} causes"


def waiting_words(where: Places) -> str:
    """Such as "3 causes of held values wait for an answer (denguard confirm)"; "" if none."""
    waits = waiting_causes(where)
    high = sum(map(looks_high, waits))
    if not waits:
        return ""
    more = f", of {high} the values look too high" if high else ""
    verb = "waits" if len(waits) == 1 else "wait"
    return f"{counted(len(waits))} of held values {verb} for an answer (denguard confirm){more}"
