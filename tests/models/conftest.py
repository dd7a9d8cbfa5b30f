"""Fixtures of this room: makers described in pipelines/testing/rows.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipelines.fusion.examples import Examples
from pipelines.testing import rows


@pytest.fixture(scope="session")
def make_examples() -> Callable[..., Examples]:
    return rows.make_examples
