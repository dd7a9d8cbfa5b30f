"""What every fused head must keep: logits from whatever vectors a row has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.contracts import FUSED_HEADS

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.fusion.heads.base import FusedHead, HeadOutput

    Batch = tuple[Tensor, Tensor, Tensor, Tensor]  # image, text, has_image, has_text

_IMAGE, _TEXT, _ROWS = 6, 4, 12  # widths and batch
_CLOSE = 1e-5


def check_fused_head(name: str) -> None:
    """Raise AssertionError unless a head keeps what fusion/heads/base.py says.

    Args:
        name: in contracts.FUSED_HEADS, as a profile's train.candidates gives it.
    """
    import torch
    from torch import nn

    from pipelines.fusion.heads import build_head
    from pipelines.fusion.heads.base import FusedHead

    assert name in FUSED_HEADS, f"no fused head {name!r} is registered"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = build_head(name, _IMAGE, _TEXT, outputs=3, zero_output=False)
        assert isinstance(head, FusedHead), "`Head` is no FusedHead"
        assert isinstance(head.output, nn.Linear), (
            "`output` is no torch.nn.Linear: a residual starts there at zero"
        )
        batch = _batch()
        _check_training(head, batch)
        _check_answers(head.eval(), batch)
        fresh = build_head(name, _IMAGE, _TEXT).eval()
        assert not fresh(*batch).logit.any(), (
            "with an output of zero the logits are not zero: it would not begin as the linear model"
        )
        _check_stored(head, build_head(name, _IMAGE, _TEXT, outputs=3).eval(), batch)


def _batch() -> Batch:
    """Rows with both vectors, one, the other and none; what is missing is zero."""
    import torch

    rows = torch.arange(_ROWS)
    has_image, has_text = rows % 3 > 0, rows % 4 > 0
    image = torch.randn(_ROWS, _IMAGE) * has_image[:, None]
    text = torch.randn(_ROWS, _TEXT) * has_text[:, None]
    return image, text, has_image, has_text


def _check_training(head: FusedHead, batch: Batch) -> None:
    import torch

    head.train()
    given = [part.clone() for part in batch]
    _logits(head, batch, "a batch")
    assert all(torch.equal(a, b) for a, b in zip(given, batch, strict=True)), (
        "it changes the vectors or masks that it is handed"
    )
    none = torch.zeros_like(batch[2])
    for what, poor in {
        "no row has an image": (torch.zeros_like(batch[0]), batch[1], none, batch[3]),
        "no row has a text": (batch[0], torch.zeros_like(batch[1]), batch[2], none),
        "no row has either": (torch.zeros_like(batch[0]), torch.zeros_like(batch[1]), none, none),
        "one row": tuple(part[1:2] for part in batch),
    }.items():
        head.zero_grad()
        _logits(head, poor, what).logit.sum().backward()  # type: ignore[arg-type]
        _each_finite(head, what)


def _each_finite(head: FusedHead, what: str) -> None:
    import torch

    for name, parameter in head.named_parameters():
        grad = parameter.grad
        assert grad is None or torch.isfinite(grad).all(), (
            f"{what}: the gradient of {name} is not finite"
        )


def _check_answers(head: FusedHead, batch: Batch) -> None:
    import torch

    with torch.no_grad():
        whole = _logits(head, batch, "a batch, answering").logit
        assert torch.equal(head(*batch).logit, whole), "asked twice, it answers otherwise"
        alone = torch.cat([head(*(part[i : i + 1] for part in batch)).logit for i in range(_ROWS)])
        assert torch.allclose(alone, whole, atol=_CLOSE), (
            "a row's logit depends on the rows beside it"
        )
        used = [head(*changed(batch)).logit for changed in (_other_image, _other_text)]
        for what, other, mask in (("image", used[0], batch[2]), ("text", used[1], batch[3])):
            assert not torch.allclose(other[mask], whole[mask], atol=_CLOSE), (
                f"it does not read the {what} vector"
            )


def _other_image(batch: Batch) -> Batch:
    return (batch[0] * 2, *batch[1:])


def _other_text(batch: Batch) -> Batch:
    return (batch[0], batch[1] * 2, *batch[2:])


def _check_stored(head: FusedHead, other: FusedHead, batch: Batch) -> None:
    """Its state is all there is of it: bundles keep nothing else."""
    import torch

    other.load_state_dict(head.state_dict())
    with torch.no_grad():
        assert torch.equal(other(*batch).logit, head(*batch).logit), (
            "from its own state it answers otherwise"
        )


def _logits(head: FusedHead, batch: Batch, what: str) -> HeadOutput:
    import torch

    output: HeadOutput = head(*batch)
    assert output.logit.shape == (len(batch[0]), 3), (
        f"{what}: logits of shape {tuple(output.logit.shape)}, not {(len(batch[0]), 3)}"
    )
    assert torch.isfinite(output.logit).all(), f"{what}: a logit is not finite"
    return output
