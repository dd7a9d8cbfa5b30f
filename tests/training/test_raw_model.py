"""The two towers under a head: what they read, what they give, and what is refused."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support import tiny_raw

from pipelines.contracts import FusedKind
from pipelines.embed import torchvision_ops  # noqa: F401  (must come before transformers)
from pipelines.errors import EncoderError
from pipelines.fusion.heads import build_head
from pipelines.paper.raw.inputs import read_pixels
from pipelines.paper.raw.model import RawModel, load_raw, reader_of

SIZES = ((41, 57), (57, 41), (32, 32), (28, 500), (450, 600))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("raw")
    tiny_raw.main(made)
    return made


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copied"))


def _load(folder: Path, kind: FusedKind = "early", seed: int = 7) -> RawModel:
    return load_raw(folder / "vit", folder / "bert", kind, 1, 0.0, seed)


def _scene(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


# Table 2 of the paper: BRSET and SatelliteBench have one output, HAM10000 seven.
@pytest.mark.parametrize(
    ("outputs", "kind", "printed"),
    [
        (1, "early", 747.94),
        (1, "late_joint", 747.57),
        (7, "early", 747.95),
        (7, "late_joint", 747.57),
    ],
)
def test_the_sizes_of_table_2_come_out_of_the_parameters(
    outputs: int, kind: FusedKind, printed: float
) -> None:
    from transformers import BertConfig, BertModel, ViTConfig, ViTModel

    with torch.device("meta"):
        head = build_head(kind, 768, 768, outputs, zero_output=False)
        model = RawModel(ViTModel(ViTConfig()), BertModel(BertConfig()), head)
    assert round(model.parameters_bytes / 2**20, 2) == printed


@pytest.mark.parametrize("size", SIZES)
def test_the_pixels_are_those_of_transformers_own_processor(
    folder: Path, size: tuple[int, int]
) -> None:
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    ours = read_pixels(folder / "vit/preprocessor_config.json", tiny_raw.SIDE_PX).prepare(
        _scene(*size)
    )
    theirs = ViTImageProcessorPil.from_pretrained(folder / "vit")(
        _scene(*size), return_tensors="np"
    )
    assert ours.shape == theirs["pixel_values"].shape == (1, 3, tiny_raw.SIDE_PX, tiny_raw.SIDE_PX)
    assert np.abs(ours - theirs["pixel_values"]).max() < 1e-6


def test_the_vectors_are_the_poolers_of_a_plain_forward_pass(folder: Path, tmp_path: Path) -> None:
    from PIL import Image
    from transformers import BertModel, BertTokenizer, ViTModel
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    rows = tiny_raw.rows(tmp_path, 6, gaps=False)
    model = _load(folder).eval()
    with torch.no_grad():
        image, text = model.encode(reader_of(model, tiny_raw.config(folder))(rows))
        scenes = [np.asarray(Image.open(path)) for path in rows.images if path]
        pixels = ViTImageProcessorPil.from_pretrained(folder / "vit")(scenes, return_tensors="pt")
        vit = ViTModel.from_pretrained(folder / "vit").eval()(**pixels)
        tokens = BertTokenizer.from_pretrained(folder / "bert")(
            list(rows.texts), padding=True, return_tensors="pt"
        )
        bert = BertModel.from_pretrained(folder / "bert").eval()(**tokens)
    assert image.shape == (6, 32) and text.shape == (6, 24) and image.std() > 0.01
    assert torch.allclose(image, vit.pooler_output, atol=1e-5)
    assert torch.allclose(text, bert.pooler_output, atol=1e-5)


def test_a_missing_image_or_text_is_exactly_zero_and_leaves_the_others_as_they_are(
    folder: Path, tmp_path: Path
) -> None:
    whole = tiny_raw.rows(tmp_path, 4, gaps=False)
    gaps = replace(whole, images=[None, *whole.images[1:]], texts=[*whole.texts[:3], None])
    model = _load(folder).eval()
    read = reader_of(model, tiny_raw.config(folder))
    with torch.no_grad():
        image, text = model.encode(read(gaps))
        whole_image, whole_text = model.encode(read(whole))
        nothing = model.encode(read(replace(whole, images=[None] * 4, texts=[None] * 4)))
    assert not image[0].any() and not text[3].any()
    assert torch.allclose(image[1:], whole_image[1:], atol=1e-6)
    assert torch.allclose(text[:3], whole_text[:3], atol=1e-6)
    assert nothing[0].shape == (4, 32) and not nothing[0].any() and not nothing[1].any()


def test_weights_that_lack_a_tensor_are_refused_not_filled_with_random_numbers(
    copied: Path,
) -> None:
    _drop(copied / "bert/model.safetensors", "embeddings.LayerNorm.weight")
    with pytest.raises(
        EncoderError, match=r"lack 1 tensors, such as embeddings\.LayerNorm\.weight"
    ):
        _load(copied)


def test_a_checkpoint_without_a_pooler_gets_one_from_the_seed_and_says_so(
    copied: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _drop(copied / "vit/model.safetensors", "pooler.dense.weight", "pooler.dense.bias")
    with caplog.at_level(logging.WARNING, "pipelines"):
        first, again, other = (_load(copied, seed=seed).image for seed in (7, 7, 8))
    assert "has no pooler" in caplog.text and str(copied / "vit") in caplog.text
    assert torch.equal(first.pooler.dense.weight, again.pooler.dense.weight)
    assert not torch.equal(first.pooler.dense.weight, other.pooler.dense.weight)
    assert first.pooler.dense.weight.std() > 0.01 and not first.pooler.dense.bias.any()


def _drop(weights: Path, *names: str) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(weights)
    save_file(
        {n: t for n, t in state.items() if n not in names}, weights, metadata={"format": "pt"}
    )


def test_a_checkpoint_of_another_family_is_refused(folder: Path) -> None:
    with pytest.raises(EncoderError, match="not a vit checkpoint but 'bert'"):
        load_raw(folder / "bert", folder / "bert", "early", 1, 0.0, 7)


def test_half_a_weights_file_is_refused(copied: Path) -> None:
    weights = copied / "vit/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:50_000])
    with pytest.raises(EncoderError, match="the vit checkpoint cannot be opened"):
        _load(copied)


@pytest.mark.parametrize(
    "changed",
    [
        {"image_processor_type": "BitImageProcessor"},
        {"do_normalize": False},
        {"resample": 0},
        {"rescale_factor": 1.0},
        {"size": {"height": 64, "width": 64}},
        {"size": {"shortest_edge": 32}},
    ],
)
def test_a_preprocessing_that_is_not_done_here_is_refused(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps({**tiny_raw.PREPROCESSOR, **changed}))
    with pytest.raises(EncoderError, match="a preprocessing that is not done here"):
        read_pixels(path, tiny_raw.SIDE_PX)


def test_the_older_way_of_writing_the_preprocessing_means_the_same(tmp_path: Path) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(tiny_raw.PREPROCESSOR))
    today = read_pixels(path, tiny_raw.SIDE_PX)
    older = {
        "feature_extractor_type": "ViTFeatureExtractor",
        "do_resize": True,
        "do_normalize": True,
        "resample": 2,
        "size": 32,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    path.write_text(json.dumps(older))
    assert read_pixels(path, tiny_raw.SIDE_PX) == today


def test_a_text_longer_than_the_tower_reads_is_cut_and_counted(
    folder: Path, tmp_path: Path
) -> None:
    rows = replace(tiny_raw.rows(tmp_path, 3, gaps=False), texts=["a", "word " * 10, None])
    model = _load(folder)
    short = reader_of(model, tiny_raw.config(folder, max_tokens=16))
    assert short.truncated(rows) == 1 and short(rows).tokens["input_ids"].shape == (2, 16)
    positions = reader_of(model, tiny_raw.config(folder, max_tokens=100_000))
    assert positions.max_tokens == 512
