"""Whether the newest forecast and the champion still stand, or rest on what was taken back."""

from __future__ import annotations

from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import DenguardError
from pipelines.run.withdrawn import withdrawal, withdrawn
from pipelines.storage import read_json


def taken_back(paths: DeploymentPaths, forecast_version: str, drops: set[str] | None) -> list[str]:
    """Why a forecast does not stand any more; empty if it does.

    Args:
        drops: names of the drops that it was made from, None if nobody knows them.
    """
    reasons = []
    if own := withdrawal(paths, "forecast", forecast_version):
        reasons.append(f"the newest forecast, {forecast_version}, was {own.words()}")
    records = withdrawn(paths, "drop")
    reasons += [
        f"the newest forecast rests on drop {name}, which was {records[name].words()}"
        for name in sorted(records.keys() & (drops or set()))
    ]
    return reasons


def learnt_from_withdrawn(paths: DeploymentPaths, bundle_id: str) -> list[str]:
    """Words for each withdrawn drop that a bundle was trained on; empty without its files."""
    if not (records := withdrawn(paths, "drop")):
        return []
    from pipelines.data.intake import drops_of  # brings pandas, which status starts without

    try:
        bundle: Any = read_json(paths.artifacts / "bundles" / bundle_id / "bundle.json")
        drops = drops_of(paths.artifacts / "datasets" / str(bundle["meta"]["dataset_version"]))
    except (DenguardError, KeyError, TypeError):
        return []
    known = sorted(records.keys() & drops)
    return [f"drop {name}, which was {records[name].words()}" for name in known]
