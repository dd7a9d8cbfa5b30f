"""What onboarding found, for people while it looks and for programs at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipelines.onboard.rules import Rated, TestYearChoice

_SHOWN_YEARS = 8


class Tell(Protocol):
    """How a person hears of findings while the files are looked at."""

    def line(self, text: str) -> None:
        """A sentence."""

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table."""


@dataclass
class Findings:
    """Everything that was found, told at once and kept.

    Attributes:
        topics: topic -> sentences.
    """

    tell: Tell
    topics: dict[str, list[str]] = field(default_factory=dict)
    rules: tuple[Rated, ...] = ()
    test_year_choice: TestYearChoice | None = None

    def add(self, topic: str, *sentences: str) -> None:
        """Keep sentences and say them."""
        for sentence in filter(None, sentences):
            self.topics.setdefault(topic, []).append(sentence)
            self.tell.line(f"{topic}: {sentence}")

    def offer(self, rules: Sequence[Rated]) -> None:
        """The table of label rules, the proposed one first."""
        self.rules = tuple(rules)
        years = sorted({year for rule in rules for year in rule.rates})[-_SHOWN_YEARS:]
        self.tell.line(
            "label rules: units with a threshold at any time and now, and share of outbreak weeks "
            "a year"
        )
        self.tell.table(["rule", "units", "now", *map(str, years)], [_row(r, years) for r in rules])
        for rule in rules:
            if rule.pool == 0:
                self.add(
                    "label rules",
                    f"{rule.labels.rule_id} gives no unit a threshold: "
                    f"{rule.why_not or 'too few years'}",
                )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        judged = self.test_year_choice
        return {
            "said": self.topics,
            "rules": [
                {
                    "rule": r.labels.model_dump(mode="json")["rule"],
                    "rule_id": r.labels.rule_id,
                    "units": r.pool,
                    "units_now": r.now,
                    "outbreak_rates": dict(r.rates),
                }
                for r in self.rules
            ],
            "judged": None
            if judged is None
            else {
                "test_years": list(judged.years),
                "blocks": judged.blocks,
                "serves": judged.serves,
                "why": judged.why,
            },
        }


def _row(rule: Rated, years: Sequence[int]) -> list[str]:
    cells = [f"{rule.rates[y]:.0%}" if y in rule.rates else "-" for y in years]
    return [rule.labels.rule_id, str(rule.pool), str(rule.now), *cells]
