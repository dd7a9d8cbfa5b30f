"""The report: what it says first, that it is whole without anything, and that it runs nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape
from support.shapes import grid, written

from pipelines.config import Profile, load_profile
from pipelines.data.boundaries import unit_shapes
from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.evaluate.gate import Candidate, decide
from pipelines.evaluate.report import ReportContext, build_report
from pipelines.evaluate.summary import summarise
from pipelines.place_config import BoundariesConfig
from pipelines.weeks import CDC
from pipelines.words import languages, words_of

HEADS = {"linear": 0.0, "late_joint": 0.01, "prevalence": 0.05, "persistence_calibrated": 0.03}
HOSTILE = "<script>alert(1)</script>"


class _Page(HTMLParser):
    """Visible text in order, every tag and attribute."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in {"src", "href", "action", "data"}]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            del self._inside[len(self._inside) - 1 - self._inside[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if data.strip() and not {"style", "title", "script"} & set(self._inside):
            self.text.append(" ".join(data.split()))


def _predictions() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frames = []
    for year in (2015, 2016, 2017, 2018):
        weeks = np.arange(CDC.week_no(f"{year}-w01"), CDC.week_no(f"{year}-w01") + 52)
        unit, week = (g.ravel() for g in np.meshgrid(TEN_MUNICIPALITIES, weeks, indexing="ij"))
        for horizon in (1, 4, 8, 12):
            truth = rng.uniform(0.2, 0.8, size=len(unit))
            label = np.where(unit == "76001", 0.0, (rng.random(len(unit)) < truth).astype(float))
            rows = {
                "test_year": year,
                "horizon_weeks": horizon,
                "sample_id": [f"{u}-{w}-{horizon}" for u, w in zip(unit, week, strict=True)],
                "unit_id": unit,
                "target_week_no": week,
                "label": label,
                "decision_threshold": 0.4,
                "lambda_shift": 0.0,
                "has_modality": True,
                "origin_outbreak": (rng.random(len(unit)) < 0.5).astype(float),
                "in_benchmark": True,
            }
            for head, more in HEADS.items():
                sign = rng.choice([-1.0, 1.0], size=len(unit))
                frames.append(
                    pd.DataFrame(
                        {"head": head, **rows, "probability": truth + sign * more**0.5 * 0.8}
                    )
                )
    return pd.concat(frames, ignore_index=True)


def _forecast() -> pd.DataFrame:
    rows = []
    for i, code in enumerate((*TEN_MUNICIPALITIES, "52001")):
        for horizon in (1, 4, 8, 12):
            rows.append(
                {
                    "municipality_code": code,
                    "municipality": HOSTILE if i == 0 else f"Town {i}",
                    "origin_week": "2018-w48",
                    "target_week": CDC.week_label(CDC.week_no("2018-w48") + horizon),
                    "horizon_weeks": horizon,
                    "probability": 0.08 * i,
                    "outbreak_expected": i > 5,
                    "threshold_cases": 3.5,
                    "alert_rung": "linear",
                    "scene_date": "2018-11-01" if i < 3 else None,
                    "scene_quality": "ok" if i < 3 else "none",
                    "scene_synthetic": i < 3,
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def context() -> ReportContext:
    profile: Profile = load_profile("sample")
    predictions = _predictions()
    candidates = [
        Candidate("linear", "b1", "r1", "2018-w48"),
        Candidate("late_joint", "b2", "r2", "2018-w48"),
    ]
    seasons = ("2015-w49", "2016-w49", "2017-w49")
    curve = [
        {"lambda": v, "origin": o, "trained_brier": 0.1 + v * v / 100, "linear_brier": 0.1}
        for v in (-0.5, 0.0, 0.5)
        for o in seasons
    ]
    return ReportContext(
        run_id="scheduled__2018-12-05",
        profile="sample",
        as_of_week="2018-w48",
        decision=decide(predictions, candidates, None, profile).to_json(),
        metrics=summarise(predictions, profile),
        issues=[
            {
                "level": "info",
                "code": "scene-repeated",
                "message": "repeated",
                "place": "",
                "period": "",
                "fix": "",
                "rows": 2,
            },
            {
                "level": "error",
                "code": "negative-cases",
                "message": HOSTILE,
                "place": "05001 row 17",
                "period": "2018-w12",
                "fix": "ask for the count",
                "rows": 1,
            },
        ],
        tuning={
            "late_joint": {
                "lambda_shift": 0.5,
                "lambda_reason": "best by more than one standard error",
                "epochs": 4,
                "lambda_curve": curve,
            },
            "early": {
                "lambda_shift": 0.0,
                "lambda_reason": "lambda stays 0: 120 paired rows, 200 are needed",
                "epochs": 2,
                "lambda_curve": [],
            },
        },
        names={"05001": HOSTILE},
        thresholds=pd.DataFrame(
            {
                "unit_id": ["05001", "99001"],
                "threshold_cases": [3.5, 0.0],
                "reference_weeks": [104, 104],
                "reference_years": [2.0, 2.0],
                "reference_cases": [400.0, 3.0],
                "in_pool": [True, False],
                "refused_reason": [None, "threshold of the reference range is 0"],
            }
        ),
        label_rule_id="median_2016_2017",
        synthetic_scenes=True,
        scenes_fetched="stopped by the cap: 3 units and periods are left; <b>late</b>",
        forecast=_forecast(),
        not_forecast=["99001"],
        embedding={"image": {"embedded": 3, "reused": 60}},
        lineage=[("drop", "2018-12-04"), ("dataset", "1704f1cf3b305f04")],
        versions={"python": "3.11"},
        links={"MLflow run": "http://127.0.0.1:5000/", "odd": "javascript:alert(1)"},
    )


@pytest.fixture(scope="module")
def page(context: ReportContext, tmp_path_factory: pytest.TempPathFactory) -> _Page:
    return _Page(_html(context, tmp_path_factory.mktemp("report")))


def _html(context: ReportContext, out: Path) -> str:
    return build_report(context, out).read_text(encoding="utf-8")


def _words(page: _Page) -> str:
    return " ".join(page.text)


def test_what_was_fetched_of_scenes_stands_above_the_data_issues(page: _Page) -> None:
    assert "New scenes: stopped by the cap: 3 units and periods are left; <b>late</b>." in (
        _words(page)
    )


def test_the_first_line_says_whether_fusion_beats_the_linear_head(page: _Page) -> None:
    assert page.text[0].startswith("Fusion does not beat the linear head (Brier difference +0.0")
    assert page.text[0].endswith("over 16 blocks): the linear head serves.")


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(page: _Page) -> None:
    assert not {"script", "link", "iframe", "object", "embed", "form"} & set(page.tags)
    outside = [a for a in page.addresses if not a.startswith("data:image/svg+xml;base64,")]
    assert outside == ["http://127.0.0.1:5000/"]  # a link to follow, nothing that is fetched


def test_text_that_came_with_the_data_is_shown_and_not_obeyed(page: _Page) -> None:
    assert "script" not in page.tags
    assert HOSTILE in _words(page)


def test_every_picture_says_what_it_shows(context: ReportContext, tmp_path: Path) -> None:
    images = re.findall(r"<img [^>]*>", _html(context, tmp_path))
    assert len(images) == 4  # forecast, Brier, calibration, one lambda curve
    assert all('alt="' in image for image in images)


def test_a_place_with_shapes_gets_a_map(context: ReportContext, tmp_path: Path) -> None:
    file = written(tmp_path / "f.geojson", grid([*TEN_MUNICIPALITIES, "52001"]))
    codes = load_profile("sample").codes
    shapes = unit_shapes(BoundariesConfig(file=file), TEN_MUNICIPALITIES, codes)
    html = _html(replace(context, shapes=shapes), tmp_path)
    assert len(re.findall(r"<img [^>]*>", html)) == 5
    assert "Map: 4 weeks ahead." in html


def test_synthetic_scenes_are_marked_in_bold(context: ReportContext, tmp_path: Path) -> None:
    html = _html(context, tmp_path)
    assert "<strong>The scenes of this run are synthetic" in html and "cannot hold news" in html
    real = replace(context, synthetic_scenes=False)
    assert "scenes of this run are synthetic" not in _html(real, tmp_path)


@pytest.mark.parametrize("language", list(languages()))
def test_the_bulletin_of_a_run_on_synthetic_scenes_begins_with_what_they_cannot_do(
    context: ReportContext, tmp_path: Path, language: str
) -> None:
    said = str(escape(words_of(language)("synthetic")))
    unseen = context.forecast.assign(scene_synthetic=False)  # no row of it used a scene
    for drawn, forecast in ((True, unseen), (True, None), (False, unseen)):
        made = replace(context, language=language, forecast=forecast, synthetic_scenes=drawn)
        build_report(made, tmp_path)
        html = (tmp_path / "bulletin.html").read_text(encoding="utf-8")
        first = html.partition("<body>")[2].split("</p>")[0].strip()
        assert (first == f'<p class="first">{said}') is drawn
        assert (said in html) is drawn


def test_the_report_says_what_its_thresholds_rest_on(page: _Page) -> None:
    words = _words(page)
    assert "1 from 2 reference years (104 weeks)." in words
    assert "The thresholds are hindsight:" in words
    assert "The cases are hindsight:" in words


def test_a_lambda_of_zero_is_explained_in_words(page: _Page) -> None:
    assert "lambda stays 0: 120 paired rows, 200 are needed" in page.text


def test_scores_of_the_base_and_of_a_setting_say_that_their_rows_differ(
    context: ReportContext, tmp_path: Path
) -> None:
    tried = [{"value": 0.001, "brier": [0.1], "epochs": 2}]
    setting = {"setting": "learning_rate", "chosen": 0.001, "reason": "why", "seeds": 1}
    base = {"kind": "linear", "reason": "linear: why", "brier": {"linear": [0.2]}}
    found = {**context.tuning["late_joint"], "base": base}
    found["settings"] = [{**setting, "tried": tried}]
    words = _words(_Page(_html(replace(context, tuning={"late_joint": found}), tmp_path)))
    assert "Brier, all rows of the inner seasons" in words
    assert "on those rows of the inner seasons that have an image or a text." in words


def test_issues_come_worst_first_with_what_to_do(page: _Page) -> None:
    words = _words(page)
    assert words.index("error: 1") < words.index("info: 1")
    assert "What to do: ask for the count" in words


def test_the_worst_municipality_and_the_one_with_one_class_are_marked(
    page: _Page, context: ReportContext
) -> None:
    head = context.metrics["horizons"]["4"]["heads"]["linear"]
    towns = page.text[page.text.index("By municipality") : page.text.index("Calibration")]
    assert towns[towns.index("worst") - 1] == head["worst_municipality"]
    at = towns.index("76001")
    assert "one class" in towns[at : at + 3]


def test_baselines_stand_beside_the_heads_at_every_horizon(page: _Page) -> None:
    assert page.text.count("calibrated persistence") >= 8  # metrics and onset tables of 4 horizons


def test_the_json_holds_what_the_page_holds(context: ReportContext, tmp_path: Path) -> None:
    build_report(context, tmp_path)
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert found["first_line"] == context.decision["first_line"]
    assert len(found["forecast"]) == 44
    assert found["lineage"][1] == {"what": "dataset", "id": "1704f1cf3b305f04"}
    assert [row["unit_id"] for row in found["thresholds"]] == ["05001"]


def test_equal_contexts_give_equal_bytes(context: ReportContext, tmp_path: Path) -> None:
    assert _html(context, tmp_path / "a") == _html(context, tmp_path / "b")


EMPTY: dict[str, Any] = {
    "metrics": {},
    "issues": (),
    "tuning": {},
    "thresholds": None,
    "forecast": None,
    "embedding": {},
    "lineage": (),
    "links": {},
    "versions": {},
}


@pytest.mark.parametrize("verdict", ["promote", "keep", "none"])
def test_a_run_that_got_nowhere_still_reports_why(
    context: ReportContext, tmp_path: Path, verdict: str
) -> None:
    profile = load_profile("sample")
    failed = decide(pd.DataFrame(), [Candidate("linear", "b", "r", "2018-w48")], None, profile)
    decision = {**failed.to_json(), "decision": verdict, "head": "linear"}
    page = _Page(_html(replace(context, decision=decision, **EMPTY), tmp_path))
    assert page.text[0].startswith("Nothing serves, because the comparison could not be made.")
    assert "No comparison could be made" in _words(page)
    assert "No forecast was made in this run." in page.text


@pytest.mark.parametrize("part", list(EMPTY))
def test_a_part_that_is_absent_leaves_the_others(
    context: ReportContext, tmp_path: Path, part: str
) -> None:
    html = _html(replace(context, **{part: EMPTY[part]}), tmp_path)
    assert context.run_id in html


def _places(n: int) -> pd.DataFrame:
    """The forecast of n places in two provinces, and of one that lies nowhere."""
    some = (
        _forecast()
        .query("municipality_code == '05001'")
        .drop(columns=["municipality_code", "municipality"])
    )
    about = [
        {
            "municipality_code": f"{i:05d}",
            "municipality": f"Town {i}",
            "parent": ("North", HOSTILE)[i % 2] if i else "",
            "rank": i / n,
        }
        for i in range(n)
    ]
    table = pd.DataFrame(about).merge(some, how="cross")
    return table.assign(probability=table["rank"], outbreak_expected=table["rank"] > 0.9)


def test_many_places_are_looked_up_by_what_they_lie_in(
    context: ReportContext, tmp_path: Path
) -> None:
    page = _Page(_html(replace(context, forecast=_places(60), metrics={}), tmp_path))
    words = _words(page)
    assert f"{HOSTILE}: outbreak week expected in 3 of 30" in words
    assert (
        words.index(f"{HOSTILE}: outbreak")
        < words.index("North: outbreak")
        < words.index("Others: outbreak")
    )
    assert "00058 · North" in words


def test_a_few_places_stand_in_one_table_with_what_they_lie_in(
    context: ReportContext, tmp_path: Path
) -> None:
    words = _words(_Page(_html(replace(context, forecast=_places(50), metrics={}), tmp_path)))
    assert "All 50 municipalities" in words
    assert "00048 · North" in words
