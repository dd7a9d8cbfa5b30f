"""Which files a bundle is, and its content id.

Registry and lineage read these, so that asking who serves does not import torch.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import DenguardError
from pipelines.storage import folder_id, manifest_of

DESCRIPTION, GOLDEN = "bundle.json", "golden.json"
PROMPT = "prompt.yaml"  # where the model has prompts
THRESHOLDS = "thresholds.parquet"  # where they vary in a unit


def horizon_folder(horizon_weeks: int) -> str:
    """Name of the folder of one horizon's model."""
    return f"h{horizon_weeks:02d}"


def bundle_id(folder: Path) -> str:
    """Content hash of a bundle folder's files."""
    return folder_id(manifest_of(folder))


def is_bundle(folder: Path, identity: str) -> bool:
    """Whether a folder is there, whole, and has this content id."""
    try:
        return folder.is_dir() and bundle_id(folder) == identity
    except (DenguardError, OSError):
        return False
