"""Heads: the paper's sizes, masks, and a BatchNorm that leaves missing rows out."""

import pytest
import torch
from torch import nn

from pipelines.fusion.heads import MaskedBatchNorm, build_head, loss_terms

KINDS = ("early", "late_joint")


def batch(rows=12, image_width=6, text_width=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(rows, image_width, generator=generator)
    text = torch.randn(rows, text_width, generator=generator)
    has_image, has_text = torch.arange(rows) % 3 != 0, torch.arange(rows) % 4 != 0
    image[~has_image], text[~has_text] = 0.0, 0.0
    return image, text, has_image, has_text


@pytest.mark.parametrize(
    "kind, image_width, text_width, megabytes",
    [
        ("early", 768, 4096, 2.38),
        ("late_joint", 768, 4096, 1.19),
        ("early", 512, 512, 0.50),
        ("late_joint", 512, 512, 0.25),
    ],
)
def test_model_sizes_are_those_of_the_papers_table_2(kind, image_width, text_width, megabytes):
    head = build_head(kind, image_width, text_width, zero_output=False)
    size = sum(p.numel() * p.element_size() for p in head.parameters()) / 2**20
    assert round(size, 2) == megabytes


@pytest.mark.parametrize("kind", KINDS)
def test_a_residual_head_starts_at_exactly_zero(kind):
    head = build_head(kind, 6, 4)
    assert not head(*batch()).logit.any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_papers_head_has_one_logit_a_class(kind):
    head = build_head(kind, 6, 4, outputs=7, zero_output=False)
    assert head(*batch()).logit.shape == (12, 7)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_one_row_trains(kind):
    head = build_head(kind, 6, 4, zero_output=False).train()
    image, text, has_image, has_text = (t[1:2] for t in batch())
    head(image, text, has_image, has_text).logit.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in head.parameters() if p.grad is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_without_any_modality_gives_a_finite_answer(kind):
    head = build_head(kind, 6, 4, zero_output=False).train()
    nothing = torch.zeros(3, dtype=torch.bool)
    assert torch.isfinite(head(torch.zeros(3, 6), torch.zeros(3, 4), nothing, nothing).logit).all()


def test_missing_rows_stay_out_of_the_statistics():
    values, mask = torch.randn(20, 5), torch.arange(20) < 14
    masked, plain = MaskedBatchNorm(5).train(), nn.BatchNorm1d(5).train()
    other = torch.where(mask[:, None], values, torch.full_like(values, 1e6))
    expected = plain(values[mask])
    torch.testing.assert_close(masked(other, mask)[mask], expected)
    torch.testing.assert_close(masked.running_mean, plain.running_mean)
    torch.testing.assert_close(masked.running_var, plain.running_var)
    assert not masked(other, mask)[~mask].any()


def test_a_row_in_evaluation_does_not_depend_on_its_batch():
    head = build_head("late_joint", 6, 4, zero_output=False)
    head(*batch())
    head.eval()
    image, text, has_image, has_text = batch()
    together = head(image, text, has_image, has_text).logit
    alone = torch.cat(
        [
            head(image[i : i + 1], text[i : i + 1], has_image[i : i + 1], has_text[i : i + 1]).logit
            for i in range(12)
        ]
    )
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)


def test_loss_terms_add_up_by_name():
    head = build_head("late_joint", 6, 4, zero_output=False)
    image, text, has_image, has_text = batch()
    output = head(image, text, has_image, has_text)
    terms = loss_terms(output.logit, torch.ones(12), output, has_image & has_text, 0.25)
    assert terms.alignment.item() > 0
    torch.testing.assert_close(terms.total, terms.classification + 0.25 * terms.alignment)


def test_the_early_head_has_no_branches_and_so_no_alignment_term():
    head = build_head("early", 6, 4, zero_output=False)
    image, text, has_image, has_text = batch()
    output = head(image, text, has_image, has_text)
    assert float(loss_terms(output.logit, torch.ones(12), output, has_image, 1.0).alignment) == 0.0


def test_many_classes_use_cross_entropy():
    head = build_head("early", 6, 4, outputs=3, zero_output=False)
    output = head(*batch())
    label = torch.arange(12) % 3
    terms = loss_terms(output.logit, label, output, torch.zeros(12, dtype=torch.bool), 0.0)
    torch.testing.assert_close(terms.total, nn.CrossEntropyLoss()(output.logit, label))
