"""Retries: a registry that does not answer is asked again, a limited number of times."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from pipelines.errors import ChampionLostError, RegistryError

log = logging.getLogger(__name__)
T = TypeVar("T")
PAUSES_S = (2.0, 10.0, 30.0)  # before the second, third and fourth question


def with_retries(ask: Callable[[], T]) -> T:
    """The answer, once there is one.

    Raises:
        RegistryError: there is none after the last pause.
        ChampionLostError: at once; asking again finds nothing that was lost.
    """
    for number, pause in enumerate(PAUSES_S, start=1):
        try:
            return ask()
        except ChampionLostError:
            raise
        except RegistryError as err:
            log.warning(
                "%s Attempt %d of %d failed; retry in %g s", err, number, len(PAUSES_S) + 1, pause
            )
        time.sleep(pause)
    return ask()
