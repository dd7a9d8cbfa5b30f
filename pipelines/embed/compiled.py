"""Encoders whose network another runtime computes: converted from torch once, kept by its hashes.

    <weights' cache>/converted/<id>/    network.xml, network.bin, hashes.json, made_of.json

The id follows from the encoder as torch computes it and from the libraries' versions. The folder
may be deleted at any time: it is made again from the weights, in seconds. `denguard prune` does so
by what made_of.json says.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipelines.arrays import AnyArray, Float32s
from pipelines.config import EncoderConfig
from pipelines.contracts import EncoderSpec, content_id
from pipelines.embed.base import Encoder, encoder_module, library_versions
from pipelines.embed.locks import held
from pipelines.embed.openvino_network import OpenVinoNetwork, openvino
from pipelines.embed.weights import Weights
from pipelines.encoder_config import RuntimeConfig
from pipelines.errors import StoreError
from pipelines.storage import read_json, sha256_file, write_json
from pipelines.storage.files import discard, new_folder

log = logging.getLogger(__name__)

CONVERTED, MADE_OF = "converted", "made_of.json"
_NETWORK, _VALUES, _HASHES = "network.xml", "network.bin", "hashes.json"
_CONVERT_LIMIT_S = 600.0

Arrays = tuple[AnyArray, ...]  # of one input, as the network takes them


class CompiledEncoder(Encoder):
    """One input a call, as everywhere.

    Args:
        prepare: the network's arrays of one input.
    """

    def __init__(
        self, spec: EncoderSpec, prepare: Callable[[Any], Arrays], network: OpenVinoNetwork
    ) -> None:
        super().__init__(spec)
        self._prepare, self._network = prepare, network

    def encode_one(self, item: Any) -> Float32s:
        """(width,) vector of one input."""
        return self._network(*self._prepare(item))


def compiled_network(
    config: EncoderConfig,
    runtime: RuntimeConfig,
    weights: Weights,
    torch_network: Callable[[], Any],
    example: Arrays,
) -> OpenVinoNetwork:
    """The network of an encoder, converted now if it was not before.

    Args:
        torch_network: loads the torch module that gives (1, width) of an input's arrays.
        example: arrays to follow it with.

    Raises:
        EncoderError: OpenVINO is not installed, or the processor lacks the arithmetic.
    """
    openvino()  # absent, it is named before anything is loaded
    source = encoder_module(config.name).describe(config.by_torch(), weights)
    versions = library_versions(config)
    folder = weights.cache / CONVERTED / content_id([source.space_id, versions])
    with held(folder.with_suffix(".lock"), "another conversion of this encoder", _CONVERT_LIMIT_S):
        if not _whole(folder):
            discard(folder)
            log.info("%s is converted for %s, once", config.name, runtime.engine)
            with new_folder(folder) as made:
                _convert(torch_network(), example, made)
        if not (folder / MADE_OF).is_file():  # networks converted before it was written, too
            made_of = {"weights_sha256": weights.sha256, "library_versions": versions}
            write_json(folder / MADE_OF, made_of)
    return OpenVinoNetwork(folder / _NETWORK, runtime, config.threads)


def _convert(network: Any, example: Sequence[AnyArray], into: Path) -> None:
    import torch

    library = openvino()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of values that the trace fixes: the shapes are fixed
        converted = library.convert_model(
            network, example_input=tuple(torch.from_numpy(one) for one in example)
        )
    library.save_model(converted, into / _NETWORK, compress_to_fp16=False)
    write_json(into / _HASHES, {name: sha256_file(into / name) for name in (_NETWORK, _VALUES)})


def _whole(folder: Path) -> bool:
    """Whether a conversion lies here as it was written."""
    try:
        hashes = read_json(folder / _HASHES)
        return all(sha256_file(folder / name) == hashes[name] for name in (_NETWORK, _VALUES))
    except (StoreError, OSError, KeyError):
        return False
