"""What a training is, so that a checkpoint is never gone on with by another one.

All that decides the bits of the result counts, by content and never by place: moved folders are the
same training.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path

from pipelines.contracts import canonical_json
from pipelines.errors import EncoderError, TrainingError
from pipelines.paper.raw.rows import RawConfig, RawRows
from pipelines.storage import sha256_file

# Raised by hand when this room's own code changes the result.
_CODE_ID = "raw-1"
# What is read of a checkpoint's folder; a hub's folder may hold the same weights in other formats.
_NEEDED = ("config.json", "model.safetensors")
_READ = (
    *_NEEDED,
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)

Identity = dict[str, object]


def identity_of(rows: RawRows, watched: RawRows, config: RawConfig) -> Identity:
    """Named parts of a training's identity, each a value of JSON.

    Raises:
        EncoderError: a folder holds no checkpoint.
        TrainingError: an image that a row names is not there.
    """
    folders = ("image_folder", "text_folder")
    settings = {name: value for name, value in asdict(config).items() if name not in folders}
    settings["class_weight"] = None if config.class_weight is None else list(config.class_weight)
    weights = {name: _folder(getattr(config, name)) for name in folders}
    return {**settings, **weights, "rows": _rows(rows), "watched": _rows(watched), "code": _CODE_ID}


def _folder(folder: Path) -> str:
    if absent := [name for name in _NEEDED if not (folder / name).is_file()]:
        raise EncoderError(
            f"there is no checkpoint: {', '.join(absent)} absent",
            where=str(folder),
            fix="bring the checkpoint as published, in safetensors",
        )
    files = [folder / name for name in _READ]
    return _digest([{path.name: sha256_file(path)} for path in files if path.is_file()])


def _rows(rows: RawRows) -> str:
    images = [None if path is None else _image(path) for path in rows.images]
    label = [int(value) for value in rows.label]
    return _digest([images, list(rows.texts), label])


def _image(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as err:
        raise TrainingError(
            f"an image that a row names cannot be read: {err}",
            where=str(path),
            fix="bring the image, or give None for it",
        ) from err


def _digest(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
