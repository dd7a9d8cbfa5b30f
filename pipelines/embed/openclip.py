"""What the two towers of an open_clip model share: its folder, its configuration, its weights.

A folder in open_clip's `local-dir:` layout: the weights, open_clip_config.json, and a tokenizer if
the model has one of its own. Bare weights are refused: open_clip would read scenes with default
preprocessing and say nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipelines.config import EncoderConfig
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.base import seeded, spec_of
from pipelines.embed.weights import Weights, companion, install_hint
from pipelines.errors import EncoderError
from pipelines.storage import read_json, sha256_file

LIBRARIES = ("torch", "open_clip_torch")

CONFIG_FILE = "open_clip_config.json"
_HUGGING_TEXT_FILE = "config.json"  # of a text tower that is a transformers model


@dataclass(frozen=True)
class ClipFolder:
    """An open_clip model's folder, read but not loaded.

    Attributes:
        weights: path of the weights file.
        model: open_clip's model_cfg.
        preprocess: open_clip's preprocess_cfg.
        config_sha256: of open_clip_config.json.
    """

    weights: Path
    model: Mapping[str, Any]
    preprocess: Mapping[str, Any]
    config_sha256: str

    @property
    def path(self) -> Path:
        """The folder."""
        return self.weights.parent


def read_folder(config: EncoderConfig, weights: Weights) -> ClipFolder:
    """The folder of the weights.

    Raises:
        EncoderError: bare weights, a configuration that does not say how scenes are prepared, or a
            pooling other than projected.
        StoreError: the configuration is damaged.
    """
    if config.pooling != "projected":
        raise EncoderError(
            f"{config.name} gives the tower's projected vector, not {config.pooling}",
            fix="set pooling: projected",
        )
    path = companion(config, weights, CONFIG_FILE)
    raw: dict[str, Any] = dict(read_json(path))
    model, preprocess = raw.get("model_cfg"), raw.get("preprocess_cfg")
    if not isinstance(model, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= set(model):
        raise EncoderError(
            "open_clip's configuration has no model_cfg",
            where=str(path),
            fix="use the open_clip_config.json that was published with the weights",
        )
    if not isinstance(preprocess, dict) or not {"mean", "std"} <= set(preprocess):
        raise EncoderError(
            "open_clip's configuration does not say how scenes are prepared, and its defaults may "
            "be another model's",
            where=str(path),
            fix=(
                "use the open_clip_config.json that was published with the weights; it has "
                "preprocess_cfg with mean and std"
            ),
        )
    return ClipFolder(weights.path, model, preprocess, sha256_file(path))


def make_spec(
    config: EncoderConfig,
    weights: Weights,
    folder: ClipFolder,
    tower: tuple[Modality, str],
    preprocessing: Mapping[str, object],
    shape: str,
) -> EncoderSpec:
    """Spec of one tower; `tower` is its modality and its file's CODE_ID, `shape` that of its
    inputs."""
    modality, code_id = tower
    made = {
        **preprocessing,
        "open_clip_config_sha256": folder.config_sha256,
        **_text_tower(folder, modality),
    }
    width = int(folder.model["embed_dim"])
    return spec_of(config, weights, modality, width, made, code_id, shape=shape)


def _text_tower(folder: ClipFolder, modality: Modality) -> dict[str, str]:
    if modality == "image" or "hf_model_name" not in folder.model["text_cfg"]:
        return {}
    return {"text_config_sha256": sha256_file(_hugging_text(folder))}


def _hugging_text(folder: ClipFolder) -> Path:
    """Configuration of a transformers text tower, which open_clip would look for on the hub."""
    path = folder.path / _HUGGING_TEXT_FILE
    if not path.is_file():
        name = folder.model["text_cfg"]["hf_model_name"]
        raise EncoderError(
            f"the text tower is a {name}, whose config.json is not beside the weights",
            where=str(folder.path),
            fix=f"put the config.json of {name} there; nothing is fetched during a run",
        )
    return path


def load_model(config: EncoderConfig, folder: ClipFolder) -> Any:
    """open_clip's model in eval mode, float32, exactly the verified file in it.

    Raises:
        EncoderError: open_clip is absent, or the weights do not fit the configuration.
    """
    try:
        with quiet():
            model = _new_model(config, folder)
            import open_clip

            # Not by create_model: of several weight files it takes the one that it prefers.
            open_clip.load_checkpoint(model, str(folder.weights), strict=True, weights_only=True)
    except RuntimeError as err:
        raise EncoderError(
            f"the weights do not fit {CONFIG_FILE}: {str(err).splitlines()[0]}",
            where=str(folder.weights),
            fix="use the configuration that was published with these weights",
        ) from err
    return model.eval()


def load_untrained_model(config: EncoderConfig, folder: ClipFolder, seed: int) -> Any:
    """The same model with open_clip's random initialisation, both towers drawn from one seed."""
    with seeded(seed), quiet():
        return _new_model(config, folder).eval()


def _new_model(config: EncoderConfig, folder: ClipFolder) -> Any:
    """open_clip's model with random weights. Raises EncoderError if open_clip is absent."""
    if find_spec("open_clip") is None:
        raise EncoderError(
            "open_clip_torch is not installed",
            where=f"encoder {config.name}",
            fix=install_hint(config),
        )
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before open_clip)
    import open_clip
    import torch

    torch.set_num_threads(config.threads)
    local: dict[str, Any] = {}
    text = dict(folder.model["text_cfg"])
    if "hf_model_name" in text:
        _hugging_text(folder)
        local["text_cfg"] = {
            **text,
            "hf_model_name": str(folder.path),
            "hf_model_pretrained": False,
        }
    return open_clip.create_model(
        f"local-dir:{folder.path}", load_weights=False, pretrained_text=False, **local
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Without open_clip's lines on the root logger: it warns of random weights a moment before the
    verified ones are loaded."""
    root = logging.getLogger()
    root.addFilter(_is_not_open_clips)
    try:
        yield
    finally:
        root.removeFilter(_is_not_open_clips)


def _is_not_open_clips(record: logging.LogRecord) -> bool:
    return "open_clip" not in Path(record.pathname).parts
