"""A candidate without a horizon: the same models under a bundle of its own, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipelines.config import Profile
from pipelines.fusion.bundle import Bundle, bundle_id, load_verified_bundle, write_bundle
from pipelines.fusion.examples import Examples
from pipelines.steps.bulletin import withheld_horizons
from pipelines.storage import write_json
from pipelines.training.left_out import left_out


@pytest.fixture
def candidate(
    tmp_path: Path, make_bundle: Callable[..., Bundle], make_examples: Callable[..., Examples]
) -> Path:
    folder = tmp_path / "candidates" / "whole"
    folder.mkdir(parents=True)
    recipe = {"data": {"reporting_delay_weeks": 0}, "horizons_weeks": [1, 4]}
    write_bundle(make_bundle(make_examples(), recipe=recipe), folder / "bundle")
    for name in ("receipt.json", "tuning.json"):
        write_json(folder / name, {"of": "whole"})
    return folder


def test_the_other_horizons_keep_their_models_and_the_bundle_is_sound(
    candidate: Path, make_examples: Callable[..., Examples]
) -> None:
    whole = load_verified_bundle(candidate / "bundle")
    first, *rest = sorted(whole.models)
    made = load_verified_bundle(left_out(candidate, [first]) / "bundle")
    assert made.meta.horizons_weeks == tuple(rest) == tuple(sorted(made.models))
    assert made.meta.recipe_id == whole.meta.recipe_id
    for horizon in rest:
        rows = make_examples(horizon=horizon)
        assert np.array_equal(
            made.models[horizon].probability(rows), whole.models[horizon].probability(rows)
        )


def test_it_is_made_once_under_an_identity_of_its_own(candidate: Path) -> None:
    first = min(load_verified_bundle(candidate / "bundle").models)
    made = left_out(candidate, [first])
    stamp = (made / "tuning.json").stat().st_ino
    assert left_out(candidate, [first]) == made != left_out(candidate, []) == candidate
    assert (made / "tuning.json").stat().st_ino == stamp
    assert bundle_id(made / "bundle") != bundle_id(candidate / "bundle")


def test_a_forecast_names_the_horizon_that_its_bundle_leaves_out(
    candidate: Path, quick: Profile
) -> None:
    assert withheld_horizons(load_verified_bundle(left_out(candidate, [1]) / "bundle"), quick) == [
        1
    ]
    assert withheld_horizons(load_verified_bundle(candidate / "bundle"), quick) == []
