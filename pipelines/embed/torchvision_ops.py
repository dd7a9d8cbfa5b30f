"""Makes `import torchvision` work beside a CPU torch. Import this before timm or transformers.

The package index carries torchvision built for CUDA. Beside CPU torch its binary part does not
load, and then its Python part stops at `operator torchvision::nms does not exist`, and timm and
transformers' vision models with it. No encoder here uses the two operators; declaring them without
an implementation is enough.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")


def _load_real_operators() -> None:
    """Load torchvision's binary part, as torchvision itself would, if it can be loaded."""
    spec = find_spec("torchvision")
    folders = spec.submodule_search_locations if spec else None
    for binary in sorted(Path(folders[0]).glob("_C*.so")) if folders else []:
        try:
            torch.ops.load_library(str(binary))
        except OSError:
            return  # built for another torch: the case this module is for


def _missing_operators() -> list[str]:
    return [name for name in _OPERATORS if not hasattr(torch.ops.torchvision, name)]


def _declare(names: list[str]) -> torch.library.Library | None:
    if not names:
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in names:
        library.define(name + _SCHEMA)
    return library


_load_real_operators()
# Operators live as long as their Library object, so the module keeps it.
DECLARED = _declare(_missing_operators())
