"""A deployment with scenes, prompts and vectors is backed up and restored into an empty home."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
from support.homes import Home

from pipelines.backup.make import Wish, backup
from pipelines.backup.restore import restore
from pipelines.backup.vault import Vault
from pipelines.config import DeploymentPaths
from pipelines.storage import manifest_of

pytestmark = pytest.mark.e2e
NOW = datetime(2026, 11, 30, 6, tzinfo=UTC)


def test_champion_forecast_audit_trace_and_vectors_are_the_same_in_an_empty_home(
    cycle: Home, tmp_path: Path
) -> None:
    vault, other = Vault(str(tmp_path / "vault"), bytes(32)), tmp_path / "other"
    with mock.patch.dict("os.environ", DENGUARD_HOME=str(cycle.path)):
        made = backup(DeploymentPaths(home=cycle.path), vault, Wish(), NOW)
    other.mkdir()
    with mock.patch.dict("os.environ", DENGUARD_HOME=str(other)):
        done = restore(DeploymentPaths(home=other), vault, "", over=False, clock=NOW)
    assert [row for row in done.proof if not row.same] == []
    facts = made.record.facts[""]
    assert facts.champion and facts.bundle and facts.forecast_bytes and facts.audit_entries
    assert facts.links > 5 and (facts.broken, facts.problem) == (0, "")
    stores = [home / "artifacts" / "embeddings" / "store" for home in (cycle.path, other)]
    assert manifest_of(stores[0]) and manifest_of(stores[0]) == manifest_of(stores[1])
    assert manifest_of(cycle.path / "data") == manifest_of(other / "data")
