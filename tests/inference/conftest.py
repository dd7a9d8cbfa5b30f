"""Fixtures of this room: makers described in tests/fusion/synthetic_{examples,bundle}.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fusion import synthetic_bundle, synthetic_examples

from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples


@pytest.fixture(scope="session")
def make_examples() -> Callable[..., Examples]:
    return synthetic_examples.make_examples


@pytest.fixture(scope="session")
def make_bundle() -> Callable[..., Bundle]:
    return synthetic_bundle.make_bundle
