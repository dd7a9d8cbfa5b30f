"""The multilingual text encoder as docs/encoders.md tells people to write it into a profile."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from pipelines.config import EncoderConfig

_PAGE = Path(__file__).parents[2] / "docs" / "encoders.md"


def config() -> EncoderConfig:
    """embed.text of that page."""
    blocks = re.findall(r"```yaml\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (block for block in blocks if "use_text" in block)
    return EncoderConfig.model_validate(yaml.safe_load(block)["embed"]["text"])
