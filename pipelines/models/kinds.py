"""What a profile must know of each forecaster of denguard; imported where a DAG is parsed.

So nothing here imports numpy.
"""

from __future__ import annotations

from pydantic import Field

from pipelines.candidate_config import ForecasterKind
from pipelines.encoder_config import Frozen


class BoostingSettings(Frozen):
    """Boosted trees; leaves follow the number of rows, so that one town is not one leaf."""

    rounds: int = Field(150, ge=1, le=5000)
    learning_rate: float = Field(0.05, gt=0, le=1)
    leaves: int = Field(8, ge=2, le=255, description="of one tree")
    l2: float = Field(10.0, ge=0)
    rows_per_leaf: int = Field(200, ge=1, description="a leaf holds at least one row in so many")
    min_leaf_rows: int = Field(20, ge=1, description="however few rows there are")
    max_leaf_rows: int = Field(200, ge=1, description="however many rows there are")
    seed: int = 7


LINEAR = ForecasterKind("pipelines.models.linear:Linear", settings=None)
BOOSTING = ForecasterKind("pipelines.models.boosting:Boosting", BoostingSettings)
PREVALENCE = ForecasterKind("pipelines.models.baselines:Prevalence")
PERSISTENCE = ForecasterKind("pipelines.models.baselines:Persistence")
PERSISTENCE_CALIBRATED = ForecasterKind("pipelines.models.baselines:PersistenceCalibrated")
CLIMATOLOGY = ForecasterKind("pipelines.models.baselines:Climatology")
