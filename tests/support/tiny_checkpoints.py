"""Tiny random checkpoints in the real formats: DINOv2 of transformers, open_clip's local-dir."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pipelines.config import EncoderConfig

# As published with facebook/dinov2-base, but for the sizes.
PREPROCESSOR: dict[str, Any] = {
    "crop_size": {"height": 28, "width": 28},
    "do_center_crop": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_processor_type": "BitImageProcessor",
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"shortest_edge": 32},
}
CLIP_MODEL = {
    "embed_dim": 12,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
}
CLIP_PREPROCESS = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
}


def dinov2(folder: Path, channels: int = 3) -> Path:
    """Writes a DINOv2 of 2 layers, 24 wide; returns the folder."""
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    import torch
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    # The position table is larger than the input, as in the published models (518 against 224 px).
    tiny = Dinov2Config(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        num_channels=channels,
    )
    model = Dinov2Model(tiny)
    for tensor in model.parameters():
        torch.nn.init.normal_(tensor, std=0.2)
    model.save_pretrained(folder)
    each = {name: PREPROCESSOR[name] * (channels // 3) for name in ("image_mean", "image_std")}
    (folder / "preprocessor_config.json").write_text(json.dumps({**PREPROCESSOR, **each}))
    return folder


def openclip(folder: Path, text: dict[str, Any] | None = None) -> Path:
    """Writes a CLIP of 2 layers a tower, 12 wide, as open_clip's push_to_hf_hub leaves it."""
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before open_clip)
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    model_cfg = {**CLIP_MODEL, "text_cfg": text or CLIP_MODEL["text_cfg"]}
    about = {"model_cfg": model_cfg, "preprocess_cfg": CLIP_PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    torch.manual_seed(0)
    local = (
        {"text_cfg": {**text, "hf_model_name": str(folder), "hf_model_pretrained": False}}
        if text
        else {}
    )
    model = open_clip.create_model(
        f"local-dir:{folder}", load_weights=False, pretrained_text=False, **local
    )
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    return folder


def config(name: str, at: Path, pooling: str, /, **changed: Any) -> EncoderConfig:
    """The configuration that names the weights in a folder."""
    file = "model.safetensors" if name == "dinov2" else "open_clip_model.safetensors"
    sha256 = hashlib.sha256((at / file).read_bytes()).hexdigest()
    made = {"name": name, "folder": at, "file": file, "sha256": sha256, "pooling": pooling}
    return EncoderConfig.model_validate({**made, **changed})
