"""Splits of both protocols, and the guard against texts that tell the label."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.study_data import brset_rows, ham_rows, make_brset, make_ham, write_csv

from pipelines.contracts import PAPER_DATASETS
from pipelines.data.sources.sample import package_table
from pipelines.errors import DropError, LeakageError
from pipelines.paper.datasets import brset, ham10000, read_study, satellite_rows
from pipelines.paper.protocols import guard_text, split, torn_groups
from pipelines.paper.study import PROTOCOLS, STUDY_COLUMNS, Protocol, Study
from pipelines.weeks import CDC


def a_study(
    label: np.ndarray,
    group: np.ndarray,
    protocol: Protocol = "safe",
    name: str = "folder",
    week: np.ndarray | None = None,
) -> Study:
    n = len(label)
    rows = pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(n)],
            "group_id": group.astype(str),
            "week_no": -1 if week is None else week,
            "label": label,
            "image": None,
            "text": "a text",
        }
    )
    classes = tuple(f"class{k}" for k in range(int(label.max()) + 1))
    return Study(name, protocol, Path(), rows[list(STUDY_COLUMNS)], classes, needs_image=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every data set of the paper, without images, below one folder."""
    root = tmp_path_factory.mktemp("data")
    make_ham(root, ham_rows(300, lesions=120))
    make_brset(root, brset_rows(300, patients=120))
    shutil.copyfile(package_table(), root / "metadata.csv")
    scene = root / "81_municipalities_v1.0" / "images" / "5001" / "image_2016-01-03.png"
    scene.parent.mkdir(parents=True)
    scene.write_bytes(b"")
    rows = [
        {"image": "", "text": f"question {i}", "label": ("red", "blue")[i % 2]} for i in range(40)
    ]
    write_csv(root / "rows.csv", rows[0], rows)
    return root


@pytest.mark.parametrize(
    ("name", "rows", "sizes"),
    [
        ("ham10000", 10_015, {"train": 8_012, "test": 2_003}),
        ("brset", 16_266, {"train": 13_012, "test": 3_254}),
        ("satellitebench", 1_560, {"train": 936, "validation": 312, "test": 312}),
        ("folder", 101, {"train": 80, "test": 21}),
    ],
)
def test_the_papers_random_split_has_the_printed_sizes(
    name: str, rows: int, sizes: dict[str, int]
) -> None:
    label = np.random.default_rng(1).integers(0, 2, rows)
    study = a_study(label, np.arange(rows), "paper", name)
    parts = split(study)
    assert Counter(parts) == sizes
    assert abs(label[parts == "test"].mean() - label.mean()) < 0.02
    assert parts.tolist() == split(study).tolist()


@given(
    n=st.integers(40, 200),
    groups=st.integers(12, 60),
    classes=st.integers(2, 7),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_the_safe_split_never_tears_a_group(n: int, groups: int, classes: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    study = a_study(draw.integers(0, classes, n), draw.integers(0, groups, n))
    parts = split(study)
    sides = {}
    for group, part in zip(study.rows["group_id"], parts, strict=True):
        sides.setdefault(group, set()).add(part)
    assert all(len(found) == 1 for found in sides.values())
    assert set(parts) == {"train", "validation", "test"}
    assert torn_groups(study, parts) == []


def test_the_safe_split_keeps_a_fifth_for_the_test_with_every_class_in_it() -> None:
    draw = np.random.default_rng(0)
    group = draw.integers(0, 900, 2_000)
    study = a_study((group % 20 == 0).astype(int), group)
    parts, label = split(study), study.rows["label"].to_numpy()
    for part, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        assert abs((parts == part).mean() - share) < 0.02
        assert abs(label[parts == part].mean() - label.mean()) < 0.02


def test_satellitebench_goes_forward_in_time_with_a_week_left_out_before_each_judged_period(
    data: Path,
) -> None:
    study = read_study("satellitebench", data, "safe")
    weeks = study.rows.assign(part=split(study)).groupby("part")["week_no"]
    ends = {part: (CDC.week_label(w.min()), CDC.week_label(w.max())) for part, w in weeks}
    assert ends["train"] == ("2016-w01", "2017-w25")
    assert ends["validation"] == ("2017-w27", "2017-w51")
    assert ends["test"] == ("2018-w01", "2018-w52")
    unused = study.rows["week_no"][split(study) == "unused"].map(CDC.week_label)
    assert Counter(unused) == {"2017-w26": 10, "2017-w52": 10}


def test_rows_with_weeks_of_ones_own_go_forward_in_time() -> None:
    week = CDC.week_no("2017-w01") + np.repeat(np.arange(20), 3)
    study = a_study(np.tile([0, 1, 0], 20), np.arange(60), week=week)
    parts = split(study)
    assert week[parts == "train"].max() + 1 < week[parts == "validation"].min()
    assert week[parts == "validation"].max() + 1 < week[parts == "test"].min()
    assert Counter(parts) == {"train": 33, "validation": 9, "test": 12, "unused": 6}


def test_a_given_split_is_kept_unless_it_tears_a_group() -> None:
    given_split = ("train", "train", "validation", "test", "unused", "test")
    whole = replace(
        a_study(np.array([0, 1] * 3), np.array([0, 0, 1, 2, 0, 2])), given_split=given_split
    )
    assert tuple(split(whole)) == given_split
    torn = replace(
        a_study(np.array([0, 1] * 3), np.array([0, 0, 1, 0, 0, 2])), given_split=given_split
    )
    with pytest.raises(LeakageError, match="1 groups on two sides"):
        split(torn)
    assert tuple(split(replace(torn, protocol="paper"))) == given_split


@pytest.mark.parametrize(
    ("label", "group", "says"),
    [
        ([0, 1] * 10, [0, 1, 2, 3] * 5, "4 groups cannot be split"),
        ([0, 1, 0, 1, 0, 1], range(6), "too few to split"),
    ],
)
def test_too_few_rows_or_groups_are_told(label: list[int], group: list[int], says: str) -> None:
    with pytest.raises(DropError, match=says):
        split(a_study(np.array(label), np.array(group)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", sorted(PAPER_DATASETS))
def test_no_shipped_prompt_tells_its_label(data: Path, name: str, protocol: Protocol) -> None:
    study = read_study(name, data, protocol)
    guard_text(study)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_prompt_that_names_the_class_is_found(data: Path, protocol: Protocol) -> None:
    study = read_study("ham10000", data, protocol)
    texts = [
        f"{text} Verdict: {study.classes[at].upper()}."
        for text, at in zip(study.rows["text"], study.rows["label"], strict=True)
    ]
    with pytest.raises(LeakageError, match="300 of 300 texts name their row's class"):
        guard_text(replace(study, rows=study.rows.assign(text=texts)))


def test_a_prompt_with_the_labels_number_in_every_row_is_found(data: Path) -> None:
    study = replace(read_study("folder", data, "safe"), classes=("0", "1"))
    guard_text(study)  # "question 1" is of class 1, by chance
    texts = [
        f"{t}, with {at} dengue"
        for t, at in zip(study.rows["text"], study.rows["label"], strict=True)
    ]
    with pytest.raises(LeakageError, match="40 of 40 texts name their row's class"):
        guard_text(replace(study, rows=study.rows.assign(text=texts)))


def test_one_free_text_that_names_its_class_stops_the_safe_protocol_and_not_the_papers(
    data: Path,
) -> None:
    make = "hypertension, diabetic retinopathy"  # a comorbidity of made rows
    paper, safe = (read_study("brset", data, p) for p in PROTOCOLS)
    assert paper.rows["text"].str.contains(make).any()
    guard_text(paper)
    with pytest.raises(LeakageError, match="name their row's class"):
        guard_text(replace(safe, rows=safe.rows.assign(text=paper.rows["text"])))


@pytest.mark.parametrize(
    ("module", "name", "column"),
    [(ham10000, "ham10000", "dx"), (brset, "brset", "diabetic_retinopathy")],
)
def test_a_prompt_computed_from_the_label_in_other_words_is_found(
    data: Path, monkeypatch: pytest.MonkeyPatch, module, name: str, column: str
) -> None:
    honest = module._texts
    secret = {"nv": "harmless", "1": "ill"}

    def leaking(table: pd.DataFrame, protocol: Protocol) -> list[str]:
        words = table[column].map(secret).fillna("to be watched")
        return [
            f"{text} It is {word}."
            for text, word in zip(honest(table, protocol), words, strict=True)
        ]

    monkeypatch.setattr(module, "_texts", leaking)
    with pytest.raises(LeakageError, match="change when the labels are others"):
        guard_text(read_study(name, data, "safe"))


def test_the_safe_prompt_may_not_have_a_column_that_leaks_and_the_papers_may(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard_text(read_study("ham10000", data, "paper"))  # it says dx_type
    honest = ham10000._texts
    monkeypatch.setattr(ham10000, "_texts", lambda table, _protocol: honest(table, "paper"))
    with pytest.raises(LeakageError, match="change when the labels are others"):
        guard_text(read_study("ham10000", data, "safe"))


def test_a_city_prompt_computed_from_cases_is_found(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.paper.datasets import satellitebench

    honest = satellite_rows.texts_of

    def leaking(places, unit_ids, sundays):  # type: ignore[no-untyped-def]
        total = places.tables.cases.groupby("unit_id")["cases"].sum()
        return {
            i: f"{text} Burden {total[i[:5]]:.0f}."
            for i, text in honest(places, unit_ids, sundays).items()
        }

    for module in (satellite_rows, satellitebench):
        monkeypatch.setattr(module, "texts_of", leaking)
    with pytest.raises(LeakageError, match="1560 of 1560 texts change"):
        guard_text(read_study("satellitebench", data, "safe"))


@pytest.mark.real_data
def test_on_the_real_10_015_rows_no_lesion_is_on_two_sides(real_data: Path) -> None:
    study = read_study("ham10000", real_data / "ham10000-mini", "safe")
    parts = split(study)
    sides = study.rows.assign(part=parts).groupby("group_id")["part"].nunique()
    assert len(sides) == 7_470 and sides.max() == 1
    counts = pd.crosstab(study.rows["label"], parts)
    assert (counts > 0).all().all() and len(counts) == 7
    assert abs((parts == "test").mean() - 0.2) < 0.005


@pytest.mark.real_data
def test_the_papers_split_of_the_real_rows_is_the_one_its_code_makes(real_data: Path) -> None:
    from sklearn.model_selection import train_test_split

    study = read_study("ham10000", real_data / "ham10000-mini", "paper")
    table = pd.read_csv(real_data / "ham10000-mini" / "HAM10000_metadata.csv")
    _, test = train_test_split(table, test_size=0.2, stratify=table["dx"], random_state=42)
    assert set(study.rows["sample_id"][split(study) == "test"]) == set(test["image_id"])
    assert len(test) == 2_003
