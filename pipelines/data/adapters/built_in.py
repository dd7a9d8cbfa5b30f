"""What is around the reading of every adapter in this folder: its options are known, no file
raises."""

from __future__ import annotations

import functools
from collections.abc import Callable

from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.content import Unreadable
from pipelines.data.adapters.options import options_of


def guarded(read: Callable[[InputFile], Reading]) -> Callable[[InputFile], Reading]:
    """An adapter's `read` that gives an unusable file as an issue instead of an error."""

    @functools.wraps(read)
    def reading(file: InputFile) -> Reading:
        try:
            options_of(file)
            return read(file)
        except Unreadable as err:
            return Reading(issues=(err.issue,))

    return reading
