"""Bringing a published data set to this machine. No run ever does: this is the only way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipelines.cli.app import LOOK_UP, app, needs, say

if TYPE_CHECKING:
    from pipelines.fetch.datasets import Dataset
    from pipelines.fetch.terms import Terms


@app.command(rich_help_panel=LOOK_UP)
def fetch(
    dataset: Annotated[
        Literal["satellitebench", "ham10000", "brset"], typer.Argument(help="which data set")
    ],
    to: Annotated[Path, typer.Option(help="folder to bring it to")],
    only: Annotated[
        list[str] | None,
        typer.Option(help="only paths like this, such as '10_municipalities/*'; may be repeated"),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="a mirror's address; it gets no credentials")
    ] = None,
    accept_terms: Annotated[
        bool, typer.Option("--accept-terms", help="you read the terms of use and accept them")
    ] = False,
) -> None:
    """Download a data set: verified, and going on where it stopped.

    BRSET needs PHYSIONET_USERNAME and PHYSIONET_PASSWORD in the environment; HAM10000 takes
    DATAVERSE_API_TOKEN if it is set.
    """
    with needs("study"):
        from pipelines.fetch import fetch as download
        from pipelines.fetch.terms import accepted

    def show(which: Dataset, terms: Terms) -> None:
        say(f"{which.title}\n")
        if not accepted(terms, dataset, to):
            say(f"Terms of use, from {terms.url}:\n\n{terms.text.strip()}\n")

    done = download(dataset, to, only or (), base_url, accept_terms, show)
    for link in done.refused:
        say(f"not followed, it leads out of its folder: {link}")
    size = (
        f"{done.bytes / 2**20:.1f} MB" if done.bytes >= 1 << 20 else f"{done.bytes / 2**10:.1f} kB"
    )
    say(
        f"{dataset}: {done.files} files, {size}, in {to}: {done.brought} brought now, "
        f"{done.whole} were here"
    )
    if done.size_only:
        say(
            f"{done.size_only} of them are checked by size alone: the server gives no hash for them"
        )
    for archive in done.unpacked:
        say(f"unpacked: {archive}")
