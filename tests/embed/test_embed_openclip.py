"""Both open_clip towers give what open_clip's own transform, tokenizer and model give."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import tiny_checkpoints

from pipelines.config import DeploymentPaths
from pipelines.embed.base import describe_encoder, load_encoder
from pipelines.errors import EncoderError

pytestmark = pytest.mark.skipif(find_spec("open_clip") is None, reason="needs open_clip_torch")
SHORT = "Municipio 05001, semana 2018-w48: 12, 15, 9 y 4 casos de dengue. Lluvia de 31 mm."
SIZES = ((41, 57), (58, 41), (32, 32), (32, 35), (35, 32), (20, 33))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoints.openclip(tmp_path_factory.mktemp("openclip"))


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copied"))


def test_the_image_vectors_are_those_of_open_clip_itself(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import open_clip
    import torch

    scenes = [
        np.random.default_rng(i).integers(0, 256, (*size, 3), np.uint8)
        for i, size in enumerate(SIZES)
    ]
    encoder = load_encoder(
        tiny_checkpoints.config("openclip_image", folder, "projected"),
        DeploymentPaths(home=tmp_path),
    )
    assert "randomly" not in caplog.text  # open_clip says so before the weights are loaded
    vectors = encoder.encode(scenes)
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    with torch.no_grad():
        batch = torch.stack([transform(Image.fromarray(scene)) for scene in scenes])
        expected = model.eval().encode_image(batch).numpy()
    assert vectors.shape == (len(scenes), 12) and vectors.std() > 0.1
    assert np.allclose(vectors, expected, atol=1e-5)
    assert np.array_equal(vectors[3:4], encoder.encode(scenes[3:4]))  # no companion matters


def test_the_text_vectors_are_those_of_open_clip_and_every_cut_is_counted(
    folder: Path, tmp_path: Path
) -> None:
    import open_clip
    import torch

    encoder = load_encoder(
        tiny_checkpoints.config("openclip_text", folder, "projected"),
        DeploymentPaths(home=tmp_path),
    )
    full = " ".join(["dengue"] * 75)  # with start and end: 77 tokens
    texts = [SHORT, "", full, full + " dengue", SHORT * 9]
    vectors = encoder.encode(texts)
    assert encoder.truncated == 2
    model, tokenizer = (
        open_clip.create_model(f"local-dir:{folder}"),
        open_clip.get_tokenizer(f"local-dir:{folder}"),
    )
    with torch.no_grad():
        expected = model.eval().encode_text(tokenizer(texts)).numpy()
    assert np.allclose(vectors, expected, atol=1e-5)
    assert np.array_equal(vectors[2], vectors[3])  # what was cut changes nothing: hence the count
    assert not np.allclose(vectors[0], vectors[2], atol=1e-3)
    assert np.array_equal(vectors[:1], encoder.encode(texts[:1]))


def test_a_medical_clip_with_a_transformers_text_tower_loads_from_its_folder_alone(
    tmp_path: Path,
) -> None:
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    import open_clip
    import torch
    from transformers import BertConfig, BertTokenizerFast

    folder = tmp_path / "medical"
    tiny = BertConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
    )
    tiny.save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "casos", "de", "dengue", "lluvia", "12"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    text = {
        "hf_model_name": "somebody/biomed-bert",
        "hf_tokenizer_name": "somebody/biomed-bert",
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 8,
    }
    tiny_checkpoints.openclip(folder, text)

    config = tiny_checkpoints.config("openclip_text", folder, "projected")
    encoder = load_encoder(config, DeploymentPaths(home=tmp_path))
    vectors = encoder.encode(["casos de dengue", "casos de dengue y lluvia 12 12"])
    assert encoder.truncated == 1
    model = open_clip.create_model(
        f"local-dir:{folder}",
        text_cfg={**text, "hf_model_name": str(folder), "hf_model_pretrained": False},
    )
    ids = torch.tensor([[2, 5, 6, 7, 3, 0, 0, 0], [2, 5, 6, 7, 1, 8, 9, 3]])
    with torch.no_grad():
        assert np.allclose(vectors, model.eval().encode_text(ids).numpy(), atol=1e-5)

    (folder / "config.json").unlink()
    with pytest.raises(EncoderError, match=r"put the config.json of somebody/biomed-bert there"):
        describe_encoder(config, DeploymentPaths(home=tmp_path))


def test_the_verified_file_is_the_one_that_is_loaded(copied: Path, tmp_path: Path) -> None:
    """open_clip itself prefers a file of another name beside it."""
    (copied / "open_clip_model.safetensors").rename(copied / "mine.safetensors")
    (copied / "open_clip_model.safetensors").write_bytes(b"something else")
    shutil.copy(copied / "mine.safetensors", tmp_path / "open_clip_model.safetensors")
    config = tiny_checkpoints.config(
        "openclip_image", tmp_path, "projected", folder=copied, file="mine.safetensors"
    )
    scene = np.zeros((32, 32, 3), np.uint8)
    assert load_encoder(config, DeploymentPaths(home=tmp_path)).encode([scene]).shape == (1, 12)


def test_bare_weights_are_refused(copied: Path, tmp_path: Path) -> None:
    config = tiny_checkpoints.config("openclip_image", copied, "projected")
    (copied / "open_clip_config.json").unlink()
    with pytest.raises(EncoderError, match=r"open_clip_config\.json is not beside the weights"):
        describe_encoder(config, DeploymentPaths(home=tmp_path))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"preprocess_cfg": {}}, "does not say how scenes are prepared"),
        ({"model_cfg": {}}, "no model_cfg"),
        (
            {"preprocess_cfg": {**tiny_checkpoints.CLIP_PREPROCESS, "resize_mode": "longest"}},
            "not done here: resize 'longest'",
        ),
    ],
)
def test_a_configuration_that_leaves_the_pixels_open_is_refused(
    copied: Path, tmp_path: Path, part: dict[str, object], message: str
) -> None:
    path = copied / "open_clip_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **part}))
    config = tiny_checkpoints.config("openclip_image", copied, "projected")
    with pytest.raises(EncoderError, match=message):
        describe_encoder(config, DeploymentPaths(home=tmp_path))


def test_a_configuration_of_other_weights_is_refused(copied: Path, tmp_path: Path) -> None:
    path = copied / "open_clip_config.json"
    path.write_text(path.read_text().replace('"embed_dim": 12', '"embed_dim": 13'))
    config = tiny_checkpoints.config("openclip_text", copied, "projected")
    with pytest.raises(EncoderError, match="the weights do not fit"):
        load_encoder(config, DeploymentPaths(home=tmp_path))


def test_both_towers_and_their_settings_have_spaces_of_their_own(
    copied: Path, tmp_path: Path
) -> None:
    paths = DeploymentPaths(home=tmp_path)
    specs = [
        describe_encoder(tiny_checkpoints.config(name, copied, "projected"), paths)
        for name in ("openclip_image", "openclip_text")
    ]
    path = copied / "open_clip_config.json"
    path.write_text(path.read_text().replace('"quick_gelu": true', '"quick_gelu": false'))
    specs.append(
        describe_encoder(tiny_checkpoints.config("openclip_image", copied, "projected"), paths)
    )
    assert len({spec.space_id for spec in specs}) == 3
    assert not [spec for spec in specs if str(tmp_path) in spec.preprocessing]
