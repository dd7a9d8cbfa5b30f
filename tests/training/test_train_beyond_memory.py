"""A head whose vectors do not fit memory is the head that memory would give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines.config import load_profile
from pipelines.fusion import big_tensors
from pipelines.fusion.alignment import Shift
from pipelines.fusion.examples import Examples
from pipelines.storage import big_rows
from pipelines.training.rows import fused_rows, train_gap
from pipelines.training.train import Trained, train_fixed

CONFIG = load_profile("sample").train


def trained(examples: Examples, gap: Tensor | None = None, **changes: float) -> Trained:
    rows = fused_rows(examples)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1))
    train, watched = rows.take(order[100:]), rows.take(order[:100])
    config = CONFIG.model_copy(update=changes)
    shift = Shift(0.5, train_gap(train) if gap is None else gap)
    return train_fixed("early", train, shift, config, 3, watched)


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on no vectors fit memory, and blocks are small."""

    def begin() -> None:
        monkeypatch.setattr(big_rows, "IN_MEMORY_BYTES", 256)
        monkeypatch.setattr(big_tensors, "_BLOCK_ROWS", 37)

    return begin


@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_rows_in_files_give_the_same_bits(sigma: float, make_examples, no_memory) -> None:
    examples = make_examples(planted=3.0)
    gap = train_gap(fused_rows(examples))
    expected = trained(examples, gap, noise_sigma=sigma)
    no_memory()
    assert big_rows.lies_in_file(fused_rows(examples).image.data_ptr())
    made = trained(examples, gap, noise_sigma=sigma)
    assert all((made.state[name] == value).all() for name, value in expected.state.items())
    assert made.curve == expected.curve


def test_with_a_gap_of_their_own_the_score_is_nearly_the_same(make_examples, no_memory) -> None:
    examples = make_examples(planted=3.0)
    expected = trained(examples)
    no_memory()
    assert np.allclose(trained(examples).curve, expected.curve, rtol=0, atol=1e-5)
