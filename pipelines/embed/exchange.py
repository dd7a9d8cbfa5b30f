"""Folders in which inputs go to another machine, and vectors come back.

Asked for:

    request.json                    Request: the encoder, how scenes are read, the inputs
    inputs/<sha256>.<suffix>        the scenes among them

Brought:

    vectors.json                    Header: the encoder's spec, whose they are, the table's hash
    vectors.parquet                 input_sha256 (or key) and vector; or vectors.csv: one of these
                                    columns, and embedding_0 .. embedding_<width-1>
    golden.json, golden/            some inputs with their vectors, as a vector space has them
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from pipelines.arrays import Float32s
from pipelines.config import EncoderConfig, Frozen, ScenePolicy
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.work import WorkInput
from pipelines.errors import StoreError, validation_sentence
from pipelines.storage import sha256_file

REQUEST, HEADER, GOLDEN = "request.json", "vectors.json", "golden.json"
PARQUET: Literal["vectors.parquet"] = "vectors.parquet"
_MOST_JSON_BYTES = 64_000_000  # a request may hold a hundred thousand prompts
_LABELS = ("key", "input_sha256")
_PLAIN = r"^[^\x00-\x1f\x7f-\x9f]+$"  # what a terminal prints and does not obey
_FIX = "ask who made the folder for a sound one; nothing of it was taken"
_FIX_ASKED = "name the folder that `denguard vectors give` wrote; nothing was made"
One = TypeVar("One", bound=Frozen)


class Request(Frozen):
    """Inputs that have no vector yet, and the encoder that they are for."""

    format: Literal[1] = 1
    modality: Modality
    encoder: EncoderConfig
    scenes: ScenePolicy
    inputs: tuple[WorkInput, ...]


class Origin(Frozen):
    """Who made vectors, and when."""

    by: str = Field(pattern=_PLAIN, max_length=200)
    made_on: date
    note: str = Field("", pattern=rf"{_PLAIN}|^$", max_length=1000)


class Header(Frozen):
    """What a folder of vectors says of itself.

    Attributes:
        reading: ScenePolicy.reading of the scenes that were embedded.
    """

    format: Literal[1] = 1
    spec: EncoderSpec
    reading: str = ""
    origin: Origin
    file: Literal["vectors.parquet", "vectors.csv"] = PARQUET
    file_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Golden(Frozen):
    """Inputs with the vectors that they must give."""

    inputs: tuple[WorkInput, ...] = Field(min_length=1, max_length=64)
    vectors: tuple[tuple[float, ...], ...]


def read_part(folder: Path, name: str, kind: type[One]) -> One:
    """One of the folder's JSON files. Raises StoreError."""
    path = folder / name
    try:
        if path.is_symlink() or path.stat().st_size > _MOST_JSON_BYTES:
            raise refused(f"{name} is a link, or too large", path)
        return kind.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as err:
        raise refused(f"there is no {name}", path) from err
    except ValidationError as err:
        raise refused(f"{name} cannot be used: {validation_sentence(err)[:300]}", path) from err
    except (ValueError, RecursionError) as err:
        raise refused(f"{name} is no JSON", path) from err


def read_table(folder: Path, header: Header) -> tuple[Literal["key", "input_sha256"], pa.Table]:
    """The table of vectors, proved to be the header's; which of its columns names the inputs.

    Raises:
        StoreError: absent, of another hash, or of another layout.
    """
    path = folder / header.file
    if path.is_symlink() or not path.is_file():
        raise refused(f"there is no {header.file}", path)
    if sha256_file(path) != header.file_sha256:
        raise refused(f"{header.file} has not the hash that {HEADER} names", path)
    try:
        table = pq.read_table(path) if header.file == PARQUET else _read_csv(path)
    except (pa.ArrowException, OSError) as err:
        raise refused(f"{header.file} cannot be read: {str(err)[:200]}", path) from err
    named = [name for name in _LABELS if name in table.column_names]
    if len(named) != 1:
        raise refused(f"{header.file} must have one column of {' and '.join(_LABELS)}", path)
    return ("key" if named == ["key"] else "input_sha256"), table


def vectors_of(table: pa.Table, width: int, where: Path) -> Float32s:
    """(n, width) vectors of a table. Raises StoreError for another width, or what is no number."""
    flat = [f"embedding_{j}" for j in range(width)]
    own = [name for name in table.column_names if name.startswith("embedding_")]
    try:
        if "vector" in table.column_names:
            column = table["vector"].combine_chunks()
            if table.num_rows and set(pc.list_value_length(column).to_pylist()) != {width}:
                raise refused(f"vectors are not {width} wide, as the spec says", where)
            found = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        elif set(own) != set(flat):
            raise refused(f"{len(own)} columns embedding_*, the spec says {width}", where)
        else:
            found = np.column_stack([table[n].to_numpy(zero_copy_only=False) for n in flat])
        vectors: Float32s = np.asarray(found).astype(np.float32)
    except (pa.ArrowException, ValueError, TypeError) as err:
        raise refused(f"vectors are no numbers: {str(err)[:200]}", where) from err
    if not np.isfinite(vectors).all():
        raise refused("a value is not finite", where)
    return vectors


def refused(what: str, where: Path) -> StoreError:
    """The error of a folder that is not taken, or that asks for nothing that can be made."""
    if where.name == REQUEST:
        return StoreError(f"the request is refused: {what}", where=str(where), fix=_FIX_ASKED)
    return StoreError(f"the vectors are refused: {what}", where=str(where), fix=_FIX)


def _read_csv(path: Path) -> pa.Table:
    texts = pa.csv.ConvertOptions(column_types=dict.fromkeys(_LABELS, pa.string()))
    return pa.csv.read_csv(path, convert_options=texts)
