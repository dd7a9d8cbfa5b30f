"""A champion is not handed prompts of a template that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples
from pipelines.steps.readable import as_trained, left_out_words, prompts_left_out

Make = Callable[..., Examples]
MakeBundle = Callable[..., Bundle]
OTHER = {"prompt_template_id": "of a template since"}


def same(bundle: Bundle) -> dict[str, object]:
    return {"prompt_template_id": bundle.meta.prompt_template_id}


def test_prompts_of_its_own_template_are_read(make_examples: Make, make_bundle: MakeBundle) -> None:
    rows = make_examples()
    bundle = make_bundle(rows)
    assert not prompts_left_out(bundle, same(bundle))
    assert as_trained(bundle, same(bundle), {4: rows})[4] is rows


def test_of_another_template_it_forecasts_as_where_a_prompt_is_missing(
    make_examples: Make, make_bundle: MakeBundle, caplog: pytest.LogCaptureFixture
) -> None:
    rows = make_examples()
    bundle = make_bundle(rows)
    read = as_trained(bundle, OTHER, {4: rows})[4]
    assert not read.text.mask.any() and (read.image.mask == rows.image.mask).all()
    model, both = bundle.models[4], rows.text.mask
    assert (model.probability(read)[both] != model.probability(rows)[both]).any()
    neither = ~rows.image.mask
    linear = replace(model, forecaster=model.forecaster.base)
    np.testing.assert_array_equal(
        model.probability(read)[neither], linear.probability(read)[neither]
    )
    assert "forecasts without prompts" in caplog.text


def test_a_model_without_vectors_is_told_nothing(
    make_examples: Make, make_bundle: MakeBundle
) -> None:
    rows = make_examples()
    bundle = make_bundle(rows)
    model = bundle.models[4]
    plain = replace(bundle, models={4: replace(model, forecaster=model.forecaster.base)})
    assert not prompts_left_out(plain, OTHER)
    assert as_trained(plain, OTHER, {4: rows})[4] is rows


def test_what_was_left_out_is_said_of_the_published_forecast() -> None:
    assert left_out_words({}) == ""
    assert "another template than it was trained on" in left_out_words({"prompts_left_out": True})
