"""What is asked of torch where a head has no forward pass in NumPy; it comes with an extra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.contracts import FusedKind
from pipelines.errors import ConfigError


@contextmanager
def needs_torch(kind: FusedKind) -> Iterator[None]:
    """Around an import of what needs torch, for one head.

    Raises:
        ConfigError: torch is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as err:
        if err.name != "torch":
            raise
        raise ConfigError(
            f"the head {kind} has no forward pass in NumPy, and torch is not installed",
            where="pipelines/fusion/plain.py",
            fix="install denguard[heads] with requirements.lock",
        ) from err
