"""From checked rows to answers: vectors for scenes and prompts, one batch, what each rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.arrays import Float32s
from pipelines.contracts import SceneQuality
from pipelines.errors import ConfigError
from pipelines.fusion.bundle import Bundle
from pipelines.inference.asked_row import PredictionRow
from pipelines.inference.predict import Prediction, predict_rows, predict_vectors
from pipelines.inference.rows import prompt_of
from pipelines.inference.vectors import VectorInput
from serving.champion import Champion
from serving.encoders import EncoderAway, Encoders
from serving.limits import Budget, Share
from serving.plausible import weeks_beyond
from serving.problems import Problem
from serving.requests import Asked
from serving.scenes import bands_of, policy_of, read_upload
from serving.schemas import VectorRow

Body = dict[str, Any]


class MustEncode(Exception):
    """A text was not encoded before, and doing so was not asked for."""


def answer(
    champion: Champion, asked: Asked, max_scene_pixels: int, pixels: Budget, encode: bool = True
) -> list[Body]:
    """One body for each row, in order; the trace id is added by the route.

    Args:
        pixels: what all scenes may hold that are being read.
        encode: whether texts may be encoded, which takes long; else they have to be known.

    Raises:
        MustEncode: one is not.
        Problem: the scene or a row cannot be used, or needs an encoder that is not here.
    """
    try:
        if asked.vectors:
            return _answer_vectors(champion, asked.vectors)
        with pixels.share() as share:
            return _answer_rows(champion, asked, max_scene_pixels, share, encode)
    except EncoderAway as err:
        raise Problem(503, "no-encoder", err.what, err.fix) from err
    except ConfigError as err:
        raise Problem(
            422, "unusable-row", err.what, err.fix, [{"where": err.where, "what": err.what}]
        ) from err


def _answer_vectors(champion: Champion, rows: Sequence[VectorRow]) -> list[Body]:
    week_no = champion.bundle.calendar.week_no
    inputs = [
        (
            r.horizon_weeks,
            VectorInput(
                r.municipality_code,
                r.covariates,
                r.image,
                r.text,
                week_no(r.origin_week) if r.origin_week else None,
            ),
        )
        for r in rows
    ]
    found = predict_vectors(champion.bundle, inputs)
    return [
        _body(champion, prediction, row.municipality_code, row.horizon_weeks, row.origin_week)
        for row, prediction in zip(rows, found, strict=True)
    ]


def _answer_rows(
    champion: Champion, asked: Asked, max_scene_pixels: int, share: Share, encode: bool
) -> list[Body]:
    images, scene_quality = [], None
    if asked.scene is not None:
        policy = policy_of(champion.bundle, max_scene_pixels)
        bands = bands_of(champion.bundle)
        pixels, scene_quality = read_upload(asked.scene, asked.scene_name, policy, share, bands)
        if scene_quality is SceneQuality.OK and champion.encoders:
            images = [champion.encoders.encode("image", pixels)] * len(asked.rows)
    texts = (
        _texts(champion.bundle, champion.encoders, asked.rows, encode) if champion.encoders else []
    )
    found = predict_rows(champion.bundle, asked.rows, images, texts)
    return [
        _body(
            champion,
            prediction,
            row.municipality_code,
            row.horizon_weeks,
            row.origin_week,
            scene_quality,
        )
        for row, prediction in zip(asked.rows, found, strict=True)
    ]


def _texts(
    bundle: Bundle, encoders: Encoders, rows: Sequence[PredictionRow], encode: bool
) -> list[Float32s | None]:
    """For each row the vector of its own text, else of the rendered prompt; equal texts once."""
    texts = [row.text or prompt_of(bundle, row) for row in rows]
    vectors: dict[str, Float32s] = {}
    for text in filter(None, dict.fromkeys(texts)):
        known = encoders.encode("text", text) if encode else encoders.known(text)
        if known is None:
            raise MustEncode
        vectors[text] = known
    return [vectors[text] if text else None for text in texts]


def _body(
    champion: Champion,
    prediction: Prediction,
    municipality_code: str,
    horizon_weeks: int,
    origin_week: str | None = None,
    scene_quality: SceneQuality | None = None,
) -> Body:
    meta, entry = champion.bundle.meta, champion.registered
    target = _weeks_after(champion.bundle, origin_week, horizon_weeks) if origin_week else None
    return {
        "municipality_code": municipality_code,
        "horizon_weeks": horizon_weeks,
        "origin_week": origin_week,
        "target_week": target,
        "probability": prediction.probability,
        "outbreak": prediction.outbreak,
        "decision_threshold": prediction.decision_threshold,
        "threshold_cases": prediction.threshold_cases,
        "lambda_shift": prediction.lambda_shift,
        "mask": prediction.mask,
        "scene_quality": scene_quality.value if scene_quality else None,
        "model_version": entry.version,
        "bundle_id": entry.bundle_id,
        "head": meta.head,
        **champion.rule(),
        "data_version": meta.dataset_version,
        "weeks_beyond_data": weeks_beyond(champion.bundle, origin_week) if origin_week else None,
        "synthetic_scenes": meta.synthetic_scenes,
    }


def _weeks_after(bundle: Bundle, week: str, weeks: int) -> str:
    return bundle.calendar.week_label(bundle.calendar.week_no(week) + weeks)
