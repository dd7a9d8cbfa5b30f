"""What every box of the road gets for free: a first and a last line in the log, progress that
others can read, and a failure in writing; its end, well or not, as a line of the event file."""

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
from pipelines.steps import failure, outcome

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


def told(kind: Literal["step-done", "step-failed"], run_id: str, facts: dict[str, Any]) -> None:
    """A line of the event file. One that cannot be written never stands in place of a
    step's end."""
    try:
        append_event(
            places(), kind, {name: facts[name] for name in facts if name != "run_id"}, run_id
        )
    except (DenguardError, OSError) as err:
        log.error("the event file does not say that %s: %s", kind, err)


def box(step: Callable[Concatenate[str, P], Output]) -> Callable[Concatenate[str, P], Output]:
    """Surround a step; its first argument is the run id, further ones name its part
    (shard, year)."""
    promise = (step.__doc__ or "").strip().splitlines()[0]

    @functools.wraps(step)
    def walked(run_id: str, *args: P.args, **kwargs: P.kwargs) -> Output:
        name = step.__name__
        part = failure.part_name(name, *args)
        folder = run_folder(places(), run_id)
        log.info("%s: %s", part, promise)
        # The lease comes first: a step that is refused it leaves no failure in the run's folder.
        with during(places(), run_id, part), bound(folder / "progress" / f"{part}.json", part):
            try:
                output = step(run_id, *args, **kwargs)
            except Exception as err:
                failed = failure.record(folder, part, err, *_attempt.get())
                told("step-failed", run_id, failed.to_json())
                raise
        failure.forget(folder, part)
        said = outcome.said(output)
        told("step-done", run_id, {"step": part, "said": said})
        log.info("%s is done: %s", part, said)
        for title, path in outcome.documents(run_id, output).items():
            log.info("%s: %s", title, path)
        return output

    return walked
