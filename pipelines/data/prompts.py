"""Prompts: one short text of a municipality at an origin week, in a language that ships or by a
template of one's own.

The endpoint renders them too, so imports stay light.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from pathlib import Path

from pipelines.errors import ConfigError, LeakageError
from pipelines.place_config import PlaceConfig, shipped_prompts
from pipelines.plain_yaml import UnusableYaml, parse_plain_yaml

RECENT_WEEKS = 4
_READ_BY_NOBODY = "en"


@dataclass(frozen=True)
class PromptFields:
    """Everything a prompt may say; None where not known. Nothing here may follow from the target.

    Attributes:
        week_end: last day of the origin week.
        recent_cases: weekly cases of the newest known weeks, oldest first.
        climate_month: (year, month) of the newest known climate.
        notes: free text that was known by the origin week's end, newest first, bounded.
    """

    municipality: str
    epi_year: int
    epi_week: int
    week_end: date
    recent_cases: tuple[float | None, ...]
    climate_month: tuple[int, int] | None = None
    temp_mean_c: float | None = None
    rainfall_mm: float | None = None
    population: float | None = None
    age_0_14_pct: float | None = None
    households_without_water_pct: float | None = None
    notes: str = ""


ALLOWED_FIELDS = frozenset(field.name for field in fields(PromptFields))


@dataclass(frozen=True)
class Template:
    """A checked prompt template of one language.

    Attributes:
        template_id: short hash of the template file's bytes and the language.
        no_notes: what stands where no note is known.
    """

    language: str
    text: str
    unknown: str
    months: tuple[str, ...]
    template_id: str
    no_notes: str = ""

    @property
    def asks_for_notes(self) -> bool:
        """Whether prompts of it hold notes."""
        return any(name == "notes" for _, name, _, _ in string.Formatter().parse(self.text))


@lru_cache(maxsize=16)
def load_template(language: str, file: Path | None = None) -> Template:
    """Read and check a template: the shipped one of a language, or a file of one's own.

    Raises:
        ConfigError: no such language, or the file is not a template.
        LeakageError: the template asks for a field that a prompt may not have.
    """
    used = file or shipped_prompts().get(language)
    if used is None:
        raise ConfigError(
            f"no prompts in language {language!r}",
            fix=(
                f"use one of {', '.join(shipped_prompts())}, or give a template of your own as "
                "place.prompt"
            ),
        )
    raw, where = _template_bytes(used), str(file) if file else used.name
    try:
        document = parse_plain_yaml(raw)
        text, unknown = str(document["template"]).strip(), str(document["unknown"])
        months = tuple(str(month) for month in document["months"])
        no_notes = str(document.get("no_notes", unknown))
    except (UnusableYaml, KeyError, TypeError, AttributeError) as err:
        raise ConfigError(
            f"not a prompt template: {err}",
            where=where,
            fix="give template, unknown and months, as in the shipped prompt_en.yaml",
        ) from err
    if len(months) != 12:
        raise ConfigError(f"{len(months)} month names", where=where, fix="give twelve")
    check_fields(text, where)
    return Template(language, text, unknown, months, _template_id(raw, language), no_notes)


def template_of(place: PlaceConfig, notes: bool = False) -> Template:
    """The place's own template, or the shipped one of its language.

    Args:
        notes: whether the place declares notes, which another shipped template asks for.

    Where there is neither, no encoder reads prompts (a profile with encoders is refused): the
    dataset's are then in English.
    """
    if place.prompt_file is None:
        return load_template(_READ_BY_NOBODY)
    return load_template(place.language, place.prompt_file_for(notes))


def check_fields(text: str, where: str = "") -> None:
    """Raise LeakageError if a template asks for anything but ALLOWED_FIELDS."""
    try:
        asked = [(name, spec, conv) for _, name, spec, conv in string.Formatter().parse(text)]
    except ValueError as err:
        raise ConfigError(
            f"the template is not valid: {err}", where=where, fix="write fields as {municipality}"
        ) from err
    refused = sorted(
        {
            name
            for name, spec, conv in asked
            if name is not None and (name not in ALLOWED_FIELDS or spec or conv)
        }
    )
    if refused:
        raise LeakageError(
            f"the prompt template asks for {', '.join(repr(name) for name in refused)}, which a "
            "prompt may not have",
            where=where,
            fix=(
                f"use only {', '.join(sorted(ALLOWED_FIELDS))}, without format marks: they are "
                "known at the origin; the label and the target's cases are not"
            ),
        )


def render_prompt(row: PromptFields, language: str = "es", template: Template | None = None) -> str:
    """The prompt of one row; equal fields give equal text. About 75 to 105 MiniLM tokens."""
    used = template or load_template(language)
    return used.text.format(**_words(row, used))


def text_sha256(text: str) -> str:
    """Hex SHA-256 of a prompt."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def guard_prompts(prompts: Mapping[str, str | None], blind: Mapping[str, str | None]) -> None:
    """Fail if a prompt changes when everything not known at its origin is replaced by noise.

    Args:
        prompts: sample key -> prompt, from the data as they are.
        blind: the same keys, from data whose unknown part is noise.

    Raises:
        LeakageError: naming the first rows whose prompt was computed from the future.
    """
    changed = sorted(key for key, text in prompts.items() if blind.get(key) != text)
    if changed:
        raise LeakageError(
            f"{len(changed)} of {len(prompts)} prompts checked change when the future is noise",
            where=", ".join(changed[:3]),
            fix=(
                "compute prompts only from what pipelines.data.availability lets be known at the "
                "origin"
            ),
        )


def _words(row: PromptFields, used: Template) -> dict[str, str]:
    def number(value: float | None, decimals: int = 0) -> str:
        return used.unknown if value is None or value != value else f"{value:.{decimals}f}"

    month = row.climate_month
    return {
        "municipality": row.municipality,
        "epi_year": str(row.epi_year),
        "epi_week": str(row.epi_week),
        "week_end": row.week_end.isoformat(),
        "recent_cases": ", ".join(number(cases) for cases in row.recent_cases) or used.unknown,
        "climate_month": used.unknown
        if month is None
        else f"{used.months[month[1] - 1]} {month[0]}",
        "temp_mean_c": number(row.temp_mean_c, 1),
        "rainfall_mm": number(row.rainfall_mm),
        "population": number(row.population),
        "age_0_14_pct": number(row.age_0_14_pct, 1),
        "households_without_water_pct": number(row.households_without_water_pct, 1),
        "notes": row.notes or used.no_notes,
    }


def _template_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as err:
        raise ConfigError(
            "the prompt template cannot be read", where=str(file), fix="check the path"
        ) from err


def _template_id(raw: bytes, language: str) -> str:
    return hashlib.sha256(language.encode() + b"\0" + raw).hexdigest()[:16]
