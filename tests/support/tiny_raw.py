"""Tiny random ViT and BERT checkpoints in the real formats, and rows to train on.

`python tests/support/tiny_raw.py DIR` writes DIR/vit and DIR/bert.
"""

from __future__ import annotations

import json
import string
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.paper.raw.rows import RawConfig, RawRows

SIDE_PX = 32
# As published with google/vit-base-patch16-224-in21k, but for the size.
PREPROCESSOR = {
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "ViTImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "rescale_factor": 1 / 255,
    "size": {"height": SIDE_PX, "width": SIDE_PX},
}
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_CHARACTERS = [*string.ascii_lowercase, *string.digits, *".,:;%()-/'"]


def vit(folder: Path) -> Path:
    """Writes a ViT of 2 layers, 32 wide, for 32 px; returns the folder."""
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    import torch
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    tiny = ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=SIDE_PX,
        patch_size=16,
        hidden_dropout_prob=0.1,
    )
    ViTModel(tiny).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    return folder


def bert(folder: Path) -> Path:
    """Writes a BERT of 2 layers, 24 wide, that spells words by their letters; returns the
    folder."""
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    torch.manual_seed(1)
    words = [*_SPECIAL, *_CHARACTERS, *(f"##{c}" for c in _CHARACTERS)]
    tiny = BertConfig(
        vocab_size=len(words),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
    )
    BertModel(tiny).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def rows(folder: Path, n: int, seed: int = 0, gaps: bool = True) -> RawRows:
    """Binary rows over small PNGs written to a folder; with gaps, some lack an image or a text."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    label = (np.arange(n) % 2).astype(np.int64)
    images: list[Path | None] = []
    for i in range(n):
        shade = rng.integers(0, 120, (40, 50, 3)) + 100 * label[i]
        path = folder / f"{seed}_{i}.png"
        Image.fromarray(shade.astype(np.uint8)).save(path)
        images.append(None if gaps and i % 5 == 3 else path)
    words = ("dry week", "rain and heat, more cases than before")
    texts = [None if gaps and i % 7 == 4 else f"{words[label[i]]} {i}" for i in range(n)]
    return RawRows(images, texts, label)


def killed_rows(folder: Path) -> tuple[RawRows, RawRows]:
    """Rows to train on and to watch, 16 and 8 of them with an image."""
    return rows(folder, 20), rows(folder, 10, seed=1)


def config(folder: Path, **changed: Any) -> RawConfig:
    """A configuration over the two folders that `main` writes, quick and with dropout."""
    quick: dict[str, Any] = {
        "kind": "early",
        "outputs": 1,
        "epochs": 4,
        "batch_rows": 8,
        "micro_rows": 3,
        "learning_rate": 3e-3,
        "dropout": 0.1,
    }
    return RawConfig(folder / "vit", folder / "bert", **{**quick, **changed})


def main(folder: Path) -> None:
    """Both checkpoints, in folder/vit and folder/bert."""
    vit(folder / "vit")
    bert(folder / "bert")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
