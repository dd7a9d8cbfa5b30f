"""What people read in the language of their place: one catalogue, one file a language.

Prompts (data/templates) have languages of their own; logs, errors and the run report are in
English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from pipelines.errors import ConfigError
from pipelines.plain_yaml import parse_plain_yaml

READ_BY_MOST = "en"  # where a place's language has no file
_ONE, _MANY = "one", "many"
_NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Words:
    """The catalogue of one language.

    Attributes:
        texts: key -> sentence with {fields}, or its forms `one` and `many` by the field n.
    """

    language: str
    texts: Mapping[str, str | Mapping[str, str]]

    def __call__(self, key: str, **facts: object) -> str:
        """A sentence with its facts; the form that goes with the number n, if there is one."""
        return self.filled(key, facts)

    def filled(self, key: str, facts: Mapping[str, object]) -> str:
        """The same with facts as a mapping, which may have words for one that is missing."""
        found = self.texts[key]
        text = found if isinstance(found, str) else found[self._form(facts["n"])]
        return text.format_map(facts)

    def __contains__(self, key: str) -> bool:
        return key in self.texts

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number; a dash where there is none."""
        if value is None or value != value:
            return "–"
        return f"{value:.{digits}f}".replace("-", "−").replace(".", self("decimal-mark"))

    def chance(self, probability: float | None) -> str:
        """A probability in whole percent that never claims certainty; a dash where there
        is none."""
        if probability is None or probability != probability:
            return "–"
        percent = 100 * probability
        whole = "<1" if percent < 1 else ">99" if percent > 99 else f"{percent:.0f}"
        return self("percent", value=whole).replace(" ", _NO_BREAK)

    def week(self, label: str) -> str:
        """A week such as 2018-w49 in words."""
        year, found, week = label.partition("-w")
        return self("week", year=year, week=str(int(week))) if found and week.isdigit() else label

    def day(self, iso: str) -> str:
        """A day such as 2026-11-29, or an instant of it, as the language writes it."""
        year, _, rest = iso[:10].partition("-")
        month, _, day = rest.partition("-")
        return self("date", year=year, month=month, day=day) if day else iso

    def _form(self, n: object) -> str:
        alone = ("0", "1") if self.language == "fr" else ("1",)  # French counts none as one
        return _ONE if str(n) in alone else _MANY


def counted(n: int, one: str) -> str:
    """A number of things in English, for logs and errors: "1 unit", "3 units"."""
    return f"{n} {one}" if n == 1 else f"{n} {one}s"


@cache
def languages() -> dict[str, Path]:
    """Language -> its file: one is added by its file alone."""
    folder = Path(str(resources.files("pipelines.words")))
    return {path.stem: path for path in sorted(folder.glob("??.yaml"))}


@cache
def words_of(language: str) -> Words:
    """The catalogue of a language; English where it has none.

    Raises:
        ConfigError: the file of the language is damaged.
    """
    known = language if language in languages() else READ_BY_MOST
    texts = parse_plain_yaml(languages()[known].read_bytes())
    if not isinstance(texts, dict):
        raise ConfigError("not a catalogue of sentences", where=known, fix="install denguard again")
    return Words(known, texts)
