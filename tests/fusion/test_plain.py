"""The forward passes in NumPy give what the torch heads give, which were trained."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from threadpoolctl import ThreadpoolController, threadpool_limits

from pipelines.arrays import Float32s
from pipelines.contracts import FUSED_HEADS
from pipelines.errors import ConfigError
from pipelines.fusion.alignment import Shift
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.fusion.fused import fused_model
from pipelines.fusion.heads import build_head
from pipelines.fusion.model import FusedModel
from pipelines.fusion.plain import FORWARDS, SHAPES, _Block, _distinct, aligned, one_thread
from pipelines.fusion.tensors import logits_by_torch, shapes_of, unit_vectors

MakeExamples = Callable[..., Examples]
KINDS, CLOSE = ("early", "late_joint"), 1e-6


@pytest.fixture(autouse=True)
def _own_generator() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        yield


def vectors(rows: int, width: int, seed: int) -> ModalityVectors:
    """Raw vectors of which a third of the rows has none, one has no direction, one is unused."""
    draw = np.random.default_rng(seed)
    table = draw.normal(0, 3, (rows, width)).astype(np.float32)
    table[0] = 0
    row = np.where(draw.random(rows) < 0.33, -1, draw.integers(0, rows - 1, rows))
    return ModalityVectors(table, row.astype(np.int32))


def state_of(kind: str, width: int) -> dict[str, Float32s]:
    """Parameters as after training: running values of the batch norm are not 0 and 1."""
    head = build_head(kind, width, width, zero_output=False)
    made = {name: value.detach().numpy().copy() for name, value in head.state_dict().items()}
    draw = np.random.default_rng(4)
    for name in made:
        if "running" in name:
            made[name] = draw.uniform(0.5, 2.0, made[name].shape).astype(np.float32)
    return made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [8, 512, 4096])
def test_a_head_gives_the_same_logits_as_in_torch(kind: str, width: int) -> None:
    image, text = vectors(40, width, 1), vectors(40, width, 2)
    nothing = np.zeros(1, dtype=np.float32)
    made = [aligned(one, width, nothing) for one in (image, text)]
    has, state = (image.mask, text.mask), state_of(kind, width)
    ours = FORWARDS[kind](state)(made[0], made[1], has)
    theirs = logits_by_torch(kind, state, made[0], made[1], has)
    assert ours.dtype == np.float32 and ours.shape == theirs.shape == (40, 1)
    np.testing.assert_allclose(ours, theirs, atol=CLOSE)


@pytest.mark.parametrize("own", [3, 5, 8])
@pytest.mark.parametrize("lambda_shift", [-0.5, 0.0, 1.0])
@pytest.mark.parametrize("kind", ["vector", "scalar"])
def test_vectors_are_aligned_as_in_training(own: int, lambda_shift: float, kind: str) -> None:
    given, width = vectors(30, own, 5), 8
    size = width if kind == "vector" else 1
    gap = np.random.default_rng(6).normal(0, 0.2, size).astype(np.float32)
    shift = Shift(lambda_shift, torch.from_numpy(gap), kind)
    theirs, mask = unit_vectors(given, width)
    half = np.float32(lambda_shift / 2) * gap
    np.testing.assert_allclose(
        aligned(given, width, -half), shift.image(theirs, mask).numpy(), atol=CLOSE
    )
    sign = 1 if kind == "vector" else -1
    np.testing.assert_allclose(
        aligned(given, width, sign * half), shift.text(theirs, mask).numpy(), atol=CLOSE
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_shapes_are_those_of_the_trained_head(kind: str) -> None:
    assert SHAPES[kind](24) == shapes_of(kind, 24)


def test_every_head_of_ours_has_a_forward_pass_and_shapes() -> None:
    ours = {name for name in FUSED_HEADS if FUSED_HEADS.built_in(name)}
    assert set(FORWARDS) == set(SHAPES) == ours


def test_a_head_of_another_distribution_is_run_by_torch_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, make_examples: MakeExamples
) -> None:
    monkeypatch.setitem(FUSED_HEADS, "theirs", "pipelines.fusion.heads.early")
    rows, state = make_examples(units=2), state_of("early", 12)
    widths = (rows.image.width, rows.text.width, 12)
    gap = np.zeros(12, dtype=np.float32)
    ours = FusedModel("early", *widths, 0.5, gap, state).residual(rows)
    with caplog.at_level("INFO"):
        theirs = FusedModel("theirs", *widths, 0.5, gap, state).residual(rows)
    assert "the head theirs is run by torch" in caplog.text
    np.testing.assert_allclose(theirs, ours, atol=CLOSE)
    assert theirs.any()


def test_a_fused_champion_is_read_and_asked_without_torch() -> None:
    code = (
        "import sys\n"
        "import pipelines.fusion.bundle, pipelines.fusion.fused, pipelines.models.fused\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=120, check=False)
    assert done.returncode == 0


def test_a_head_that_only_torch_can_run_names_the_extra_where_torch_is_absent(
    monkeypatch: pytest.MonkeyPatch, make_examples: MakeExamples
) -> None:
    monkeypatch.setitem(FUSED_HEADS, "theirs", "pipelines.fusion.heads.early")
    rows, state = make_examples(units=2), state_of("early", 12)
    widths = (rows.image.width, rows.text.width, 12)
    gap = np.zeros(12, dtype=np.float32)
    for name in [n for n in sys.modules if n.partition(".")[0] == "torch" or "fusion.tensors" in n]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it could not be found
    shape = {"kind": "theirs", "width": 12, "gap_kind": "vector"}
    with pytest.raises(ConfigError, match=r"theirs has no forward pass.*denguard\[heads\]"):
        FusedModel("theirs", *widths, 0.5, gap, state).residual(rows)
    with pytest.raises(ConfigError, match=r"denguard\[heads\]"):
        fused_model(shape, {"gap": gap})
    assert FusedModel("early", *widths, 0.5, gap, state).residual(rows).any()


@pytest.mark.parametrize("row", [[5], [0, 3, 9], [3, 3, 1], [2, 1], []])
def test_distinct_rows_are_those_of_numpy(row: list[int]) -> None:
    given = np.array(row, dtype=np.int32)
    wanted, inverse = np.unique(given, return_inverse=True)
    used, at = _distinct(given)
    np.testing.assert_array_equal(used, wanted)
    np.testing.assert_array_equal(used[at], given)
    np.testing.assert_array_equal(np.arange(len(used))[at], inverse)


@pytest.mark.parametrize("before", [1, 2])
def test_linear_algebra_has_one_thread_inside_and_what_it_had_after(before: int) -> None:
    def threads() -> set[int]:
        pools = ThreadpoolController().select(user_api="blas").info()
        return {int(one["num_threads"]) for one in pools}

    with threadpool_limits(before, user_api="blas"):
        with one_thread():
            assert threads() == {1}
        assert threads() == {before}


@pytest.mark.parametrize("has", [[True, True, True], [True, False, True], [False, False, False]])
def test_a_block_has_the_bits_of_its_formula_written_out(has: list[bool]) -> None:
    state, mask = state_of("late_joint", 64), np.array(has)
    x = np.random.default_rng(7).normal(size=(3, 64)).astype(np.float32)
    block = {key: state[f"text.{key}"] for key in ("linear.weight", "linear.bias")}
    norm = {key: state[f"text.norm.{key}"] for key in ("weight", "bias")}
    hidden = x[mask] @ block["linear.weight"].T + block["linear.bias"]
    scale = norm["weight"] / np.sqrt(state["text.norm.running_var"] + np.float32(1e-5))
    wanted = np.zeros((3, 64), dtype=np.float32)
    wanted[mask] = (np.maximum(hidden, 0) - state["text.norm.running_mean"]) * scale + norm["bias"]
    np.testing.assert_array_equal(_Block.of(state, "text")(x, mask), wanted)
