"""The place of place.py, walked once for this room: its checks are real, but nobody reads their pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from covariates.place import CASES, OCEAN, Place, cases_csv, ocean_csv, profile_of

from pipelines.data.expectations import Suite
from pipelines.fusion.examples import Examples
from pipelines.fusion.load import load_examples


@pytest.fixture(autouse=True)
def _without_data_docs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Suite, "write", lambda *_: None)


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feature version of the place. Change nothing in it."""
    place = Place(tmp_path_factory.mktemp("humid"), profile_of(CASES, OCEAN))
    place.drop(cases_csv=cases_csv(), ocean_csv=ocean_csv())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Suite, "write", lambda *_: None)
        return place.features()


@pytest.fixture(scope="module")
def rows(features: Path) -> Examples:
    """Its rows at 4 weeks."""
    return load_examples(features, 4)
