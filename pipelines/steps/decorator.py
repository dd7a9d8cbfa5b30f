"""What every step gets: a first and a last line in the log, progress that others can read, its
lock, and lines on its beginning and end in the event file."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Concatenate, ParamSpec, TypeVar

from pydantic import BaseModel

from pipelines.config import deployment_paths
from pipelines.run import run_folder
from pipelines.run.lock import during
from pipelines.run.progress import bound
from pipelines.steps import outcome, summary
from pipelines.storage import in_words

P = ParamSpec("P")
Output = TypeVar("Output", bound=BaseModel)
log = logging.getLogger(__name__)
_attempt: ContextVar[tuple[int, int] | None] = ContextVar("attempt", default=None)


@contextmanager
def attempt(map_index: int, try_number: int) -> Iterator[None]:
    """While this holds, a failure is recorded as this mapped task's and this try's."""
    token = _attempt.set((map_index, try_number))
    try:
        yield
    finally:
        _attempt.reset(token)


def step(function: Callable[Concatenate[str, P], Output]) -> Callable[Concatenate[str, P], Output]:
    """Surround a step; its first argument is the run id, further ones name its part
    (shard, year)."""
    summary_line = (function.__doc__ or "").strip().splitlines()[0]

    @functools.wraps(function)
    def wrapper(run_id: str, *args: P.args, **kwargs: P.kwargs) -> Output:
        part, paths = summary.part_name(function.__name__, *args), deployment_paths()
        run_folder(paths, run_id)  # an id that cannot name a folder is refused here
        log.info("%s: %s", part, summary_line)
        # The lock comes first: a step that is refused it leaves nothing of itself.
        with during(paths, run_id, part), bound(paths, run_id, part):
            tried = _attempt.get()
            outcome.begin(paths, run_id, part, tried[1] if tried else 0)
            try:
                output = function(run_id, *args, **kwargs)
            except Exception as err:
                named = in_words(err, (paths.artifacts, paths.data))
                outcome.fail(paths, run_id, part, named, *(tried or ()))
                if named is err:
                    raise
                raise named from err
            outcome.finish(paths, run_id, part, output)
        log.info("%s is done: %s", part, summary.summarise(output))
        for title, path in summary.artifacts_of(run_id, output).items():
            log.info("%s: %s", title, path)
        return output

    return wrapper
