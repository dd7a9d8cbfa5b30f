"""Encoders by the runtime that the self-test chooses, beside torch in float32: one input a call.

Both sides read the same inputs from memory on the same cores: one process with one thread first,
then two such processes, as two shards of a run are.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.row import Row, timed_row
from benchmarks.speed.side_by_side import side_by_side
from pipelines.config import DeploymentPaths, EncoderConfig, load_profile
from pipelines.embed.base import Encoder, load_encoder
from pipelines.embed.golden import cosines
from pipelines.embed.openvino_network import core, openvino
from pipelines.encoder_config import RuntimeConfig
from pipelines.storage import sha256_file, write_json

_ROUNDS = 3
_SIDE = 2048  # of the matrices whose product is the limit
_PREPROCESSOR = {
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_processor_type": "BitImageProcessor",
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"shortest_edge": 256},
}
PROMPT = (
    "Dengue en Medellín, semana {week} de 2018, hasta 2018-12-01. Casos recientes por semana: "
    "{a}, {b}, 14, 9, 11. Clima de noviembre: 22.4 °C, lluvia {a}0 mm. Población 2427129; menores "
    "de 15 años 18.2 %, hogares sin agua 3.1 %."
)


@dataclass(frozen=True)
class _Case:
    """Attributes:
    goal: times as fast as torch, with a least cosine above `cosine`.
    """

    name: str
    config: EncoderConfig
    dtype: str
    inputs: list[Any]
    goal: float
    cosine: float
    random_weights: bool = False

    @property
    def ours(self) -> EncoderConfig:
        runtime = RuntimeConfig.model_validate({"dtype": self.dtype})
        return self.config.model_copy(update={"runtime": runtime})


def rows() -> list[Row]:
    """Each encoder on one core, then on two.

    Raises:
        RuntimeError: vectors are farther from torch's than the goal allows.
    """
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        limits = {dtype: _product_gflops(dtype) for dtype in ("float32", "bfloat16")}
        cases = _cases(home)
        return [
            *(_on_one_core(case, home, limits[case.dtype]) for case in cases),
            *(_on_two_cores(case, home) for case in cases),
        ]


def _cases(home: Path) -> list[_Case]:
    embed = load_profile("ci").embed
    assert embed is not None
    drawn = np.random.default_rng(0)
    scenes = [drawn.integers(0, 256, (390, 528, 3), dtype=np.uint8) for _ in range(16)]
    prompts = [PROMPT.format(week=at, a=7 * at, b=300 + at) for at in range(1, 33)]
    dinov2 = _random_dinov2(home / "dinov2-base")
    return [
        _Case("EfficientNet-Lite0", embed.image.by_torch(), "float32", scenes, 3.5, 0.9999),
        _Case("DINOv2-base shape", dinov2, "bfloat16", scenes[:4], 3.5, 0.999, True),
        _Case("MiniLM", embed.text.by_torch(), "bfloat16", prompts, 2.5, 0.999),
    ]


def _random_dinov2(folder: Path) -> EncoderConfig:
    """A checkpoint of the base size with transformers' random initialisation."""
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    import torch
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    base = Dinov2Config(hidden_size=768, num_hidden_layers=12, num_attention_heads=12)
    base.image_size, base.patch_size = 518, 14
    Dinov2Model(base).save_pretrained(folder)
    write_json(folder / "preprocessor_config.json", _PREPROCESSOR)
    return EncoderConfig.model_validate(
        {
            "name": "dinov2",
            "folder": folder,
            "file": "model.safetensors",
            "sha256": sha256_file(folder / "model.safetensors"),
            "pooling": "cls",
        }
    )


# --- One core -------------------------------------------------------------------------------------
def _on_one_core(case: _Case, home: Path, limit_gflops: float) -> Row:
    paths = DeploymentPaths(home=home)
    torch, ours = load_encoder(case.config, paths), load_encoder(case.ours, paths)
    least = float(cosines(ours.encode(case.inputs), torch.encode(case.inputs)).min())
    if least <= case.cosine:
        raise RuntimeError(f"{case.name}: least cosine {least:.6f}, above {case.cosine} is asked")
    work = _gflops(torch, case.inputs)
    own, rival = side_by_side(
        lambda: ours.encode(case.inputs), lambda: torch.encode(case.inputs), _ROUNDS
    )
    reached = work / min(one.wall for one in own)
    share = reached / limit_gflops
    return timed_row(
        f"{case.name}: {len(case.inputs)} inputs, one a call, one thread",
        own,
        rival,
        rival_is="torch float32, one thread",
        goal=case.goal,
        limit=f"{reached:.0f} GFLOP/s, {share:.0%} of a matrix product in {case.dtype}",
        note=_note(case, least),
    )


def _note(case: _Case, least: float) -> str:
    words = f"OpenVINO {case.dtype}, least cosine {least:.6f} (above {case.cosine} is asked)"
    if case.random_weights:
        words += "; random weights: trained ones may differ more, the self-test says"
    return words


def _gflops(encoder: Encoder, inputs: Sequence[Any]) -> float:
    """Billions of multiplications and additions that torch counts for the inputs."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counted:
        encoder.encode(inputs)
    return float(counted.get_total_flops()) / 1e9


def _product_gflops(dtype: str) -> float:
    """Best rate of one thread at a large matrix product, by the library that the encoders use."""
    library = openvino()
    from openvino import opset13

    values = np.random.default_rng(0).normal(size=(_SIDE, _SIDE)).astype(np.float32)
    left = opset13.parameter([_SIDE, _SIDE], np.float32)
    network = library.Model([opset13.matmul(left, opset13.constant(values), False, False)], [left])
    precision = {"float32": "f32", "bfloat16": "bf16"}[dtype]
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    call = core().compile_model(network, "CPU", settings).create_infer_request()
    best = float("inf")
    for _ in range(6):
        began = time.perf_counter()
        call.infer([values])
        best = min(best, time.perf_counter() - began)
    return 2 * _SIDE**3 / best / 1e9


# --- Two cores ------------------------------------------------------------------------------------
_held: list[Encoder] = []  # of one worker


def _hold(config: EncoderConfig, home: Path) -> None:
    _held.append(load_encoder(config, DeploymentPaths(home=home)))


def _work(inputs: Sequence[Any]) -> int:
    return len(_held[0].encode(inputs))


@contextmanager
def _workers(config: EncoderConfig, home: Path) -> Iterator[ProcessPoolExecutor]:
    """Two processes that have loaded the encoder."""
    with ProcessPoolExecutor(
        2, mp_context=get_context("spawn"), initializer=_hold, initargs=(config, home)
    ) as pool:
        yield pool


def _on_two_cores(case: _Case, home: Path) -> Row:
    half = len(case.inputs) // 2
    pieces = [case.inputs[:half], case.inputs[half:]]
    with _workers(case.ours, home) as ours, _workers(case.config, home) as torch:
        own, rival = side_by_side(
            lambda: list(ours.map(_work, pieces)), lambda: list(torch.map(_work, pieces)), _ROUNDS
        )
    return timed_row(
        f"{case.name}: {len(case.inputs)} inputs by two processes of one thread",
        own,
        rival,
        rival_is="torch float32, two processes of one thread",
        note="processor seconds are of the process that waits",
    )
