"""An alert in words, in the language of those who get it: what happened, what to do, where to look.

The message of an error or a rule is quoted in English; a held value's rule has a plain phrase in
every language.
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
    return words.filled(f"alert-{kind}-title", _FactsAsText(facts, words))


def body(kind: str, facts: Mapping[str, Any], language: str = READ_BY_MOST) -> str:
    """A few lines: what, what to do, where."""
    words = words_of(language)
    return words.filled(f"alert-{kind}-body", _FactsAsText(facts, words))


class _FactsAsText(dict[str, Any]):
    """Facts as text; for one that is missing or empty it has words, so none ever stops an alert."""

    def __init__(self, facts: Mapping[str, Any], words: Words) -> None:
        self._words = words
        lines = {name: self._line(value) for name, value in facts.items()}
        if state := _STATES.get(str(facts.get("data_state"))):
            lines["data_state"] = words(state)
        if words.language != READ_BY_MOST and facts.get("named"):
            lines["causes"] = self._causes(facts)
        super().__init__(lines)

    def __missing__(self, name: str) -> str:
        return self._words("fact-unknown")

    def _line(self, value: Any) -> str:
        return " ".join(str(self._words("fact-none") if value in (None, "") else value).split())

    def _causes(self, facts: Mapping[str, Any]) -> str:
        """Rule, units and number of each cause; in English the rule's own sentence has them."""
        causes = [self._cause(one) for one in facts["named"]]
        if (more := int(facts["n"]) - len(causes)) > 0:
            causes.append(self._words("alert-more-causes", n=more))
        return "\n".join(causes)

    def _cause(self, one: Mapping[str, Any]) -> str:
        known = f"rule-{one['rule']}" in self._words
        rule = self._words(f"rule-{one['rule']}" if known else "rule-unknown")
        about = ", ".join(filter(None, (str(one["units"]), str(one["span"]))))
        cause = self._words("cause", cause=one["cause_id"])
        if not about:
            return f"{rule} ({cause})"
        return self._words("cause-about", rule=rule, about=about, cause=cause)
