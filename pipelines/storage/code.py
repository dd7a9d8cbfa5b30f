"""The code that a kept result follows from: another one makes it anew."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pipelines.contracts import content_id
from pipelines.storage.files import sha256_file

_ROOT = Path(__file__).parents[1]


@lru_cache
def code_id(*rooms: str) -> str:
    """Hash of the Python files of these rooms and of the modules beside them."""
    files = [
        *_ROOT.glob("*.py"),
        *(path for room in rooms for path in (_ROOT / room).rglob("*.py")),
    ]
    return content_id(
        [[path.relative_to(_ROOT).as_posix(), sha256_file(path)] for path in sorted(files)]
    )
