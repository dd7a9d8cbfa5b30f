"""Fixtures of this room: makers described in pipelines/testing/rows.py and
tests/support/synthetic_bundle.py.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support import synthetic_bundle

from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples
from pipelines.testing import rows


@pytest.fixture(scope="session")
def make_examples() -> Callable[..., Examples]:
    return rows.make_examples


@pytest.fixture(scope="session")
def make_bundle() -> Callable[..., Bundle]:
    return synthetic_bundle.make_bundle
