"""Fixtures of this room: makers described in tests/fusion/synthetic_examples.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fusion import synthetic_examples

from pipelines.fusion.examples import Examples


@pytest.fixture(scope="session")
def make_examples() -> Callable[..., Examples]:
    return synthetic_examples.make_examples
