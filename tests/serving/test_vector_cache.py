"""Vectors of prompts that were asked before: the same bits, and never more of them than allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from support.fused_bundle import fused_bundle

from serving.app import create_app
from serving.settings import Settings
from serving.vector_cache import VectorCache, key_of, spec_hash

MINILM, OTHER = {"encoder": "minilm", "width": 384}, {"encoder": "other", "width": 384}
HEADERS = {"Authorization": "Bearer a-key-for-tests"}
NAMED = {"municipality_name": "Medellín", "age_0_14_pct": 20.0}


def vector(seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=384).astype(np.float32)


def test_what_is_kept_comes_back_to_the_bit_and_cannot_be_changed() -> None:
    cache, given = VectorCache(10_000), vector(1)
    key = key_of(spec_hash(MINILM), "Dengue en Medellín")
    cache.put(key, given)
    before = given.copy()
    given[:] = 0
    kept = cache.get(key)
    assert kept is not None and kept.tobytes() == before.tobytes()
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 1.0


def test_another_encoder_or_another_text_is_another_key() -> None:
    specs, texts = (spec_hash(MINILM), spec_hash(OTHER)), ("uno", "dos")
    assert len({key_of(spec, text) for spec in specs for text in texts}) == 4


@pytest.mark.parametrize(("most_bytes", "most_entries"), [(10_000, 50), (10**9, 7), (0, 50)])
def test_neither_bound_is_passed_and_who_was_not_asked_for_longest_goes(
    most_bytes: int, most_entries: int
) -> None:
    cache = VectorCache(most_bytes, most_entries)
    keys = [key_of(spec_hash(MINILM), str(i)) for i in range(100)]
    for i, key in enumerate(keys):
        cache.put(key, vector(i))
        cache.get(keys[0])
        assert cache.bytes <= most_bytes and len(cache) <= most_entries
    held = [i for i, key in enumerate(keys) if cache.get(key) is not None]
    newest = len(cache) - 1
    assert held == ([] if most_bytes == 0 else [0, *range(100 - newest, 100)])


def test_a_prompt_that_was_asked_before_is_answered_without_its_encoder_to_the_bit(
    deployment: Any,
    settings: Settings,
    row: dict[str, Any],
    eventually: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deployment.promote(fused_bundle(deployment.paths))
    with TestClient(create_app(settings), headers=HEADERS) as ours:
        eventually(lambda: ours.get("/model").json()["encoders"] == "ready", timeout_s=120)
        loaded = ours.app.state.holder.current.encoders._loaded["text"]  # type: ignore[attr-defined]
        encoded: list[str] = []
        encode_one = loaded.encode_one

        def counted(text: str) -> Any:
            encoded.append(text)
            return encode_one(text)

        monkeypatch.setattr(loaded, "encode_one", counted)

        def ask(**changes: Any) -> Any:
            sent = {"rows": [{**row, **NAMED, **changes}]}
            return ours.post("/predictions", json=sent).json()["predictions"][0]

        first, again = ask(), ask()
        assert len(encoded) == 1
        assert first["probability"] == again["probability"] and first["mask"] == again["mask"]
        ask(municipality_name="Bello")
        assert len(encoded) == 2
