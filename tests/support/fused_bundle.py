"""A fused bundle of two municipalities for the shipped encoders; nothing is trained."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from pipelines.config import DeploymentPaths, load_profile
from pipelines.embed.base import describe_encoder
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.calibration import IDENTITY
from pipelines.fusion.fused import FusedForecaster
from pipelines.fusion.heads import build_head
from pipelines.fusion.model import FusedModel
from support.linear_bundle import linear_bundle


def fused_bundle(paths: DeploymentPaths, **meta: Any) -> Bundle:
    """A late-joint bundle for Lite0 and MiniLM whose output layer is not zero."""
    profile = load_profile("sample")
    image, text = (
        describe_encoder(config, paths) for config in (profile.embed.image, profile.embed.text)
    )
    state = {
        name: value.detach().numpy().copy()
        for name, value in build_head("late_joint", image.width, image.width).state_dict().items()
    }
    wave = np.sin(np.arange(1, 200_000, dtype=np.float32))
    state = {
        name: (0.2 * wave[: value.size].reshape(value.shape) if value.ndim == 2 else value)
        for name, value in state.items()
    }
    gap = np.zeros(image.width, dtype=np.float32)
    described = {
        "head": "late_joint",
        "recipe": profile.recipe("late_joint"),
        "image_encoder": asdict(image),
        "text_encoder": asdict(text),
    }
    plain = linear_bundle(**{**described, **meta})
    fused = FusedModel("late_joint", image.width, text.width, image.width, 0.0, gap, state)
    models = {
        h: replace(
            model,
            forecaster=FusedForecaster("late_joint", model.forecaster, fused),
            calibration=replace(model.calibration, with_vectors=IDENTITY),
        )
        for h, model in plain.models.items()
    }
    return replace(plain, models=models)
