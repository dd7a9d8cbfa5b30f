"""Where an encoder's weights are, and the only command that fetches any."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.app import LOOK_UP, app, say, table
from pipelines.config import deployment_paths, load_profile
from pipelines.errors import DenguardError, EncoderError

if TYPE_CHECKING:
    from pipelines.config import EncoderConfig
    from pipelines.embed.hub import HubFile


@app.command(rich_help_panel=LOOK_UP)
def weights(
    of: Annotated[
        str,
        typer.Argument(
            metavar="PROFILE",
            help="profile name or YAML path, or owner/name@<40 hex>/<file> on the hub",
        ),
    ],
    fetch: Annotated[
        bool, typer.Option("--fetch", help="download what the hub has and this machine has not")
    ] = False,
) -> None:
    """Check that a profile's weights are here, are the pinned ones and can be read; with --fetch,
    get them.
    """
    if fetch:  # read when huggingface_hub is first imported; a run sets it to 1
        os.environ["HF_HUB_OFFLINE"] = "0"
        os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "30")
    from pipelines.embed.hub import read_address

    if address := read_address(of):
        _one_file(address, fetch)
        return
    profile = load_profile(of)
    rows, unusable = [], []
    for modality, config in profile.encoders:
        try:
            state, path = "verified", _find(config, fetch)
        except DenguardError as err:
            state, path = "not usable", ""
            unusable.append(f"{modality}: {err}")
        rows.append((modality, config.name, config.sources[0], state, path))
    table(("modality", "encoder", "source", "state", "path"), rows)
    if unusable:
        say("\n".join(unusable))
        raise typer.Exit(2)


def _find(config: EncoderConfig, fetch: bool) -> str:
    from pipelines.embed import hub
    from pipelines.embed.base import describe_encoder, weights_cache
    from pipelines.embed.weights import locate_weights

    file, cache = hub.hub_file(config), weights_cache(deployment_paths())
    if fetch and file:
        hub.fetch(file, cache)
    path = locate_weights(config, cache).path
    describe_encoder(
        config, deployment_paths()
    )  # a cut file with a pin of its own is found by its header
    return str(path)


def _one_file(file: HubFile, fetch: bool) -> None:
    from pipelines.embed import hub
    from pipelines.embed.base import weights_cache
    from pipelines.storage import sha256_file

    cache = weights_cache(deployment_paths())
    path = hub.fetch(file, cache) if fetch else hub.cached(file, cache)
    if path is None:
        raise EncoderError("the weights are not on this machine", where=str(file), fix=file.command)
    say(f"{path}\nsha256 {sha256_file(path)}")
