"""Scenes of the units from a catalogue of satellite images, for a drop. No run fetches any."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.app import LOOK_UP, ProfileName, app, needs, say
from pipelines.config import load_profile
from pipelines.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.satellite import FetchedScenes

_EXIT_NOT_ALL = 1
_TOLD = 10


@app.command("fetch scenes", rich_help_panel=LOOK_UP)
def fetch_scenes(
    first: Annotated[str, typer.Option("--from", metavar="WEEK", help="such as 2024-w45")],
    to_folder: Annotated[Path, typer.Option(help="folder to bring the scenes to")],
    profile: ProfileName = "sample",
    last: Annotated[
        str | None, typer.Option("--to", metavar="WEEK", help="default: the newest that is over")
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="only this unit; may be repeated")
    ] = None,
    max_mb: Annotated[
        int | None, typer.Option(min=1, help="that this call may read; default: the profile's")
    ] = None,
) -> None:
    """Bring the units' scenes from a catalogue of satellite images, going on where it stopped.

    Exit 1: the cap was reached, so the same command has to be run again. DENGUARD_STAC_TOKEN in the
    environment is sent to the catalogue's server alone.
    """
    with needs("scenes"):
        import pystac_client  # noqa: F401
        import rasterio  # noqa: F401

        from pipelines import satellite as room

    chosen = load_profile(profile)
    settings = chosen.satellite
    if settings is None:
        raise ConfigError(
            "the profile names no catalogue of scenes",
            where=chosen.profile,
            fix="write satellite: {url: <address of a STAC API>}; see docs/scenes.md",
        )
    if max_mb is not None:
        settings = settings.model_copy(update={"max_bytes": max_mb * 1_000_000})
    today = chosen.place.today()
    asked = room.periods(settings.period, chosen.calendar, first, last, today)
    units = room.units_of(chosen.place.boundaries, chosen.codes, unit or ())
    done = room.fetch_scenes(settings, units, asked, to_folder, today)
    _tell(done, to_folder)
    if done.left:
        say(f"the cap is reached: {done.left} units and periods are left; run it again")
        raise typer.Exit(_EXIT_NOT_ALL)
    say(f"for a drop: --images {to_folder / 'images'} --scene-period {settings.period}")


def _tell(done: FetchedScenes, folder: Path) -> None:
    say(
        f"{len(done.written)} scenes written, {done.here} units and periods were here, "
        f"{done.bytes_read / 1e6:.1f} MB read; {folder / 'scenes.csv'} says how clear and how old "
        "each is"
    )
    for record in done.without[:_TOLD]:
        say(f"no scene of {record.unit_id} from {record.first_day}: {record.reason}")
    if len(done.without) > _TOLD:
        say(f"and {len(done.without) - _TOLD} more without a scene")
