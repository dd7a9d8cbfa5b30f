"""Profiles of the first version, read under today's keys, so that a deployment's own file goes on
working."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_MOVED = {"data.language": "place.language", "labels.rule_id": "labels.rule"}
_SOURCES = ("sample", "satellitebench")  # all that there were
_RULE_ID = "median_2016_2017"
_RULE = {"kind": "quantile", "q": 0.5, "reference": ["2016-w01", "2017-w52"]}
_TEN = ["05001", "05360", "08001", "23001", "41001", "50001", "54001", "68001", "73001", "76001"]
# What a key meant that was not written.
_PLACE = {"codes": {"kind": "dane"}, "language": "es", "time_zone": "America/Bogota"}
_WINDOW = {"municipalities": _TEN, "first_week": "2013-w01", "last_week": "2018-w52"}
_LIMITS = {"population": [100, 60_000_000], "min_usual_rainfall_mm": 1.0}
_JUDGED = {"municipalities": _TEN, "test_years": [2014, 2015, 2016, 2017, 2018]}


def is_first(raw: Mapping[str, Any]) -> bool:
    """Whether a profile was written for the first version: it knew one country and one
    label rule."""
    data, labels = raw.get("data"), raw.get("labels", {})
    named = isinstance(data, Mapping) and data.get("source") in _SOURCES
    return named and "place" not in raw and isinstance(labels, Mapping) and "rule" not in labels


def translated(raw: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The same profile under today's keys; a profile that is not of the first version as it is.

    What the first version would have refused stays as it is written, to be refused by its name.
    """
    if not is_first(raw):
        return dict(raw)
    _log_translation(path)
    data, labels = dict(raw["data"]), dict(raw.get("labels", {}))
    place = {**_PLACE, "language": data.pop("language", _PLACE["language"])}
    built_in = {"first_week": "2009-w01", "limits": _LIMITS}
    data = {**built_in, **data, "text_window": _filled(data, "text_window", _WINDOW)}
    if labels.get("rule_id", _RULE_ID) == _RULE_ID:
        labels = {
            "rule": _RULE,
            **{key: given for key, given in labels.items() if key != "rule_id"},
        }
    judged = _filled(raw, "evaluate", _JUDGED)
    return {**raw, "place": place, "data": data, "labels": labels, "evaluate": judged}


def where_it_went(refusal: str) -> list[str]:
    """Today's names of the keys of the first version that a refused profile still has, for
    people."""
    return [f"{old} is {new} now" for old, new in _MOVED.items() if f"{old}:" in refusal]


@cache  # a run opens its profile once a step
def _log_translation(path: Path) -> None:
    log.warning(
        "profile %s is written for the first version and is read as that did: %s, and what was "
        "built in are place, data.first_week, data.text_window, data.limits, "
        "evaluate.municipalities and evaluate.test_years. `denguard profile %s` prints it under "
        "today's keys",
        path.name,
        ", ".join(f"{old} is {new} now" for old, new in _MOVED.items()),
        path,
    )


def _filled(raw: Mapping[str, Any], key: str, defaults: Mapping[str, Any]) -> Any:
    given = raw.get(key, {})
    return {**defaults, **given} if isinstance(given, Mapping) else given
