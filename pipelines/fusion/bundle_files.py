"""Which files a bundle is, and its content id.

Belongs here: what registry and lineage must know of a bundle without using it, so that asking who
serves does not import torch. Does not belong here: reading or writing a bundle (bundle.py).
"""

from __future__ import annotations

from pathlib import Path

from pipelines.storage import folder_id, manifest_of, sha256_file

WEIGHTS, DESCRIPTION, GOLDEN = "head.safetensors", "bundle.json", "golden.json"


def bundle_id(folder: Path) -> str:
    """Content hash of a bundle folder's files."""
    return folder_id(manifest_of(folder))


def weights_id(folder: Path) -> str:
    """Hash of a bundle's weights: two bundles that share it give the same answers, whatever else
    they say about themselves."""
    return sha256_file(folder / WEIGHTS)[:16]
