"""The place of place.py, walked once for this room."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.declared_place import CASES, OCEAN, Place, cases_csv, ocean_csv, profile_of

from pipelines.features.read import load_examples
from pipelines.fusion.examples import Examples


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feature version of the place. Change nothing in it."""
    place = Place(tmp_path_factory.mktemp("humid"), profile_of(CASES, OCEAN))
    place.drop(cases_csv=cases_csv(), ocean_csv=ocean_csv())
    return place.features()


@pytest.fixture(scope="module")
def rows(features: Path) -> Examples:
    """Its rows at 4 weeks."""
    return load_examples(features, 4)
