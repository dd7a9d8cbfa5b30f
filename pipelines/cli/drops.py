"""What a run is given, and a run's vectors in the paper's layout."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipelines.cli.app import LOOK_UP, PIPELINE, RunId, app, say
from pipelines.config import deployment_paths

if TYPE_CHECKING:
    from pipelines.config import Profile
    from pipelines.data.drop_info import DropInfo


@app.command(rich_help_panel=PIPELINE)
def drop(
    received: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="day you received it")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="the files that the profile's data.inputs name"),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="the one table of a profile that has one, such as metadata.csv"),
    ] = None,
    profile: Annotated[
        str, typer.Option(envvar="DENGUARD_PROFILE", help="whose source reads the files")
    ] = "sample",
    images: Annotated[
        Path | None,
        typer.Option(help="folder with <code>/image_<date>.<ext>, or as data.scene_layout says"),
    ] = None,
    edition: Annotated[
        int, typer.Option(min=1, max=99, help="2 and more: received later on the same day")
    ] = 1,
    until: Annotated[
        str | None, typer.Option(help="leave out later weeks, such as 2018-w48")
    ] = None,
    scene_period: Annotated[
        Literal["week", "month"], typer.Option(help="what one scene covers")
    ] = "week",
    scene_latency_days: Annotated[
        int, typer.Option(min=0, help="days from period end to scene")
    ] = 0,
    climate_latency_days: Annotated[
        int, typer.Option(min=0, help="days from month end to climate")
    ] = 0,
    source_note: Annotated[
        str, typer.Option(help="where the data come from, and their terms")
    ] = "",
    received_confirmed: Annotated[
        str, typer.Option(help="why a receipt date far from the other drops' is right")
    ] = "",
) -> None:
    """Make a drop from files that lie apart. A drop never changes afterwards.

    With --images and without a file it is one of scenes alone, of those that no drop has.
    """
    from pipelines.config import load_profile
    from pipelines.data.drop_info import check_info, require_received
    from pipelines.data.drops import read_drop
    from pipelines.data.intake import require_not_withdrawn_name
    from pipelines.data.sync import share_drop

    given = [*(files or ()), *([table] if table else ())]
    info = check_info(
        {
            "received_date": received.date(),
            "edition": edition,
            "scene_period": scene_period,
            "scene_latency_days": scene_latency_days,
            "climate_latency_days": climate_latency_days,
            "source_note": source_note,
            "received_confirmed": received_confirmed,
            "scenes_alone": images is not None and not given,
        },
        "command line",
    )
    chosen = load_profile(profile)
    require_received(info.received_date, chosen.place.today())
    require_not_withdrawn_name(deployment_paths(), info.folder_name)
    made = _of_layout(chosen, info, given, images, until)
    if made is None:
        say("no drop was made: each of these scenes is in a drop already, as it is")
        return
    share_drop(deployment_paths(), read_drop(made))
    say(f"drop ready: {made}")


def _of_layout(
    profile: Profile, info: DropInfo, given: list[Path], images: Path | None, until: str | None
) -> Path | None:
    """The drop, its scenes named as the profile says that they are."""
    from pipelines.data.scene_layout import Layout, standard_layout

    if images is None or profile.data.scene_layout is None:
        return _made(profile, info, given, images, until)
    layout = Layout(profile.data.scene_layout, profile.calendar)
    with standard_layout(images, layout, deployment_paths().drops) as standard:
        return _made(profile, info, given, standard, until)


def _made(
    profile: Profile, info: DropInfo, given: list[Path], images: Path | None, until: str | None
) -> Path | None:
    """The drop; None if it would be one of scenes alone and have none."""
    from functools import partial

    from pipelines.data.drops import make_drop, survey_drops
    from pipelines.data.intake import bring_likely, file_cache
    from pipelines.data.scene_drops import make_scenes_drop
    from pipelines.data.sources import context_of
    from pipelines.run.withdrawn import withdrawn

    paths = deployment_paths()
    if info.scenes_alone and images is not None:
        before, _ = survey_drops(paths.drops, withdrawn(paths, "drop"))
        return make_scenes_drop(images, paths.drops, info, before, file_cache(paths), until)
    bring = partial(bring_likely, paths, given, context=context_of(profile))
    return make_drop(bring, images, paths.drops, info, until)


@app.command("sample-drop", rich_help_panel=PIPELINE)
def sample_drop() -> None:
    """Make the deterministic sample drop: the real municipal table and synthetic scenes."""
    from pipelines.data.sources.sample import make_sample_drop

    say(f"drop ready: {make_sample_drop(deployment_paths().drops)}")


@app.command("export-csv", rich_help_panel=LOOK_UP)
def export_csv(
    run_id: RunId,
    modality: Annotated[Literal["image", "text"], typer.Option(help="which vectors")],
    to: Annotated[Path, typer.Option(help="CSV file to write")],
) -> None:
    """Write a run's embeddings as CSV, one line a municipality and week, as in the paper."""
    from pipelines.features import export
    from pipelines.run import open_run
    from pipelines.run.outputs import FeaturesOutput

    finished = open_run(run_id)
    folder = finished.path(finished.output(FeaturesOutput).features)
    say(f"{export.export_csv(folder, modality, to)} lines in {to}")
