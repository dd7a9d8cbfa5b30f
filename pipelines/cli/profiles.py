"""Which settings there are."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.app import PIPELINE, app, say, show
from pipelines.config import load_profile, profile_names


@app.command(rich_help_panel=PIPELINE)
def profile(
    name: Annotated[str, typer.Argument()] = "sample",
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON schema instead")] = False,
) -> None:
    """Print a profile as denguard reads it, every default included."""
    chosen = load_profile(name)
    show(type(chosen).model_json_schema() if schema else chosen.model_dump(mode="json"))


@app.command(rich_help_panel=PIPELINE)
def profiles() -> None:
    """List the profiles that ship with denguard."""
    say("\n".join(profile_names()))
