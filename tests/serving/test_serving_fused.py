"""A fused champion: uploaded scenes and prompts go through its own real encoders."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from support.fused_bundle import fused_bundle

from pipelines.config import load_profile
from pipelines.data.prompts import load_template
from pipelines.embed.base import Encoder, describe_encoder, load_encoder
from pipelines.fusion.bundle import Bundle
from pipelines.inference.asked_row import PredictionRow
from pipelines.inference.rows import vector_input
from pipelines.place_config import shipped_notes_prompts
from serving import encoders
from serving.app import create_app
from serving.champion import ChampionHolder
from serving.settings import Settings

HEADERS = {"Authorization": "Bearer a-key-for-tests"}
PROMPT_FIELDS = {"municipality_name": "Medellín", "age_0_14_pct": 20.0}


@pytest.fixture
def fused_client(
    client: TestClient,
    deployment: Any,
    eventually: Callable[..., None],
) -> TestClient:
    return serving(client, deployment, fused_bundle(deployment.paths), eventually)


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
    eventually: Callable[..., None],
    row: dict[str, Any],
) -> None:
    file = shipped_notes_prompts()["es"]
    asks = {"prompt_template_id": load_template("es", file).template_id}
    bundle = replace(fused_bundle(deployment.paths, **asks), prompt_file=file)
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
    eventually: Callable[..., None],
) -> None:
    spec = asdict(describe_encoder(load_profile("sample").embed.image, deployment.paths))
    other = fused_bundle(deployment.paths, image_encoder={**spec, "weights_sha256": "0" * 64})
    deployment.promote(other)

    eventually(lambda: client.get("/model").json()["candidate_error"] is not None, timeout_s=120)

    assert "not the one" in client.get("/model").json()["candidate_error"]["error"]
    assert client.get("/health/ready").status_code == 503


def test_a_first_champion_serves_before_its_encoders_are_loaded_and_a_row_that_needs_one_waits(
    deployment: Any, settings: Settings, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    may_load = threading.Event()

    def slow(*asked: Any) -> Encoder:
        assert may_load.wait(60)
        return load_encoder(*asked)

    monkeypatch.setattr(encoders, "load_encoder", slow)
    deployment.promote(fused_bundle(deployment.paths))
    with TestClient(create_app(settings), headers=HEADERS) as started:
        plain = started.post("/predictions", json={"rows": [row]})
        assert started.get("/model").json()["encoders"] == "loading"
        may_load.set()
        named = started.post("/predictions", json={"rows": [{**row, **PROMPT_FIELDS}]})
    assert (plain.status_code, named.status_code) == (200, 200)
    assert named.json()["predictions"][0]["mask"]["text"] == "used"


def test_encoders_that_cannot_be_loaded_are_told_and_tried_again(
    deployment: Any,
    settings: Settings,
    row: dict[str, Any],
    eventually: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*asked: Any) -> Encoder:
        raise RuntimeError("operator torchvision::nms does not exist")

    named = {"rows": [{**row, **PROMPT_FIELDS}]}
    deployment.promote(fused_bundle(deployment.paths))
    with monkeypatch.context() as patch, TestClient(create_app(settings), headers=HEADERS) as ours:
        patch.setattr(encoders, "load_encoder", broken)
        eventually(lambda: ours.get("/model").json()["encoders"] == "failed")
        refused = ours.post("/predictions", json=named)
        assert (refused.status_code, refused.json()["type"][-10:]) == (503, "no-encoder")
        assert "nms does not exist" in ours.get("/model").json()["last_error"]
        assert ours.post("/predictions", json={"rows": [row]}).status_code == 200
        patch.undo()
        eventually(lambda: ours.get("/model").json()["encoders"] == "ready", timeout_s=120)
        assert ours.post("/predictions", json=named).status_code == 200


def test_a_champion_whose_encoders_cannot_be_loaded_takes_no_ones_place(
    serving_client: TestClient,
    deployment: Any,
    eventually: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*asked: Any) -> Encoder:
        raise ImportError("libgomp.so.1")

    monkeypatch.setattr(encoders, "load_encoder", broken)
    deployment.promote(fused_bundle(deployment.paths))
    eventually(lambda: serving_client.get("/model").json()["candidate_error"] is not None)
    body = serving_client.get("/model").json()
    assert (body["version"], body["head"]) == ("1", "linear")
    assert "libgomp" in body["candidate_error"]["error"]


def test_a_champion_of_the_same_encoders_takes_those_that_are_loaded(
    fused_client: TestClient, deployment: Any, eventually: Callable[..., None]
) -> None:
    holder: ChampionHolder = fused_client.app.state.holder  # type: ignore[attr-defined]
    eventually(lambda: fused_client.get("/model").json()["encoders"] == "ready", timeout_s=120)
    before = holder.current
    assert before is not None
    version = deployment.promote(fused_bundle(deployment.paths, dataset_version="d2", bias=-0.5))
    eventually(lambda: fused_client.get("/model").json()["version"] == version)
    assert holder.current is not None and holder.current is not before
    assert holder.current.encoders is before.encoders
