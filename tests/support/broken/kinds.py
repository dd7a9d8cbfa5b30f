"""What a profile must know of the forecasters in bad_forecasters.py; nothing heavy is imported
here.
"""

from __future__ import annotations

from pipelines.candidate_config import ForecasterKind

HONEST, PEEKS, RANKS, PICKLES, FORGETS, FALLS = (
    ForecasterKind(f"support.broken.forecasters:{name}")
    for name in ("Honest", "Peeks", "Ranks", "Pickles", "Forgets", "Falls")
)
