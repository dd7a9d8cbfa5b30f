"""What every step gets: a first and a last line in the log, progress that others can read, its
lock, a failure in writing, and its end as a line of the event file."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from pydantic import BaseModel

from pipelines.config import places
from pipelines.errors import DenguardError
from pipelines.run import run_folder
from pipelines.run.events import append_event
from pipelines.run.lock import during
from pipelines.run.progress import bound
from pipelines.steps import failure, summary

P = ParamSpec("P")
Output = TypeVar("Output", bound=BaseModel)
log = logging.getLogger(__name__)
_attempt: ContextVar[tuple[int, int]] = ContextVar("attempt", default=(-1, 1))


@contextmanager
def attempt(map_index: int, try_number: int) -> Iterator[None]:
    """While this holds, a failure is recorded as this mapped task's and this try's."""
    token = _attempt.set((map_index, try_number))
    try:
        yield
    finally:
        _attempt.reset(token)


def note_event(
    kind: Literal["step-done", "step-failed"], run_id: str, facts: dict[str, Any]
) -> None:
    """Append a line to the event file. If it cannot be written, the step ends as it would have."""
    try:
        append_event(
            places(), kind, {name: facts[name] for name in facts if name != "run_id"}, run_id
        )
    except (DenguardError, OSError) as err:
        log.error("the event file does not say that %s: %s", kind, err)


def step(function: Callable[Concatenate[str, P], Output]) -> Callable[Concatenate[str, P], Output]:
    """Surround a step; its first argument is the run id, further ones name its part
    (shard, year)."""
    summary_line = (function.__doc__ or "").strip().splitlines()[0]

    @functools.wraps(function)
    def wrapper(run_id: str, *args: P.args, **kwargs: P.kwargs) -> Output:
        name = function.__name__
        part = failure.part_name(name, *args)
        folder = run_folder(places(), run_id)
        log.info("%s: %s", part, summary_line)
        # The lease comes first: a step that is refused it leaves no failure in the run's folder.
        with during(places(), run_id, part), bound(folder / "progress" / f"{part}.json", part):
            try:
                output = function(run_id, *args, **kwargs)
            except Exception as err:
                failed = failure.record(folder, part, err, *_attempt.get())
                note_event("step-failed", run_id, failed.to_json())
                raise
        failure.resolve(folder, part)
        said = summary.summarise(output)
        note_event("step-done", run_id, {"step": part, "said": said})
        log.info("%s is done: %s", part, said)
        for title, path in summary.artifacts_of(run_id, output).items():
            log.info("%s: %s", title, path)
        return output

    return wrapper
