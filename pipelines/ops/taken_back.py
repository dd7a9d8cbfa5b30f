"""Whether the newest forecast still stands, or something of it was taken back since."""

from __future__ import annotations

from pipelines.config import Places
from pipelines.run.withdrawn import withdrawal, withdrawn


def taken_back(where: Places, forecast_version: str, drops: set[str] | None) -> list[str]:
    """Why a forecast does not stand any more; empty if it does.

    Args:
        drops: names of the drops that it was made from, None if nobody knows them.
    """
    said = []
    if own := withdrawal(where, "forecast", forecast_version):
        said.append(f"the newest forecast, {forecast_version}, was {own.words()}")
    gone = withdrawn(where, "drop")
    said += [
        f"the newest forecast rests on drop {name}, which was {gone[name].words()}"
        for name in sorted(gone.keys() & (drops or set()))
    ]
    return said
