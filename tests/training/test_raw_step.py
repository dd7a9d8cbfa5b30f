"""The micro-batched gradient is that of the whole batch, in the memory of a micro-batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import tiny_raw

from pipelines.contracts import FusedKind
from pipelines.paper.raw.inputs import Inputs
from pipelines.paper.raw.model import RawModel, load_raw, reader_of
from pipelines.paper.raw.rows import RawRows
from pipelines.paper.raw.step import Read, add_gradients, seed_everything

SEED = (7, 0, 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("raw")
    tiny_raw.main(made)
    return made


def _model(folder: Path, kind: FusedKind, dropout: bool) -> tuple[RawModel, Read]:
    model = load_raw(folder / "vit", folder / "bert", kind, 1, 0.2, seed=7)
    for module in model.modules() if not dropout else ():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if hasattr(module, "attention_dropout"):  # a number, not a module
            module.attention_dropout = 0.0
    reader = reader_of(model.double(), tiny_raw.config(folder))

    def read(rows: RawRows) -> Inputs:
        inputs = reader(rows)
        return replace(inputs, label=inputs.label.double())

    return model, read


def _gradient(model: RawModel) -> dict[str, torch.Tensor]:
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def _assert_equal(ours: dict[str, torch.Tensor], plain: dict[str, torch.Tensor]) -> None:
    """Equal in double precision but for the order of sums."""
    assert ours.keys() == plain.keys() and len(ours) > 60
    largest = max(float(gradient.abs().max()) for gradient in plain.values())
    for name, gradient in plain.items():
        assert float((ours[name] - gradient).abs().max()) < 1e-12 * largest, name


def _binary_loss(logit: torch.Tensor, label: torch.Tensor, weight: float) -> torch.Tensor:
    odds = torch.nn.functional.logsigmoid
    return -(weight * label * odds(logit) + (1 - label) * odds(-logit)).mean()


@pytest.mark.parametrize("kind", ["early", "late_joint"])
@pytest.mark.parametrize("micro_rows", [1, 5, 64])
def test_the_gradient_is_that_of_the_whole_batch_at_once(
    folder: Path, tmp_path: Path, kind: FusedKind, micro_rows: int
) -> None:
    rows = tiny_raw.rows(tmp_path, 16)
    plain, read = _model(folder, kind, dropout=False)
    inputs = read(rows)
    expected = _binary_loss(plain(inputs).logit[:, 0], inputs.label, 3.0)
    expected.backward()

    ours, _ = _model(folder, kind, dropout=False)
    loss, nbytes = add_gradients(
        ours, rows.split(micro_rows), read, SEED, torch.tensor([3.0]).double()
    )
    assert torch.allclose(loss.total, expected, rtol=1e-12, atol=0)
    _assert_equal(_gradient(ours), _gradient(plain))
    for (name, buffer), other in zip(ours.named_buffers(), plain.buffers(), strict=True):
        assert torch.allclose(buffer, other), f"{name}: BatchNorm saw another batch"
    assert micro_rows < 64 or nbytes == inputs.nbytes


@pytest.mark.parametrize("kind", ["early", "late_joint"])
def test_dropout_drops_the_same_in_both_passes(
    folder: Path, tmp_path: Path, kind: FusedKind
) -> None:
    rows = tiny_raw.rows(tmp_path, 16)
    parts = rows.split(3)
    plain, read = _model(folder, kind, dropout=True)
    vectors = []
    for number, part in enumerate(parts, start=1):
        seed_everything((*SEED, number))
        vectors.append(plain.encode(read(part)))
    image, text = (torch.cat(column) for column in zip(*vectors, strict=True))
    inputs = read(rows)
    seed_everything((*SEED, 0))
    logit = plain.head(image, text, inputs.has_image, inputs.has_text).logit[:, 0]
    _binary_loss(logit, inputs.label, 1.0).backward()

    ours, _ = _model(folder, kind, dropout=True)
    add_gradients(ours, parts, read, SEED)
    _assert_equal(_gradient(ours), _gradient(plain))
    another, _ = _model(folder, kind, dropout=True)
    add_gradients(another, parts, read, (7, 0, 1))
    assert not torch.allclose(
        another.image.pooler.dense.weight.grad, ours.image.pooler.dense.weight.grad
    )


class _Held:
    """A tensor that autograd keeps for a backward pass, counted for as long as it is kept."""

    now = most = 0

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        _Held.now += tensor.nbytes
        _Held.most = max(_Held.most, _Held.now)

    def __del__(self) -> None:
        _Held.now -= self.tensor.nbytes


def _most_held(model: RawModel, read: Read, rows: RawRows, micro_rows: int) -> int:
    _Held.now = _Held.most = 0
    with torch.autograd.graph.saved_tensors_hooks(_Held, lambda held: held.tensor):
        add_gradients(model, rows.split(micro_rows), read, SEED)
    assert _Held.now == 0
    return _Held.most


def test_memory_grows_with_the_micro_batch_and_not_with_the_batch(
    folder: Path, tmp_path: Path
) -> None:
    model, read = _model(folder, "early", dropout=False)
    small, large = (tiny_raw.rows(tmp_path, n, gaps=False) for n in (4, 32))
    few, same, more = (
        _most_held(model, read, *case) for case in ((small, 2), (large, 2), (large, 8))
    )
    assert same < 1.3 * few  # the vectors of 32 rows under the head, and nothing else
    assert more > 2 * same


def test_images_are_decoded_a_micro_batch_at_a_time(folder: Path, tmp_path: Path) -> None:
    model, read = _model(folder, "early", dropout=False)
    seen: list[int] = []

    def counting(rows: RawRows) -> Inputs:
        seen.append(len(rows))
        return read(rows)

    add_gradients(model, tiny_raw.rows(tmp_path, 7).split(3), counting, SEED)
    assert seen == [3, 3, 1] * 2
