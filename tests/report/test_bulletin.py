"""The bulletin in the reader's language: doubts first and in plain words, a fallback that cannot be
missed.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pandas as pd
import pytest

from pipelines.contracts import CURRENT, UNFINISHED, WITHOUT
from pipelines.evaluate.bulletin_page import bulletin, write_fallback
from pipelines.words import languages, words_of

LANGUAGES = list(languages())
ABOUT = {"data_state": CURRENT, "data_until": "2018-w49", "model_version": "7"}
STATES = {
    "05001": ("held", "fell-to-zero (cause 1a2b3c4d)", None, None),
    "05002": ("", "", 0.8, None),
    "05003": ("unconfirmed", "jumped (cause 5e6f7a8b, mixed)", 0.97, 0.41),
    "05004": ("not reported", "no count of 2018-w49 arrived", None, None),
    "05005": ("", "", 0.1, None),
}


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        {
            "municipality_code": code,
            "municipality": f"Town <{code}>",
            "origin_week": "2018-w49",
            "horizon_weeks": horizon,
            "probability": chance,
            "outbreak_expected": None if chance is None else chance > 0.5,
            "threshold_cases": 3.5,
            "alert_rung": "linear",
            "scene_date": None,
            "scene_quality": "none",
            "scene_synthetic": False,
            "state": state,
            "why": why,
            "probability_without": without,
        }
        for code, (state, why, chance, without) in STATES.items()
        for horizon in (1, 4)
    ]
    return pd.DataFrame(rows).astype(
        {"probability": float, "outbreak_expected": "boolean", "probability_without": float}
    )


def page(table: pd.DataFrame | None, language: str, **about: object) -> str:
    return bulletin({**ABOUT, **about}, table, "2018-w49-f", None, words_of(language), {})


@pytest.mark.parametrize("language", LANGUAGES)
def test_doubted_units_stand_first_in_plain_words_the_unconfirmed_before_all(
    table: pd.DataFrame, language: str
) -> None:
    words, html = words_of(language), page(table, language)
    doubts = html.partition('<table class="doubted" role="table">')[2].partition("</table>")[0]
    order = [words(f"state-{s}") for s in ("unconfirmed", "held", "not-reported")]
    at = [doubts.index(f"<strong>{word}</strong>") for word in order]
    assert at == sorted(at)
    assert doubts.index(words.chance(0.97)) < doubts.index(words.chance(0.41))
    assert words("rule-fell-to-zero") in doubts and words("no-count") in doubts
    assert words("answer-mixed") in doubts and words("cause", cause="1a2b3c4d") in doubts
    assert html.index("doubted") < html.index("<figure>")
    assert (
        not re.search(r"fell-to-zero|not reported|arrived|\bjumped\b", doubts) or language == "en"
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("forecast", [True, False])
def test_a_rise_in_a_unit_without_a_forecast_stands_before_all(
    table: pd.DataFrame, forecast: bool, language: str
) -> None:
    words, rises = words_of(language), ["Carepa <N> (05147)", "Chigorodó (05172)"]
    html = bulletin(ABOUT, table if forecast else None, "2018-w49-f", None, words, {}, rises=rises)
    sentence = words("rise-not-forecast", n=2, names="Carepa &lt;N&gt; (05147), Chigorodó (05172)")
    assert sentence in html
    assert html.index(sentence) < html.index(
        '<table class="doubted"' if forecast else words("no-forecast")
    )
    assert "(05172)" not in page(table, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_said_to_be_in_its_language_and_to_be_read_without_colours(
    table: pd.DataFrame, language: str
) -> None:
    html = page(table, language)
    assert f'<html lang="{language}">' in html and "Town &lt;05003&gt;" in html
    assert all("alt=" in image for image in re.findall(r"<img [^>]*>", html))
    assert all("scope=" in head for head in re.findall(r"<th[ >][^>]*>?", html))
    assert html.count("▲</span>") == html.count('class="alarm"') == 4
    alarms = words_of(language)("alarms-in", n=3, alarms=2)  # of those that have a forecast
    assert alarms in html and words_of(language)("not-answered", n=2) in html


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", [WITHOUT, UNFINISHED])
def test_a_fallback_says_what_it_is_in_title_heading_and_frame(
    table: pd.DataFrame, tmp_path: Path, state: str, language: str
) -> None:
    words = words_of(language)
    about = {
        **ABOUT,
        "data_state": state,
        "why": "run <x> failed",
        "red_run": "x",
        "same_week_again": True,
    }
    html = write_fallback(about, table, "v", None, words, 4, tmp_path).read_text(encoding="utf-8")
    key = "without" if state == WITHOUT else "unfinished"
    title = words(f"bulletin-title-{key}", week=words.week("2018-w49")).replace("'", "&#39;")
    assert f"<title>{title}</title>" in html and f"<h1>{title}</h1>" in html
    assert title.split(":")[0].isupper() or title.startswith("WITHOUT THIS WEEK&#39;S DATA")
    assert '<header class="run fallback">' in html
    assert '<span lang="en">run &lt;x&gt; failed</span>' in html
    assert words("in-weeks", n=4) in html  # the horizon that the models are judged at
    assert "fallback" not in page(table, language).partition("<body>")[2]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_week_without_a_forecast_has_a_page_that_says_so(language: str) -> None:
    assert words_of(language)("no-forecast") in page(None, language)


def test_weeks_that_are_still_being_reported_are_told_with_what_is_expected(
    table: pd.DataFrame,
) -> None:
    rows = [
        {"week": "2018-w49", "unit_id": u, "reported": r, "nowcast": n}
        for u, r, n in (("05001", 30, 50.0), ("05002", 28, 50.0), ("05003", 9, None))
    ]
    html = bulletin(ABOUT, table, "v", None, words_of("es"), {}, 0, {"nowcast": rows})
    assert "La semana 49 de 2018: 58 casos hasta ahora; se esperan unos 100" in html
    assert "(se conoce el 58 %)" in html
    assert words_of("es")("nowcast-title") not in page(table, "es")


def test_a_forecast_of_before_states_were_told_has_a_page(table: pd.DataFrame) -> None:
    old = table[table["state"] == ""].drop(columns=["state", "why", "probability_without"])
    assert "doubted" not in page(old, "es").partition("<body>")[2]


def test_words_can_be_told_from_what_is_behind_them() -> None:
    """Contrast of at least 4.5 to 1, as the accessibility guidelines (WCAG 2.2, 1.4.3) ask
    of text."""
    style = (resources.files("pipelines.evaluate") / "templates" / "style.css").read_text("utf-8")
    colours = dict(re.findall(r"--([a-z]+):(#[0-9a-f]{3,6})", style))
    for text in ("ink", "quiet", "go", "keep", "stop", "warn"):
        for ground in ("paper", "ground"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for back in ("#fdf7ec", "#fdf1ee"):  # unconfirmed rows and notices
        assert contrast(colours["quiet"], back) >= 4.5


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    whole = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(whole[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
