"""Runs one shard of embedding work: looks first, and starts an encoder process only if it must.

No orchestrator process ever loads an encoder: the memory comes back when the child exits.
"""

from __future__ import annotations

import json
import logging
import math
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pipelines import errors as named
from pipelines.config import DeploymentPaths, Profile
from pipelines.embed import child
from pipelines.embed.base import library_versions
from pipelines.embed.crash import crash_error
from pipelines.embed.work import ShardWork, read_work
from pipelines.encoder_config import Encoders
from pipelines.errors import ConfigError, DenguardError, EncoderError
from pipelines.run import apart
from pipelines.run.outputs import ShardOutput
from pipelines.run.progress import handed_on

log = logging.getLogger(__name__)

# An encoder at work says something every few seconds; loading weights on a busy machine may take
# a minute or two.
_SILENCE_LIMIT_S = 600.0
_END_TIMEOUT_S = 30.0


def embed_shard(
    work_file: Path, profile: Profile, paths: DeploymentPaths, champion: Encoders = ()
) -> ShardOutput:
    """Embed what one work file names; safe to kill and run again.

    Args:
        champion: encoders that were planned beside the profile's.

    Raises:
        EncoderError: the encoder is absent, crashed, hung, or gives other vectors than it did.
        StoreError: an input or the work file is not what was planned.
        ConfigError: the plan names another encoder than these.
    """
    _check_same_encoder(read_work(work_file), (*profile.encoders, *champion), work_file)
    return run_work(work_file, paths)


def run_work(work_file: Path, paths: DeploymentPaths, budget_s: float = math.inf) -> ShardOutput:
    """The same for work that was planned without a profile.

    Args:
        budget_s: what is not embedded by then is left for another call.
    """
    work = read_work(work_file)
    started = _needs_encoder(work, paths)
    counts = (
        _run_child(work, work_file, paths, budget_s)
        if started
        else {"embedded": 0, "truncated": 0, "seconds": 0.0}
    )
    if lacking := counts.pop("lacking", 0):
        log.warning(
            "%d scenes have not the bands %s: there the image is missing",
            lacking,
            ", ".join(work.encoder.reads_bands),
        )
        counts["lacking"] = lacking
    if counts["truncated"]:
        log.warning("%d texts were longer than the encoder reads and were cut", counts["truncated"])
    return ShardOutput(
        modality=work.modality,
        space_id=work.space_id,
        inputs=len(work.inputs),
        encoder_started=started,
        **counts,
    )


def _check_same_encoder(work: ShardWork, planned: Encoders, work_file: Path) -> None:
    if (work.modality, work.encoder) not in planned:
        raise ConfigError(
            f"the work was planned for another {work.modality} encoder than the profile names",
            where=str(work_file),
            fix="run plan_embedding again with this profile",
        )


def _needs_encoder(work: ShardWork, paths: DeploymentPaths) -> bool:
    """Whether an input is missing, or the space was last checked with other library versions."""
    store = work.open_store(paths)
    missing = store.missing(item.key for item in work.inputs)
    if missing:
        log.info("%d of %d %s inputs to embed", len(missing), len(work.inputs), work.modality)
        return True
    checked = store.checked_versions()
    changed = bool(checked) and checked != library_versions(work.encoder)
    if changed:
        log.info("library versions changed; the golden vectors of %s are checked", work.space_id)
    else:
        log.info(
            "all %d %s inputs are in the store; no encoder started", len(work.inputs), work.modality
        )
    return changed


def _run_child(
    work: ShardWork, work_file: Path, paths: DeploymentPaths, budget_s: float
) -> dict[str, Any]:
    arguments = [str(work_file), str(paths.home), str(os.getpid()), str(budget_s)]
    command = [sys.executable, "-m", "pipelines.embed.child", *arguments]
    encoder = apart.Work(lambda: child.main(*arguments), command, _environment(work))
    with tempfile.TemporaryFile("w+", encoding="utf-8") as answer, _pipe() as (lines, errors):
        with apart.running(encoder, answer.fileno(), errors.fileno()) as process:
            errors.close()  # the encoder's alone is open: when it ends, so do the lines
            code = _waited_for(process, lines, work, work_file)
        answer.seek(0)
        return _result(code, answer.read(), work, work_file)


@contextmanager
def _pipe() -> Iterator[tuple[IO[str], IO[bytes]]]:
    reads, writes = os.pipe()
    with (
        os.fdopen(reads, encoding="utf-8", errors="replace") as lines,
        os.fdopen(writes, "wb") as ends,
    ):
        yield lines, ends


def _waited_for(process: apart.Apart, lines: IO[str], work: ShardWork, work_file: Path) -> int:
    _relay_log(lines, work)
    try:
        return process.wait(timeout=_END_TIMEOUT_S)
    except subprocess.TimeoutExpired as err:
        raise EncoderError(
            "the encoder process does not end",
            where=str(work_file),
            fix="run again; stored vectors are kept",
        ) from err


def _environment(work: ShardWork) -> dict[str, str]:
    """Threads fixed before any library starts its pool, and no library looks for a network."""
    threads = str(work.encoder.threads)
    return {
        **os.environ,
        **handed_on(),
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }


def _relay_log(stream: IO[str], work: ShardWork) -> None:
    """Pass the child's lines on until it closes them; a silent child is an error, not a wait."""
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_collect, args=(stream, lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=_SILENCE_LIMIT_S)
        except queue.Empty as err:
            raise EncoderError(
                f"the encoder process of {work.encoder.name} said nothing for "
                f"{_SILENCE_LIMIT_S:.0f} s",
                where=f"{work.modality} shard of {len(work.inputs)} inputs",
                fix="check memory and load of this machine, then run again",
            ) from err
        if line is None:
            return
        if line.strip():
            log.info("[%s] %s", work.encoder.name, line.rstrip())


def _collect(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _result(code: int, text: str, work: ShardWork, work_file: Path) -> dict[str, Any]:
    """Counts of a child that did its work, or its error as if it had been raised here."""
    if code not in (0, child.EXIT_NAMED_ERROR) or not text.strip():
        raise crash_error(code, encoder=work.encoder.name, where=str(work_file))
    answer: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
    if code == child.EXIT_NAMED_ERROR:
        kind = getattr(named, answer["error"], DenguardError)
        raise kind(
            answer["what"], where=answer["where"], fix=answer["fix"], away=answer.get("away", False)
        )
    return answer
