"""A fused champion: uploaded scenes and prompts go through its own real encoders."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from pipelines.config import DeploymentPaths, load_profile
from pipelines.data.prompts import load_template
from pipelines.embed.base import describe_encoder
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.calibration import IDENTITY
from pipelines.fusion.fused import FusedForecaster
from pipelines.fusion.heads import build_head
from pipelines.fusion.model import FusedModel
from pipelines.inference.asked_row import PredictionRow
from pipelines.inference.rows import vector_input
from pipelines.place_config import shipped_notes_prompts
from serving.champion import ChampionHolder

PROMPT_FIELDS = {"municipality_name": "Medellín", "age_0_14_pct": 20.0}


def fused_bundle(linear: Callable[..., Bundle], paths: DeploymentPaths, **meta: Any) -> Bundle:
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
    plain = linear(**{**described, **meta})
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


@pytest.fixture
def fused_client(
    client: TestClient,
    deployment: Any,
    bundle_of: Callable[..., Bundle],
    eventually: Callable[..., None],
) -> TestClient:
    return serving(client, deployment, fused_bundle(bundle_of, deployment.paths), eventually)


def serving(
    client: TestClient, deployment: Any, bundle: Bundle, eventually: Callable[..., None]
) -> TestClient:
    """The client, when the bundle answers."""
    deployment.promote(bundle)

    def ready() -> bool:
        body = client.get("/model").json()
        assert body["candidate_error"] is None, body
        return body["bundle_id"] is not None

    eventually(ready, timeout_s=120)
    return client


def upload(client: TestClient, row: dict[str, Any], scene: bytes) -> dict[str, Any]:
    response = client.post(
        "/predictions",
        data={"row": json.dumps(row)},
        files={"scene": ("a.png", scene, "image/png")},
    )
    assert response.status_code == 200, response.json()
    answer: dict[str, Any] = response.json()["predictions"][0]
    return answer


def test_scene_and_prompt_are_used(
    fused_client: TestClient, row: dict[str, Any], png: bytes
) -> None:
    plain = fused_client.post("/predictions", json={"rows": [row]}).json()["predictions"][0]
    named = {**row, **PROMPT_FIELDS}
    with_text = fused_client.post("/predictions", json={"rows": [named]}).json()["predictions"][0]
    with_both = upload(fused_client, named, png)

    assert plain["mask"] == {"image": "missing", "text": "missing"}
    assert with_text["mask"] == {"image": "missing", "text": "used"}
    assert with_both["mask"] == {"image": "used", "text": "used"}
    assert len({a["probability"] for a in (plain, with_text, with_both)}) == 3

    blank = io.BytesIO()
    Image.new("RGB", (40, 40)).save(blank, "PNG")
    masked = upload(fused_client, named, blank.getvalue())
    assert (masked["scene_quality"], masked["mask"]["image"]) == ("blank", "missing")
    assert masked["probability"] == pytest.approx(with_text["probability"], abs=1e-9)


def test_notes_of_a_row_are_read_where_the_template_asks_for_them_and_none_of_later(
    client: TestClient,
    deployment: Any,
    bundle_of: Callable[..., Bundle],
    eventually: Callable[..., None],
    row: dict[str, Any],
) -> None:
    file = shipped_notes_prompts()["es"]
    asks = {"prompt_template_id": load_template("es", file).template_id}
    bundle = replace(fused_bundle(bundle_of, deployment.paths, **asks), prompt_file=file)
    noted = serving(client, deployment, bundle, eventually)

    def answer(*notes: dict[str, Any]) -> Any:
        sent = {**row, **PROMPT_FIELDS, "notes": list(notes)}
        return noted.post("/predictions", json={"rows": [sent]}).json()

    note = {"week": row["origin_week"], "text": "Urgencias desbordadas por febriles."}
    alone, told = answer(), answer(note)
    assert alone["predictions"][0]["probability"] != told["predictions"][0]["probability"]
    refused = answer({**note, "known": "2199-01-01"})
    assert refused["type"].endswith("unusable-row") and "2199-01-01" in refused["detail"]


def test_vectors_and_an_upload_agree(
    fused_client: TestClient, row: dict[str, Any], png: bytes
) -> None:
    holder: ChampionHolder = fused_client.app.state.holder  # type: ignore[attr-defined]
    assert holder.current and holder.current.encoders
    image = holder.current.encoders.encode("image", np.asarray(Image.open(io.BytesIO(png))))
    fields = PredictionRow.model_validate(row)
    numbers = vector_input(holder.current.bundle, fields).covariates
    vector = {
        "municipality_code": row["municipality_code"],
        "horizon_weeks": row["horizon_weeks"],
        "covariates": {k: None if np.isnan(v) else v for k, v in numbers.items()},
        "image": image.tolist(),
    }

    asked = fused_client.post("/predictions", json={"vectors": [vector]}).json()["predictions"][0]

    uploaded = upload(fused_client, row, png)
    assert uploaded["mask"]["image"] == asked["mask"]["image"] == "used"
    assert uploaded["probability"] == pytest.approx(asked["probability"], abs=1e-6)


def test_a_vector_of_another_width_is_refused(fused_client: TestClient) -> None:
    vector = {"municipality_code": "05001", "horizon_weeks": 4, "covariates": {}, "image": [1.0]}

    response = fused_client.post("/predictions", json={"vectors": [vector]})

    assert response.status_code == 422
    assert "1280" in response.json()["detail"]


def test_a_bundle_of_other_encoders_is_not_taken(
    client: TestClient,
    deployment: Any,
    bundle_of: Callable[..., Bundle],
    eventually: Callable[..., None],
) -> None:
    spec = asdict(describe_encoder(load_profile("sample").embed.image, deployment.paths))
    other = fused_bundle(
        bundle_of, deployment.paths, image_encoder={**spec, "weights_sha256": "0" * 64}
    )
    deployment.promote(other)

    eventually(lambda: client.get("/model").json()["candidate_error"] is not None, timeout_s=120)

    assert "not the one" in client.get("/model").json()["candidate_error"]["error"]
    assert client.get("/health/ready").status_code == 503
