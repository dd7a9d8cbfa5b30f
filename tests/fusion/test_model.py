"""One horizon's model: the linear logit where nothing is seen, and no dependence on the batch."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.fusion.examples import ModalityVectors

KINDS = ("early", "late_joint")


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_with_no_modality_gets_exactly_the_linear_logit(kind, make_examples, make_bundle):
    rows = make_examples()
    model = make_bundle(rows, kind).models[4]
    none = ~(rows.image.mask | rows.text.mask)
    assert none.any() and not none.all()
    np.testing.assert_array_equal(model.logit(rows)[none], model.forecaster.base.logit(rows)[none])
    assert (model.logit(rows)[~none] != model.forecaster.base.logit(rows)[~none]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_with_no_modality_gets_exactly_the_linear_heads_probability(
    kind, make_examples, make_bundle
):
    rows = make_examples()
    model = make_bundle(rows, kind).models[4]
    none = ~(rows.image.mask | rows.text.mask)
    linear = replace(model, forecaster=model.forecaster.base)
    np.testing.assert_array_equal(model.probability(rows)[none], linear.probability(rows)[none])


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_does_not_depend_on_its_companions(kind, make_examples, make_bundle):
    rows = make_examples(units=3)
    model = make_bundle(rows, kind).models[4]
    order = np.random.default_rng(0).permutation(len(rows))
    together = model.probability(rows)
    np.testing.assert_allclose(model.probability(rows.take(order)), together[order], atol=1e-6)
    alone = [model.probability(rows.take(np.array([i])))[0] for i in range(0, len(rows), 97)]
    np.testing.assert_allclose(alone, together[::97], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_direction_of_a_vector_counts(kind, make_examples, make_bundle):
    rows = make_examples(units=3)
    model = make_bundle(rows, kind).models[4]
    scaled = replace(rows, image=replace(rows.image, table=rows.image.table * 37.0))
    np.testing.assert_allclose(model.probability(scaled), model.probability(rows), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_that_no_row_points_at_never_leak(kind, make_examples, make_bundle):
    rows = make_examples(units=3)
    model = make_bundle(rows, kind).models[4]
    poison = np.full((1, rows.image.width), np.nan, dtype=np.float32)
    table = np.concatenate([rows.image.table, poison])
    poisoned = replace(rows, image=ModalityVectors(table, rows.image.row))
    np.testing.assert_array_equal(model.probability(poisoned), model.probability(rows))


def test_rows_of_a_place_without_any_vector_can_be_asked(make_examples, make_bundle):
    rows = make_examples(units=2)
    model = make_bundle(rows).models[4]
    nothing = np.full(len(rows), -1, dtype=np.int32)
    empty = ModalityVectors(np.zeros((0, 1), dtype=np.float32), nothing)
    bare = replace(rows, image=empty, text=empty)
    np.testing.assert_array_equal(model.logit(bare), model.forecaster.base.logit(bare))


def test_one_modality_alone_is_used(make_examples, make_bundle):
    rows = make_examples(units=2)
    model = make_bundle(rows).models[4]
    no_image = ModalityVectors(
        np.zeros((0, 12), dtype=np.float32), np.full(len(rows), -1, dtype=np.int32)
    )
    text_only = replace(rows, image=no_image)
    changed = model.logit(text_only) != model.forecaster.base.logit(text_only)
    np.testing.assert_array_equal(changed, rows.text.mask)
