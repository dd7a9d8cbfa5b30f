"""A model version as denguard knows it, and the names of its tags; nothing here imports MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MODEL_NAME = "denguard"
BUNDLE_ID_TAG = "bundle_id"
PROVISIONAL_TAG = "provisional"  # "true" on a version that was promoted without being judged
ROLLED_BACK_TAG = "rolled_back"  # on a version that a person took out of service: the reason
ADOPTED_TAG = "adopted_rule"  # on a superseded version: the label rule that was adopted instead


@dataclass(frozen=True)
class Registered:
    """One model version. `version` is text on every store (MLflow gives int or str)."""

    version: str
    bundle_id: str
    run_id: str
    source: str
    provisional: bool = False  # history was too short to judge it
    adopted_rule: str | None = (
        None  # label rule adopted since, if it answers because there is no champion
    )


def as_registered(
    version: str | int, run_id: str | None, source: str | None, tags: Mapping[str, str]
) -> Registered:
    """Our record of MLflow's model version."""
    provisional = tags.get(PROVISIONAL_TAG) == "true"
    return Registered(
        str(version), tags.get(BUNDLE_ID_TAG, ""), run_id or "", source or "", provisional
    )


def sqlite_file(uri: str) -> Path | None:
    """The file behind a SQLite URI, or None for any other store."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
