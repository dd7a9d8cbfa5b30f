"""What each part of the alignment brings where it is tuned: who chooses, on which rows, and what
the rows could have shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.study_results import results, write

from pipelines.arrays import Float64s, Int64s
from pipelines.errors import ConfigError
from pipelines.fusion.examples import ModalityVectors
from pipelines.paper.config import StudyConfig, TunedConfig
from pipelines.paper.page.report import write_report
from pipelines.paper.prepared import Prepared
from pipelines.paper.protocols import check_turns, split, torn_groups
from pipelines.paper.scores import paired_interval
from pipelines.paper.study import STUDY_COLUMNS, Study
from pipelines.paper.tables import write_tables
from pipelines.paper.tuned.rows import tuned_rows
from pipelines.paper.tuned.search import ORDER, Setting, choose, search
from pipelines.paper.tuned.train import train_tuned, turned
from pipelines.storage import read_json

N, IMAGE, TEXT = 100, 8, 6
SPACES = ("image-space", "text-space")
PLAIN = Setting(learning_rate=0.01)
NAMED = {"approach": "made", "title": "Made", "beside": "clip", "as_printed": False}
GRIDS = {
    "seeds": (7, 8),
    "learning_rate": (0.01, 0.03),
    "lambda_shift": (0, 0.5),
    "noise_sigma": (0, 0.1),
    "alignment_weight": (0, 1),
}


def study(**tuned: Any) -> StudyConfig:
    weights = {"name": "w", "folder": "/none", "file": "f", "sha256": "0" * 64, "pooling": "mean"}
    frozen = {"id": "made", "kind": "frozen", "title": "Made", "beside": "clip"}
    about = {
        "approaches": [{**frozen, "image": weights, "text": weights}],
        "epochs": 4,
        "resamples": 100,
        "tuned": {**GRIDS, **tuned},
    }
    return StudyConfig.model_validate(about)


def tuned(**changed: Any) -> TunedConfig:
    found = study(**changed).tuned
    assert found is not None
    return found


def a_study(week: int = -1) -> Study:
    """Three classes, two rows a lesion."""
    rows = pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(N)],
            "group_id": [f"lesion{i // 2}" for i in range(N)],
            "week_no": week,
            "label": (np.arange(N) // 2) % 3,
            "image": "i.png",
            "text": "a text",
        }
    )[list(STUDY_COLUMNS)]
    return Study("folder", "safe", Path(), rows, ("a", "b", "c"), needs_image=True)


def prepared(folder: Path, protocol: str = "safe") -> Prepared:
    of = a_study()
    hashes = {f"{m}_sha256": [f"{m}{i}" for i in range(N)] for m in ("image", "text")}
    rows = of.rows.assign(part=split(of), usable=True, persistence=np.nan, **hashes)
    about = {
        "name": "folder",
        "protocol": protocol,
        "classes": list(of.classes),
        "needs_image": True,
        "crop_px": None,
        "data": ".",
        "has_persistence": False,
    }
    return Prepared(folder, rows, about)


def vectors(of: Prepared) -> tuple[ModalityVectors, ModalityVectors]:
    """Vectors that follow the first labels, noisily."""
    rng, label = np.random.default_rng(5), a_study().rows["label"].to_numpy()
    made = []
    for width in (IMAGE, TEXT):
        table = rng.normal(size=(3, width))[label] + 1.5 * rng.normal(size=(N, width))
        made.append(ModalityVectors(table.astype(np.float32), np.arange(N, dtype=np.int32)))
    return made[0], made[1]


def trained(of: Prepared, fusion: str = "late_joint", **changed: Any) -> list[dict[str, Any]]:
    return train_tuned(fusion, SPACES, vectors(of), of, study(**changed))


def relabelled(of: Prepared, part: str, folder: Path) -> Prepared:
    """The same rows with the labels of one part turned round."""
    rows, at = of.rows.copy(), of.rows["part"] == part
    rows.loc[at, "label"] = (rows.loc[at, "label"] + 1) % 3
    return replace(of, rows=rows, folder=folder)


def settings(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: way["setting"] for name, way in turn["ways"].items()} for turn in turns]


def test_the_best_is_the_highest_mean_and_the_other_rule_leans_to_the_plain_value() -> None:
    noisy = PLAIN.model_copy(update={"noise_sigma": 0.1})
    scores = {PLAIN: np.array([0.70, 0.76]), noisy: np.array([0.75, 0.73])}
    assert choose(scores, PLAIN, "best")[0] == noisy
    kept, reason = choose(scores, PLAIN, "one_standard_error")
    assert kept == PLAIN and "0.0100 below it" in reason
    clear = {PLAIN: np.array([0.70, 0.71]), noisy: np.array([0.75, 0.76])}
    assert choose(clear, PLAIN, "one_standard_error")[0] == noisy


def test_of_settings_as_good_the_plainest_is_taken() -> None:
    others = [PLAIN.model_copy(update={"lambda_shift": v}) for v in (-1.0, 0.5)]
    scores = {one: np.array([0.5, 0.6]) for one in (*others, PLAIN)}
    assert choose(scores, PLAIN, "best")[0] == PLAIN
    del scores[PLAIN]
    assert choose(scores, PLAIN, "best")[0] == others[1]


def synergy(setting: Setting) -> Float64s:
    """Lambda and noise help together only; the weight alone."""
    both = setting.lambda_shift > 0 and setting.noise_sigma > 0
    either = setting.lambda_shift > 0 or setting.noise_sigma > 0
    value = 0.5 + 0.2 * both - 0.05 * (either and not both) + 0.01 * (setting.alignment_weight > 0)
    return np.array([value, value])


def test_a_staged_search_keeps_what_an_earlier_stage_chose() -> None:
    found = search(PLAIN, ORDER, synergy, tuned(rule="best"))
    assert found.setting == PLAIN.model_copy(update={"alignment_weight": 1.0})
    assert (found.tried, found.gain) == (8, pytest.approx(0.01))
    assert found.reason.count(";") == 3


def test_a_joint_search_tries_every_combination() -> None:
    found = search(PLAIN, ORDER, synergy, tuned(rule="best", search="joint"))
    assert (found.setting.lambda_shift, found.setting.noise_sigma) == (0.5, 0.1)
    assert (found.tried, found.gain) == (16, pytest.approx(0.21))


def test_test_labels_choose_nothing(tmp_path: Path) -> None:
    of = prepared(tmp_path / "a")
    given = trained(of, rule="best")
    turned_round = trained(relabelled(of, "test", tmp_path / "b"), rule="best")
    other = trained(relabelled(of, "validation", tmp_path / "c"), rule="best")
    assert settings(turned_round) == settings(given)
    chosen, elsewhere = (turns[0]["ways"]["plain"]["selection_f1"] for turns in (given, other))
    assert chosen != elsewhere


def test_five_turns_judge_every_row_once_and_tear_no_lesion(tmp_path: Path) -> None:
    of = prepared(tmp_path)
    turns = [turned(of, turn) for turn in range(5)]
    judged = np.concatenate([np.flatnonzero(t.rows["part"] == "test") for t in turns])
    assert sorted(judged.tolist()) == list(range(N))
    assert [torn_groups(a_study(), t.rows["part"].to_numpy()) for t in turns] == [[]] * 5
    assert turns[0] is of
    assert {t.rows_id for t in turns[1:]}.isdisjoint({of.rows_id})


def test_rows_in_time_cannot_be_turned() -> None:
    with pytest.raises(ConfigError, match="its rows are split forward in time"):
        check_turns(a_study(week=100), 5)
    check_turns(a_study(week=100), 1)
    given = replace(a_study(), given_split=["train"] * N)
    with pytest.raises(ConfigError, match="it brings its own split"):
        check_turns(given, 2)


def test_only_a_study_that_asks_tunes_and_never_by_the_papers_protocol(tmp_path: Path) -> None:
    assert trained(prepared(tmp_path, "paper")) == []
    silent = study().model_copy(update={"tuned": None})
    of = prepared(tmp_path)
    assert train_tuned("early", SPACES, vectors(of), of, silent) == []
    assert not (tmp_path / "cells").exists()


def test_each_way_tunes_its_own_part_alone(tmp_path: Path) -> None:
    found = settings(trained(prepared(tmp_path), rule="best"))[0]
    assert list(found) == ["plain", "lambda", "noise", "reg", "all"]
    rate = found["plain"]["learning_rate"]
    own = {"lambda": "lambda_shift", "noise": "noise_sigma", "reg": "alignment_weight"}
    for way, part in own.items():
        assert found[way]["learning_rate"] == rate
        assert {k for k, v in found[way].items() if v and k != "learning_rate"} <= {part}


def test_the_first_fusion_has_each_modality_alone_and_early_fusion_has_no_reg(
    tmp_path: Path,
) -> None:
    found = settings(trained(prepared(tmp_path), "early"))[0]
    assert list(found) == ["plain", "lambda", "noise", "all", "image", "text"]
    assert found["all"]["alignment_weight"] == 0


def test_rows_pool_all_turns_and_set_each_way_against_the_plain_head(tmp_path: Path) -> None:
    of = prepared(tmp_path)
    turns = json.loads(json.dumps(trained(of, turns=5), sort_keys=True))  # as a record is read
    rows = tuned_rows(turns, {**NAMED, "fusion": "late_joint"}, of, study(turns=5))
    assert [row["way"] for row in rows] == ["plain", "lambda", "noise", "reg", "all"]
    for row in rows:
        assert (row["rows"], row["groups"], row["turns"], row["seeds"]) == (N, N // 2, 5, 2)
        assert len(row["lambda_shift"]) == 5
    assert rows[0]["difference"] is None
    for row in rows[1:]:
        assert row["difference"]["value"] == pytest.approx(row["f1"] - rows[0]["f1"])


def test_pooled_rows_are_judged_by_their_own_labels(tmp_path: Path) -> None:
    of = prepared(tmp_path)
    label = of.usable["label"].to_numpy()
    tests = [np.flatnonzero(turned(of, t).rows["part"] == "test") for t in range(2)]
    way = {"setting": PLAIN.model_dump(), "reason": "", "tried": 1, "selection_f1": 0.5}
    turns = [
        {"test": at.tolist(), "ways": {"plain": {**way, "predicted": [label[at].tolist()]}}}
        for at in tests
    ]
    assert tuned_rows(turns, NAMED, of, study())[0]["f1"] == 1.0


def worlds(difference: float, seed: int, rows: int = 150) -> tuple[Int64s, Int64s, Int64s]:
    """Labels, and two predictions of which the first is right more often by a true difference."""
    rng = np.random.default_rng(seed)
    label, draw = rng.integers(0, 2, rows), rng.random(rows)
    right = draw < 0.55 + difference
    other = np.where(rng.random(rows) < 0.3, rng.random(rows) < 0.55, draw < 0.55)
    return label, np.where(right, label, 1 - label), np.where(other, label, 1 - label)


def test_the_smallest_shown_difference_is_found_in_four_of_five_samples() -> None:
    sizes = [
        found.smallest_shown
        for seed in range(30)
        if (found := paired_interval(*worlds(0.1, seed), np.arange(150), "accuracy"))
    ]
    planted = float(np.mean([size for size in sizes if size is not None]))
    shown = [
        found.lower > 0
        for seed in range(100, 500)
        if (found := paired_interval(*worlds(planted, seed), np.arange(150), "accuracy", 300))
    ]
    assert len(shown) == 400
    assert 0.74 < np.mean(shown) < 0.86


def test_predictions_that_never_differ_say_nothing_of_what_could_be_shown() -> None:
    label, one, _ = worlds(0.1, 1)
    found = paired_interval(label, one, one, np.arange(150), "accuracy")
    assert found is not None and found.smallest_shown is None


def row(way: str, difference: dict[str, Any] | None) -> dict[str, Any]:
    return {
        **NAMED,
        "approach": "lite0_minilm",
        "fusion": "early",
        "way": way,
        "turns": 2,
        "seeds": 5,
        "rows": 84,
        "groups": 84,
        "learning_rate": [0.001, 0.003],
        "lambda_shift": [0.0, -0.5],
        "noise_sigma": [0.0, 0.0],
        "alignment_weight": [0.0, 0.0],
        "reasons": ["the best of 3 on validation"] * 2,
        "tried": 6,
        "selection_f1": 0.41,
        "f1": 0.4567,
        "f1_interval": [0.35, 0.55],
        "difference": difference,
    }


SOME = {"value": -0.012, "lower": -0.05, "upper": 0.03, "groups": 84, "smallest_shown": 0.0678}


def test_the_page_shows_choices_difference_and_what_could_have_been_shown(tmp_path: Path) -> None:
    asked = {**results(), "tuned": [row("plain", None), row("lambda", SOME)]}
    page = write_report(write(tmp_path, asked)).read_text(encoding="utf-8")
    section = page[page.index('<section id="tuned">') :].partition("</section>")[0]
    for words in ("rate 0.001, 0.003; lambda 0, −0.5", "0.457", "−0.012", "−0.050 to +0.030"):
        assert words in section
    assert "0.068" in section and "84 test rows of 84 groups in 2 turns, 5 seeds" in section


def test_a_study_that_does_not_ask_has_no_such_section_and_no_such_table(tmp_path: Path) -> None:
    page = write_report(write(tmp_path, results())).read_text(encoding="utf-8")
    assert '<section id="tuned">' not in page
    found = write_tables({**results(), "tuned": []}, tmp_path)
    assert "tuned.csv" not in [path.name for path in found]


def test_the_table_holds_the_values_of_every_turn(tmp_path: Path) -> None:
    write_tables({**results(), "tuned": [row("plain", None), row("lambda", SOME)]}, tmp_path)
    _, plain, shifted = (tmp_path / "tuned.csv").read_text(encoding="utf-8").splitlines()
    assert "0.001 0.003,0 -0.5" in shifted and shifted.endswith("-0.012,-0.05,0.03,0.0678")
    assert plain.endswith(",,,,")


@pytest.mark.parametrize("part", ["lambda_shift", "noise_sigma", "alignment_weight"])
def test_a_grid_without_the_plain_value_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="the grid must hold 0"):
        study(**{part: [0.5]})


def test_trainings_are_found_again(tmp_path: Path) -> None:
    first = trained(prepared(tmp_path))
    made = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    assert trained(prepared(tmp_path)) == first
    again = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    assert again == made
    assert read_json(next((tmp_path / "cells").iterdir()))["selected_on"] == "validation"
