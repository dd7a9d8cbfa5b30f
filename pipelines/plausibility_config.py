"""When a value is doubted: `data.plausibility` of a profile.

Belongs here: limits of the rules in pipelines/data/plausible, each with where it comes from. Does not
belong here: the rules.
"""

from __future__ import annotations

from pydantic import Field

from pipelines.encoder_config import Frozen


class PlausibilityConfig(Frozen):
    """Limits beyond which values are held until a person has looked."""

    max_held_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="of the units with counts; beyond it the drop itself is stopped",
    )
    running_mean_cases: float = Field(
        10.0, gt=0, description="mean of four weeks from which a 0 is no ordinary week"
    )
