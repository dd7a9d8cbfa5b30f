"""Variance over initialisations and over data: the identity, planted parts, and real encoders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.config import DeploymentPaths, load_profile
from pipelines.errors import TrainingError
from pipelines.paper.cone import (
    Encode,
    cone_record,
    data_variance_ratio,
    mean_cosine,
    untrained_encoders,
    variance_parts,
)

Vectors = npt.NDArray[np.float32]
TEXTS = {
    "medical": [f"Histopathology, {age} years, male, lesion on the back" for age in range(30, 40)],
    "general": ["A dog runs on the beach", "Two plates of rice and beans", "The train to Popayán is late", "Snow", "Who painted this old bridge?", "An empty street at night", "Red apples, 2 kg", "Goal in the last minute!"],
}  # fmt: skip


def drawn(
    k: int, n: int, width: int, seed: int, theta: float, inputs: float, noise: float
) -> Vectors:
    """h = a_theta + c_x + e: independent normal parts of the given standard deviations."""
    rng = np.random.default_rng(seed)
    a, c, e = (rng.normal(size=size) for size in ((k, 1, width), (1, n, width), (k, n, width)))
    return (theta * a + inputs * c + noise * e).astype(np.float32)


def unit(vectors: Vectors) -> Vectors:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@settings(max_examples=40, deadline=None)
@given(
    k=st.integers(2, 5), n=st.integers(2, 9), width=st.integers(1, 7), seed=st.integers(0, 2**16)
)
def test_total_variance_is_the_part_between_plus_the_part_within(
    k: int, n: int, width: int, seed: int
) -> None:
    vectors = drawn(k, n, width, seed, 2.0, 1.0, 0.5)
    parts = variance_parts(vectors)
    assert parts.between + parts.within == pytest.approx(parts.total, rel=1e-5)
    flat = vectors.reshape(k * n, width).astype(np.float64)
    plain = sum(((row - flat.mean(axis=0)) ** 2).sum() for row in flat) / (k * n)
    assert parts.total == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize(("k", "n"), [(3, 40), (12, 4)])
def test_planted_parts_are_found_again_from_few_seeds_and_few_inputs(k: int, n: int) -> None:
    theta, inputs, noise, width = 0.5, 1.0, 1.5, 20_000
    parts = variance_parts(drawn(k, n, width, 1, theta, inputs, noise))
    assert parts.initialisation_variance == pytest.approx(theta**2 * width, rel=0.05)
    assert parts.data_variance == pytest.approx((inputs**2 + noise**2) * width, rel=0.05)
    assert parts.data_share == pytest.approx(3.25 / 3.5, rel=0.02)


def test_the_variance_over_data_and_the_cone_are_one_thing() -> None:
    vectors = unit(drawn(2, 12, 8, 2, 1.0, 0.4, 0.2))
    by_loop = [
        np.mean([a @ b for i, a in enumerate(one) for j, b in enumerate(one) if i != j])
        for one in vectors
    ]
    assert [mean_cosine(one) for one in vectors] == pytest.approx(by_loop, abs=1e-6)
    assert variance_parts(vectors).data_variance == pytest.approx(1 - np.mean(by_loop), abs=1e-6)


def test_the_ratio_of_two_groups_holds_the_planted_one_in_its_interval() -> None:
    narrow, wide = (drawn(3, n, 30, n, 1.0, 0.0, size) for n, size in ((80, 0.7), (120, 1.0)))
    found = data_variance_ratio(narrow, wide)
    assert found["lower"] < 0.49 < found["upper"] and found["verdict"] == "lower"
    plain = [np.mean([one.var(axis=0, ddof=1).sum() for one in group]) for group in (narrow, wide)]
    assert found["ratio"] == pytest.approx(plain[0] / plain[1], rel=1e-5)
    assert data_variance_ratio(wide, narrow)["verdict"] == "higher"
    assert data_variance_ratio(wide, wide.copy())["verdict"] == "not told apart"
    assert found == data_variance_ratio(narrow, wide)


def test_the_interval_is_as_wide_as_that_of_resampling_row_by_row() -> None:
    a, b = drawn(1, 6, 3, 4, 0.0, 1.0, 0.0), drawn(1, 60, 3, 5, 0.0, 1.5, 0.0)
    found = data_variance_ratio(a, b)
    rng = np.random.default_rng(9)
    sizes = np.array(
        [
            [
                v[0, rng.integers(0, v.shape[1], v.shape[1])].var(axis=0, ddof=1).sum()
                * v.shape[1]
                / (v.shape[1] - 1)
                for v in (a, b)
            ]
            for _ in range(4000)
        ]
    )
    plain = np.quantile(sizes[:, 0] / sizes[:, 1], [0.025, 0.975])
    assert [found["lower"], found["upper"]] == pytest.approx(list(plain), rel=0.12)


@pytest.mark.parametrize("copies", [4, 3])  # with 3 of 4, some resample is of copies alone
def test_a_group_that_does_not_vary_gives_no_ratio(copies: int) -> None:
    still = drawn(2, 4, 3, 1, 1, 1, 1)
    still[:, :copies] = still[:, :1]
    found = data_variance_ratio(drawn(2, 5, 3, 0, 1, 1, 1), still)
    assert found == {"ratio": None, "lower": None, "upper": None, "verdict": "not told apart"}


def test_a_record_names_the_groups_the_first_against_each_other_one() -> None:
    turned = drawn(3, 1, 6, 0, 1.0, 0.0, 0.0)

    def encode_by_seed(seed: int) -> Encode:
        return lambda inputs: np.array([7 * (turned[seed, 0] + x) for x in inputs], np.float32)

    groups = {"a": [0.1, 0.2, 0.3], "b": [1.0, 2.0], "c": [-1.0, 1.0, 3.0]}
    record = cone_record(encode_by_seed, groups, (0, 1, 2), trained=encode_by_seed(1))
    pairs = [(r["encoder"], r["of"], r["to"]) for r in record["ratios"]]
    assert pairs == [
        ("untrained", "a", "b"),
        ("untrained", "a", "c"),
        ("trained", "a", "b"),
        ("trained", "a", "c"),
    ]
    assert {name: group["n_inputs"] for name, group in record["groups"].items()} == {
        "a": 3,
        "b": 2,
        "c": 3,
    }
    one = unit(np.array([turned[1, 0] + x for x in groups["c"]], np.float32))
    expected = one.var(axis=0, ddof=1).sum()
    assert record["groups"]["c"]["trained"]["data_variance"] == pytest.approx(expected, rel=1e-4)
    by_seed = record["groups"]["c"]["untrained"]["mean_cosine_by_seed"]
    assert by_seed[1] == pytest.approx(1 - expected, rel=1e-4) and len(by_seed) == 3
    json.dumps(record, allow_nan=False)
    assert cone_record(encode_by_seed, groups, (0, 1))["groups"]["a"]["trained"] is None


@pytest.mark.parametrize(
    ("seeds", "groups"), [((1,), TEXTS), ((1, 1), TEXTS), ((1, 2), {"a": ["one"]}), ((1, 2), {})]
)
def test_one_seed_or_one_input_has_no_variance(
    seeds: Sequence[int], groups: dict[str, list[str]]
) -> None:
    def never(seed: int) -> Encode:
        raise AssertionError("nothing should be loaded")

    with pytest.raises(TrainingError, match="at least 2 seeds and 2 inputs"):
        cone_record(never, groups, seeds)


def test_untrained_sentence_encoders_differ_more_among_themselves_than_over_texts(
    tmp_path: Path,
) -> None:
    encoders = untrained_encoders(load_profile("ci").embed.text, DeploymentPaths(home=tmp_path))
    record = cone_record(encoders, TEXTS, (0, 1))
    for group in record["groups"].values():
        assert group["untrained"]["data_share"] < 0.5 < group["untrained"]["mean_cosine"]
    assert record["ratios"][0]["verdict"] == "lower"  # ten prompts of one template
