"""The encoder process: embeds what a work file names into the store, and exits.

Run as `python -m pipelines.embed.child WORK_FILE HOME PARENT_PID`. Log lines go to stderr, one JSON
line with the result or the error to stdout. Every few inputs are stored at once, so that a kill
loses little.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from pipelines import errors
from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths
from pipelines.data.scenes import LacksBands
from pipelines.embed.base import Encoder, library_versions, load_encoder
from pipelines.embed.golden import keep_or_check_golden
from pipelines.embed.runtimes import require_alike
from pipelines.embed.work import ShardWork, WorkInput, read_work
from pipelines.errors import DenguardError, EncoderError
from pipelines.run.progress import Progress, inherited

log = logging.getLogger(__name__)

CHUNK_INPUTS = 128  # stored together: a second or two of work
EXIT_NAMED_ERROR = 3
COUNTED = {"image": "scenes embedded", "text": "prompts embedded"}


def embed_work(
    work: ShardWork, paths: DeploymentPaths, parent_pid: int, budget_s: float = math.inf
) -> dict[str, float]:
    """Embed the inputs that the store still lacks; returns counts and seconds.

    Args:
        parent_pid: process that waits for this one; without it the work stops.
        budget_s: after so long, loading included, what is embedded is stored and the rest is left.

    Raises:
        EncoderError: the encoder cannot be loaded or gives other vectors than it did.
        StoreError: an input is not what was planned.
    """
    until = time.monotonic() + budget_s
    encoder = load_encoder(work.encoder, paths)
    try:
        return _embed_with(encoder, work, paths, parent_pid, until)
    finally:
        encoder.close()


def _embed_with(
    encoder: Encoder, work: ShardWork, paths: DeploymentPaths, parent_pid: int, until: float
) -> dict[str, float]:
    if encoder.spec.space_id != work.space_id:
        raise EncoderError(
            "the encoder is not the one the work was planned for",
            where=work.encoder.name,
            fix="run plan_embedding again",
        )
    store, data = work.open_store(paths), work.data_root(paths)
    alike = partial(require_alike, work.encoder, paths=paths)
    keep_or_check_golden(store.folder, encoder, work, data, alike)
    missing = set(store.missing(item.key for item in work.inputs))
    todo = [item for item in work.inputs if item.key in missing]
    encoder.truncated = 0  # golden inputs are not this shard's
    began = time.perf_counter()
    progress = Progress(COUNTED[work.modality], len(todo))
    counts = {"embedded": 0, "lacking": 0}
    for start in range(0, len(todo), CHUNK_INPUTS):
        vectors: dict[str, Float32s] = {}
        lacking: dict[str, str] = {}
        for item in todo[start : start + CHUNK_INPUTS]:
            if time.monotonic() >= until:
                break
            _stop_if_orphaned(parent_pid)
            _embed_one(encoder, work, item, data, (vectors, lacking))
            progress.advance()
        if vectors:
            store.append(list(vectors), np.stack(list(vectors.values())))
        store.note_without(lacking)
        counts["embedded"] += len(vectors)
        counts["lacking"] += len(lacking)
    store.record_versions(library_versions(work.encoder))
    seconds = time.perf_counter() - began  # reading and encoding; loading the weights left out
    return {**counts, "truncated": encoder.truncated, "seconds": seconds}


def _embed_one(
    encoder: Encoder,
    work: ShardWork,
    item: WorkInput,
    data: Path,
    into: tuple[dict[str, Float32s], dict[str, str]],
) -> None:
    """Put an input's vector under its key into the first, or why it has none into the second."""
    vectors, lacking = into
    try:
        vectors[item.key] = encoder.encode([work.read(item, data)])[0]
    except LacksBands as err:
        lacking[item.key] = err.code


def _stop_if_orphaned(parent_pid: int) -> None:
    """A task that was killed must not leave an encoder behind that holds cores and memory."""
    if os.getppid() != parent_pid:
        raise EncoderError("the task that started this encoder is gone", fix="run the task again")


def _public_name(err: DenguardError) -> str:
    """Nearest class of pipelines.errors, which the waiting process knows how to raise."""
    return next(c.__name__ for c in type(err).__mro__ if c.__name__ in vars(errors))


def main(work_file: str, home: str, parent_pid: str, budget_s: str = "inf") -> int:
    """Entry of the process. A named error becomes one JSON line and exit code 3."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        with inherited():
            work = read_work(Path(work_file))
            paths = DeploymentPaths(home=Path(home))
            counts = embed_work(work, paths, int(parent_pid), float(budget_s))
        answer: dict[str, object] = dict(counts)
        code = 0
    except DenguardError as err:
        answer = {
            "error": _public_name(err),
            "what": err.what,
            "where": err.where,
            "fix": err.fix,
            "away": err.away,
        }
        code = EXIT_NAMED_ERROR
    sys.stdout.write(json.dumps(answer) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
