"""Vectors made on another machine: ask for them, make them, take them."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

import typer

from pipelines.cli.app import PIPELINE, ProfileName, app, say
from pipelines.config import deployment_paths, load_profile


@app.command("vectors give", rich_help_panel=PIPELINE)
def give(
    to: Annotated[Path, typer.Argument(help="folder to write, which is not there yet")],
    profile: ProfileName,
    modality: Annotated[Literal["image", "text"], typer.Option(help="whose encoder")],
) -> None:
    """Write inputs that have no vector yet into a folder, for a machine that can embed them."""
    from pipelines.steps.exchange import give as write

    count = write(deployment_paths(), load_profile(profile), modality, to)
    say(f"{count} inputs in {to}. There: denguard vectors make {quote(to.name)} OUT --by NAME")


@app.command("vectors make", rich_help_panel=PIPELINE)
def make(
    folder: Annotated[Path, typer.Argument(help="as `vectors give` wrote it")],
    to: Annotated[Path, typer.Argument(help="folder to write, which is not there yet")],
    by: Annotated[str, typer.Option("--by", help="who makes them, for the record")],
    note: Annotated[str, typer.Option(help="such as the machine, for the record")] = "",
) -> None:
    """Embed what a folder asks for, here; the new folder goes back to who asked."""
    from pipelines.embed.lent import make_vectors, today_by

    count = make_vectors(folder, to, today_by(by, note), deployment_paths())
    back = f"denguard vectors take {quote(to.name)} --profile P --by YOU"
    say(f"{count} vectors in {to}. Back home: {back}")


@app.command("vectors take", rich_help_panel=PIPELINE)
def take(
    folder: Annotated[Path, typer.Argument(help="as `vectors make` wrote it")],
    profile: ProfileName,
    by: Annotated[str, typer.Option("--by", help="your name, for the record")],
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="though the weights are not here to check them")
    ] = False,
) -> None:
    """Check vectors that were made elsewhere, and keep them: no run embeds these inputs again."""
    from pipelines.steps.exchange import take as keep

    done = keep(deployment_paths(), load_profile(profile), folder, by, unchecked)
    checked = (
        "NOT CHECKED: the weights are not here"
        if done.cosine is None
        else f"golden inputs agree (least cosine {done.cosine:.6f})"
    )
    say(f"{done.new} of {done.offered} vectors of {done.spec.encoder} are new here; {checked}.")
