"""`latest` goes by the week, and names what was made since of an older week."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from support.planted_versions import Planted

from pipelines.client import Client
from pipelines.storage import write_atomic
from pipelines.versioning.catalogue import index_bytes, read_catalogue
from pipelines.versioning.entry import Version
from pipelines.versioning.source import FOLDER, Source


@pytest.fixture
def remote(planted: Planted, tmp_path: Path) -> Path:
    """Three weeks, each with a drop of its own and those before it."""
    return Path(shutil.copytree(Path(planted.remote), tmp_path / "remote"))


def publish(remote: Path, week: str, features_of: str) -> Version:
    """A forecast of a week, published after all others and made from a run's features."""
    catalogue = read_catalogue(Source(str(remote)))
    (model,) = (v for v in catalogue.values() if v.kind == "forecasts" and v.run_id == features_of)
    made = model.model_copy(
        update={
            "id": f"forecasts-{week}-again",
            "version": f"{week}-again",
            "as_of_week": week,
            "run_id": "again",
            "published_at": "2999-01-01T00:00:00+00:00",
        }
    )
    write_atomic(remote / FOLDER / "index.json", index_bytes({**catalogue, made.id: made}))
    return made


def test_latest_names_a_forecast_of_an_older_week_that_was_made_since_from_the_same_drops(
    remote: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = publish(remote, "2018-w47", features_of="third")
    with caplog.at_level(logging.WARNING):
        found = Client(str(remote)).find("forecasts")
    assert found.as_of_week == "2018-w48"
    assert f"{found.id} is of the newest week, but {made.id} (origin week 2018-w47" in caplog.text


def test_a_look_back_that_knew_fewer_drops_is_no_news(
    remote: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(remote, "2018-w47", features_of="second")
    with caplog.at_level(logging.WARNING):
        assert Client(str(remote)).find("forecasts").as_of_week == "2018-w48"
    assert not caplog.text
