"""Fixtures of this room: makers described in pipelines/testing/rows.py and
tests/support/synthetic_bundle.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import synthetic_bundle

from pipelines.config import Profile, load_profile
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples
from pipelines.testing import rows


@pytest.fixture(scope="session")
def make_examples() -> Callable[..., Examples]:
    return rows.make_examples


@pytest.fixture(scope="session")
def make_bundle() -> Callable[..., Bundle]:
    return synthetic_bundle.make_bundle


@pytest.fixture(scope="session")
def train_and_write() -> Callable[[Path], str]:
    return synthetic_bundle.train_and_write


@pytest.fixture(scope="session")
def quick() -> Profile:
    """The sample profile at two horizons with a sweep that takes a second."""
    overrides = {
        "evaluate.horizons_weeks": (1, 4),
        "train.max_epochs": 4,
        "train.lambda_grid": (0.0, 0.5),
        "train.tuned": {},
    }
    return load_profile("sample", **overrides)
