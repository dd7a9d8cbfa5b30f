"""An alert in words, in the language of whom it goes to: what happened, what to do, where to look.

What an error or a rule said is quoted as it is, in English; a held value's rule has a plain phrase
in every language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.contracts import UNFINISHED, WITHOUT
from pipelines.words import READ_BY_MOST, Words, words_of

_STATES: Mapping[str, str] = {WITHOUT: "without", UNFINISHED: "unfinished"}


def title(kind: str, facts: Mapping[str, Any], language: str = READ_BY_MOST) -> str:
    """One line, for a subject."""
    words = words_of(language)
    return words.filled(f"alert-{kind}-title", _Said(facts, words))


def body(kind: str, facts: Mapping[str, Any], language: str = READ_BY_MOST) -> str:
    """A few lines: what, what to do, where."""
    words = words_of(language)
    return words.filled(f"alert-{kind}-body", _Said(facts, words))


class _Said(dict[str, Any]):
    """Facts as text; one that is missing or empty is said to be so and never stops an alert."""

    def __init__(self, facts: Mapping[str, Any], words: Words) -> None:
        self._words = words
        told = {name: self._line(value) for name, value in facts.items()}
        if state := _STATES.get(str(facts.get("data_state"))):
            told["data_state"] = words(state)
        if words.language != READ_BY_MOST and facts.get("named"):
            told["causes"] = self._causes(facts)
        super().__init__(told)

    def __missing__(self, name: str) -> str:
        return self._words("fact-unknown")

    def _line(self, value: Any) -> str:
        return " ".join(str(self._words("fact-none") if value in (None, "") else value).split())

    def _causes(self, facts: Mapping[str, Any]) -> str:
        """Rule, units and number of each cause; what English tells in the rule's own sentence."""
        told = [self._cause(one) for one in facts["named"]]
        more = int(facts["n"]) - len(told)
        return "\n".join([*told, *([self._words("alert-more-causes", n=more)] if more > 0 else [])])

    def _cause(self, one: Mapping[str, Any]) -> str:
        known = f"rule-{one['rule']}" in self._words
        said = self._words(f"rule-{one['rule']}" if known else "rule-unknown")
        about = ", ".join(filter(None, (str(one["units"]), str(one["span"]))))
        cause = self._words("cause", cause=one["cause_id"])
        if not about:
            return f"{said} ({cause})"
        return self._words("cause-about", rule=said, about=about, cause=cause)
