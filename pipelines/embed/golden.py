"""Golden vectors: some inputs of a vector space, kept to notice that an encoder changed.

Before anything is embedded into a space, and when a library's version changed, its golden inputs
are embedded again and must give nearly the stored vectors. Otherwise vectors of two kinds would mix
in one space without anyone noticing.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.arrays import Float32s
from pipelines.data.scenes import LacksBands
from pipelines.embed.base import Encoder
from pipelines.embed.locks import held
from pipelines.embed.work import ShardWork, WorkInput, input_path
from pipelines.errors import EncoderError
from pipelines.storage import read_json, write_atomic, write_json

log = logging.getLogger(__name__)

GOLDEN_INPUTS = 8
MIN_COSINE = 0.999  # other thread counts or CPUs differ by about 1e-6, another model by far more
_LOCK_LIMIT_S = 1200.0


FirstCheck = Callable[[Sequence[Any], Float32s], None]  # of inputs and vectors; raises EncoderError


def keep_or_check_golden(
    space: Path,
    encoder: Encoder,
    work: ShardWork,
    data: Path,
    first: FirstCheck | None = None,
) -> None:
    """Check a space's golden vectors, or make them from this work's inputs if it has none.

    Args:
        space: folder of the vector space.
        work: the work at hand; in a new space some of its inputs that the encoder can read become
            golden, spread over them all: places and seasons differ more than weeks in a row.
        data: folder that the inputs' URIs start from.
        first: holds the golden vectors of a new space against something before they are kept.

    Raises:
        EncoderError: a golden vector came out differently; nothing may be embedded then.
    """
    space.mkdir(parents=True, exist_ok=True)
    with held(space / "golden.lock", "another shard's check of the golden vectors", _LOCK_LIMIT_S):
        if (space / "golden.json").is_file():
            _check(space, encoder, work)
        elif found := list(itertools.islice(_readable(work, data), GOLDEN_INPUTS)):
            _keep(space, encoder, found, data, first)


def cosines(a: Float32s, b: Float32s) -> Float32s:
    """(n,) cosine of each pair of rows of two (n, width) arrays, in double precision."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    cosine: Float32s = (x * y).sum(axis=1) / np.maximum(norms, np.finfo(np.float64).tiny)
    return cosine.astype(np.float32)


def _readable(work: ShardWork, data: Path) -> Iterator[tuple[WorkInput, Any]]:
    """Inputs with what the encoder takes of them, without scenes that lack its bands; those first
    that are spread over the work."""
    step = max(1, -(-len(work.inputs) // GOLDEN_INPUTS))
    for item in (one for begin in range(step) for one in work.inputs[begin::step]):
        with contextlib.suppress(LacksBands):
            yield item, work.read(item, data)


def keep_golden(space: Path, inputs: Sequence[WorkInput], vectors: Float32s, data: Path) -> None:
    """Make these golden in a space that has none; inputs' URIs start from `data`."""
    space.mkdir(parents=True, exist_ok=True)
    with held(space / "golden.lock", "another shard's check of the golden vectors", _LOCK_LIMIT_S):
        if not (space / "golden.json").is_file():
            _write(space, inputs, vectors, data)


def _keep(
    space: Path,
    encoder: Encoder,
    found: Sequence[tuple[WorkInput, Any]],
    data: Path,
    first: FirstCheck | None,
) -> None:
    contents = [content for _, content in found]
    vectors = encoder.encode(contents)
    if first:
        first(contents, vectors)
    _write(space, [item for item, _ in found], vectors, data)


def _write(space: Path, inputs: Sequence[WorkInput], vectors: Float32s, data: Path) -> None:
    for item in inputs:
        _copy_input(item, space, data)
    write_json(
        space / "golden.json",
        {
            "inputs": [_own(item).model_dump(mode="json") for item in inputs],
            "vectors": [[float(x) for x in row] for row in vectors],
        },
    )
    log.info("kept %d golden vectors of space %s", len(inputs), space.name)


def _check(space: Path, encoder: Encoder, work: ShardWork) -> None:
    stored = read_json(space / "golden.json")
    inputs = [WorkInput.model_validate(item) for item in stored["inputs"]]  # type: ignore[attr-defined]
    expected = np.array(stored["vectors"], dtype=np.float32)
    found = encoder.encode([work.read(item, space) for item in inputs])
    worst = float(cosines(found, expected).min())
    if worst < MIN_COSINE:
        raise EncoderError(
            f"{encoder.spec.encoder} no longer gives the vectors it gave: a golden input's cosine "
            f"is {worst:.4f}, it must be at least {MIN_COSINE}",
            where=str(space),
            fix="put the libraries of space.json back; or, if the change is wanted, rebuild: move "
            "this folder away and run again, then every input is embedded anew",
        )
    log.info("golden vectors of space %s agree (least cosine %.6f)", space.name, worst)


def _copy_input(item: WorkInput, space: Path, data: Path) -> None:
    """Keep a scene's file beside the vectors: its drop may be archived one day."""
    if item.uri is None:
        return
    write_atomic(space / str(_own(item).uri), input_path(item, data).read_bytes())


def _own(item: WorkInput) -> WorkInput:
    """The input as the space's own folder names it."""
    if item.uri is None:
        return item
    return item.model_copy(update={"uri": f"golden/{item.sha256}{Path(item.uri).suffix}"})
