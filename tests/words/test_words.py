"""The catalogue: every sentence in every language, with the same facts and the right forms."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

import pipelines.data.plausible
from pipelines.words import languages, words_of

ENGLISH = words_of("en").texts
RULES_FOLDER = Path(pipelines.data.plausible.__file__).parent
NO_RULES = {
    "too-much-held"
}  # an issue of the drop as a whole: it stops the run and is no unit's state


def forms(text: object) -> list[str]:
    return [str(form) for form in text.values()] if isinstance(text, dict) else [str(text)]


def fields(form: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(form) if name}


def rule_names() -> set[str]:
    """Names that the rules' files give to what they doubt, as the docs write them."""
    docs = Path(__file__).parents[2] / "docs" / "plausibility.md"
    named = set(
        re.findall(r"^\| (`[a-z`, -]+`) \|", docs.read_text(encoding="utf-8"), re.MULTILINE)
    )
    found = {rule for cell in named for rule in re.findall(r"`([a-z-]+)`", cell)}
    for path in RULES_FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.fullmatch(r"[a-z]+(-[a-z]+)+", text):
                found.add(text)
    return found - NO_RULES


def test_four_languages_ship() -> None:
    assert set(languages()) >= {"en", "es", "pt", "fr"}


@pytest.mark.parametrize("language", list(languages()))
def test_a_language_has_every_sentence_with_the_same_facts(language: str) -> None:
    own = words_of(language).texts
    assert set(own) == set(ENGLISH)
    for key, text in ENGLISH.items():
        in_own = set().union(*map(fields, forms(own[key])))
        assert in_own == set().union(*map(fields, forms(text))), key


@pytest.mark.parametrize("language", list(languages()))
def test_a_number_has_a_form_for_one_and_one_for_many(language: str) -> None:
    for key, text in words_of(language).texts.items():
        if isinstance(text, dict):
            assert set(text) == {"one", "many"}, key
            assert text["one"] != text["many"], key


@pytest.mark.parametrize("language", sorted(set(languages()) - {"en"}))
def test_no_sentence_was_left_in_english(language: str) -> None:
    own = words_of(language).texts
    same = {key for key, text in ENGLISH.items() if own[key] == text and len(str(text)) > 12}
    assert same - {"cause", "cause-about"} == set()


@pytest.mark.parametrize("language", list(languages()))
def test_every_rule_has_a_plain_phrase(language: str) -> None:
    words = words_of(language)
    assert {rule for rule in rule_names() if f"rule-{rule}" not in words} == set()


def test_one_is_singular_and_none_is_so_in_french_alone() -> None:
    for language, singular in {
        "en": "1 week",
        "es": "1 semana",
        "pt": "1 semana",
        "fr": "1 semaine",
    }.items():
        words = words_of(language)
        assert re.search(rf"{singular}\b", words("in-weeks", n=1))
        assert re.search(rf"{singular.replace('1', '4')}s\b", words("in-weeks", n=4))
    assert words_of("fr")("all-places", n=0) == "0 commune"
    assert words_of("es")("not-forecast", n=0).startswith("0 municipios")


def test_numbers_and_weeks_are_written_as_the_language_does() -> None:
    spanish, english = words_of("es"), words_of("en")
    assert (english.number(16.5, 1), spanish.number(-16.5, 1)) == ("16.5", "−16,5")
    assert (spanish.number(None), spanish.chance(float("nan"))) == ("–", "–")
    assert words_of("pt").chance(0.5) == "50%" and english.chance(0.5) == "50\N{NO-BREAK SPACE}%"
    assert (english.chance(0.999), english.chance(0.001)) == (
        ">99\N{NO-BREAK SPACE}%",
        "<1\N{NO-BREAK SPACE}%",
    )
    assert spanish.week("2018-w09") == "la semana 9 de 2018"
    assert (spanish.day("2026-11-29T08:00"), spanish.day("unknown")) == ("29/11/2026", "unknown")


def test_a_place_whose_language_has_no_catalogue_is_told_in_english() -> None:
    assert words_of("vi").language == "en"
