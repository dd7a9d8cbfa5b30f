"""Prompts: what they say, in which language, and what they may never say."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from pipelines.data.prompts import (
    ALLOWED_FIELDS,
    PromptFields,
    guard_prompts,
    load_template,
    render_prompt,
    template_of,
)
from pipelines.errors import ConfigError, LeakageError
from pipelines.place_config import PlaceConfig, shipped_notes_prompts, shipped_prompts

ROW = PromptFields(
    municipality="Medellín",
    epi_year=2018,
    epi_week=48,
    week_end=date(2018, 12, 1),
    recent_cases=(28.0, 41.0, 15.0, 20.0),
    climate_month=(2018, 11),
    temp_mean_c=20.89,
    rainfall_mm=277.2,
    population=2427129.0,
    age_0_14_pct=17.13,
    households_without_water_pct=1.44,
)


def template_file(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "prompt.yaml"
    document = {"template": text, "unknown": "?", "months": [str(m) for m in range(12)]}
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return file


def test_the_english_prompt_reads_like_this() -> None:
    assert render_prompt(ROW, "en") == (
        "Dengue in Medellín, epidemiological week 48 of 2018, up to 2018-12-01. "
        "Cases in recent weeks: 28, 41, 15, 20. Climate of November 2018: 20.9 °C, rainfall 277 "
        "mm. "
        "Population 2427129; aged under 15 17.1 %, households without water 1.4 %."
    )


def test_the_french_prompt_reads_like_this() -> None:
    assert render_prompt(replace(ROW, population=None), "fr") == (
        "Dengue à Medellín, semaine épidémiologique 48 de 2018, jusqu'au 2018-12-01. "
        "Cas des dernières semaines : 28, 41, 15, 20. "
        "Climat (novembre 2018) : 20.9 °C, précipitations 277 mm. "
        "Population non disponible ; moins de 15 ans 17.1 %, ménages sans accès à l'eau 1.4 %."
    )


@pytest.mark.parametrize(
    ("language", "word"),
    [("en", "unknown"), ("es", "desconocido"), ("fr", "non disponible"), ("pt", "desconhecido")],
)
def test_missing_values_are_said_to_be_unknown(language: str, word: str) -> None:
    bare = PromptFields("Cali", 2018, 48, date(2018, 12, 1), (None, 3.0, float("nan"), None))
    text = render_prompt(bare, language)
    assert f"{word}, 3, {word}, {word}" in text
    assert "nan" not in text.lower()
    assert "None" not in text


def test_prompts_ship_in_these_languages() -> None:
    assert list(shipped_prompts()) == ["en", "es", "fr", "pt"]


@pytest.mark.parametrize("language", shipped_prompts())
def test_every_language_asks_for_every_field(language: str) -> None:
    fields = {name for _, name, _, _ in string.Formatter().parse(load_template(language).text)}
    assert fields - {None} == ALLOWED_FIELDS - {"notes"}


@pytest.mark.parametrize("language", shipped_prompts())
def test_a_prompt_with_notes_is_the_one_without_and_then_the_notes(language: str) -> None:
    plain = load_template(language)
    noted = load_template(language, shipped_notes_prompts()[language])
    assert noted.text.startswith(plain.text) and noted.asks_for_notes and not plain.asks_for_notes
    assert (noted.unknown, noted.months) == (plain.unknown, plain.months)
    said = render_prompt(replace(ROW, notes="Sube {x}."), template=noted)
    assert said.startswith(render_prompt(ROW, template=plain)) and said.endswith("Sube {x}.")
    assert render_prompt(ROW, template=noted).endswith(noted.no_notes) and noted.no_notes


@pytest.mark.parametrize(
    ("language", "template_id"),
    [
        ("en", "94ff358af3a4aadc"),
        ("es", "56befd4e87cd6cc4"),
        ("fr", "6aa19f05be51b421"),
        ("pt", "324a293f68bbffa6"),
    ],
)
def test_templates_that_shipped_before_keep_their_ids(language: str, template_id: str) -> None:
    assert load_template(language).template_id == template_id


@pytest.mark.parametrize("language", shipped_prompts())
def test_every_language_names_twelve_months(language: str) -> None:
    assert len(set(load_template(language).months)) == 12


@pytest.mark.parametrize("language", shipped_prompts())
def test_every_language_says_the_same_values(language: str) -> None:
    values = (
        "Medellín",
        "48",
        "2018-12-01",
        "28, 41, 15, 20",
        "20.9",
        "277",
        "2427129",
        "17.1 %",
        "1.4 %",
    )
    text = render_prompt(ROW, language)
    assert [value for value in values if value not in text] == []


def test_template_ids_differ_by_language_and_content(tmp_path: Path) -> None:
    shipped = [load_template(language).template_id for language in shipped_prompts()]
    own = template_file(tmp_path, "Dengue in {municipality}")
    every = [*shipped, load_template("en", own).template_id, load_template("es", own).template_id]
    assert len(set(every)) == len(every)


def test_a_place_with_a_template_of_its_own_is_prompted_by_it(tmp_path: Path) -> None:
    file = template_file(tmp_path, "Sốt xuất huyết: {municipality}")
    assert template_of(PlaceConfig(language="vi", prompt=file)).text.startswith("Sốt")


def test_a_place_whose_language_no_prompt_speaks_is_prompted_in_english() -> None:
    assert template_of(PlaceConfig(language="vi")) == load_template("en")


@pytest.mark.parametrize(
    "field",
    [
        "label",
        "cases",
        "target_cases",
        "outbreak",
        "recent_cases[0]",
        "municipality.__class__",
        "0",
        "",
    ],
)
def test_a_template_that_asks_for_anything_else_is_refused(tmp_path: Path, field: str) -> None:
    with pytest.raises(LeakageError, match="template asks for") as caught:
        load_template("es", template_file(tmp_path, f"In {{municipality}}: {{{field}}}"))
    assert "recent_cases" in caught.value.fix
    assert "prompt.yaml" in caught.value.where


def test_a_template_may_not_reach_in_through_a_format_mark(tmp_path: Path) -> None:
    with pytest.raises(LeakageError):
        load_template("es", template_file(tmp_path, "{municipality:{label}}"))


@pytest.mark.parametrize(
    "content",
    [
        "just text",
        "template: a\nunknown: b\nmonths: [x]",
        "{",
        "template: '{municipality'\nunknown: u\nmonths: [1,2,3,4,5,6,7,8,9,10,11,12]",
    ],
)
def test_a_file_that_is_no_template_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        load_template("es", file)


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="use one of en, es, fr, pt"):
        load_template("vi")


def test_the_guard_names_the_rows_whose_prompt_knew_the_future() -> None:
    seen = {"05001-2018-w48": render_prompt(ROW), "76001-2018-w48": "same"}
    blind = seen | {"05001-2018-w48": render_prompt(replace(ROW, recent_cases=(1.0,)))}
    with pytest.raises(LeakageError, match=r"1 of 2 prompts.*05001-2018-w48"):
        guard_prompts(seen, blind)
    guard_prompts(seen, dict(seen))
