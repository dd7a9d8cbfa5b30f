"""Deletes what nothing needs any more, and pins what must stay."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.app import OPERATION, ProfileName, app, say, show, table
from pipelines.config import deployment_paths, load_profile
from pipelines.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.ops.prune.plan import Plan

_SHOWN = 12  # things of a room on a terminal; --json lists all


@app.command(rich_help_panel=OPERATION)
def prune(
    yes: Annotated[
        bool, typer.Option("--yes", help="do it; else only list what it would delete")
    ] = False,
    pin: Annotated[
        str | None, typer.Option(metavar="VERSION", help="keep it and all that it rests on")
    ] = None,
    unpin: Annotated[
        str | None, typer.Option(metavar="VERSION", help="let retention decide again")
    ] = None,
    reason: Annotated[str, typer.Option(help="why it is pinned")] = "",
    by: Annotated[str, typer.Option(help="your name")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    profile: ProfileName = "sample",
) -> None:
    """List what nothing needs any more and how large it is; with --yes, delete it."""
    if yes + (pin is not None) + (unpin is not None) > 1:
        raise ConfigError("--yes, --pin and --unpin are three things to do", fix="give one of them")
    if pin is not None or unpin is not None:
        _pin(pin, unpin, by, reason)
        return
    from pipelines.ops.prune.pins import read_pins
    from pipelines.ops.prune.plan import plan
    from pipelines.ops.prune.removal import prune as delete

    retention, clock = load_profile(profile).retention, datetime.now(UTC)
    found = (delete if yes else plan)(deployment_paths(), retention, clock)
    pinned = read_pins(deployment_paths())
    if as_json:
        show(
            {
                "done": yes,
                "bytes": found.bytes,
                "items": [asdict(one) for one in found.items],
                "pinned": {what: one.model_dump(mode="json") for what, one in pinned.items()},
            }
        )
        return
    for what, one in pinned.items():
        say(f"pinned: {what}, by {one.by} on {one.at[:10]}: {one.reason}")
    _list(found, yes)


def _list(found: Plan, yes: bool) -> None:
    if not found.items:
        say(
            "Nothing goes: all that is here is needed, or younger than the retention of the "
            "profile."
        )
        return
    for room, items in found.rooms().items():
        say(f"{room}: {len(items)}, {megabytes(sum(one.bytes for one in items))}")
        table(
            ("what", "size", "why"),
            [(one.name, megabytes(one.bytes), one.why) for one in items[:_SHOWN]],
            below=1,
        )
        if len(items) > _SHOWN:
            say(f"... and {len(items) - _SHOWN} more; --json lists all")
    word = "deleted" if yes else "to delete; nothing was touched. `denguard prune --yes` does it"
    say(f"{len(found.items)} things, {megabytes(found.bytes)}: {word}.")


def megabytes(size: int) -> str:
    """For people."""
    return f"{size / 1e6:,.1f} MB"


def _pin(pin: str | None, unpin: str | None, by: str, reason: str) -> None:
    from pipelines.ops.prune import pins

    if pin is not None:
        made = pins.pin(deployment_paths(), pin, by, reason)
        say(f"{pin} is pinned by {made.by}: {made.reason}. It and all that it rests on stay.")
    elif unpin is not None:
        pins.unpin(deployment_paths(), unpin)
        say(f"{unpin} is no longer pinned.")
