"""What a profile says of the endpoint."""

from __future__ import annotations

from pydantic import Field

from pipelines.encoder_config import Frozen


class ServingConfig(Frozen):
    """How long to wait for the endpoint to take a bundle; its address is in the environment."""

    take_over_timeout_s: float = Field(30.0, gt=0, le=3600)
