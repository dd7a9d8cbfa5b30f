"""What a profile says of the endpoint."""

from __future__ import annotations

from pydantic import Field

from pipelines.data_config import DataConfig as DataConfig
from pipelines.data_config import Limits as Limits
from pipelines.data_config import Maturity as Maturity
from pipelines.data_config import ScenePolicy as ScenePolicy
from pipelines.data_config import TextWindow as TextWindow
from pipelines.encoder_config import Frozen as Frozen
from pipelines.judge_config import EvaluateConfig as EvaluateConfig
from pipelines.judge_config import GateConfig as GateConfig
from pipelines.judge_config import TestYears as TestYears
from pipelines.places import Places as Places
from pipelines.places import at_line as at_line
from pipelines.places import places as places
from pipelines.train_config import TrainConfig as TrainConfig


class ServingConfig(Frozen):
    """How long to wait for the endpoint to take a bundle. Its address comes from the
    environment."""

    take_over_timeout_s: float = Field(30.0, gt=0, le=3600)
