"""Onboarding in tests: its checks are real, but nobody reads their pages."""

from __future__ import annotations

import pytest

from pipelines.data.expectations import Suite


@pytest.fixture(autouse=True)
def _without_data_docs(monkeypatch):
    """A check's HTML pages are thrown away by `validate` and onboarding, and cost a second each."""
    monkeypatch.setattr(Suite, "write", lambda *_: None)
