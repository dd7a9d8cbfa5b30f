"""The `denguard` command: the same steps by hand, and the small supervisor.

Belongs here: arguments, printing and exit codes. Does not belong here: logic; every command calls
one function of a room below.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pipelines.config import load_profile, places, profile_names
from pipelines.errors import DenguardError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="denguard: retrain, judge and serve a dengue early warning.")  # fmt: skip
RunId = Annotated[str, typer.Option("--run-id", help="names the run's folder under artifacts/runs")]
ProfileName = Annotated[str, typer.Option("--profile", help="profile name or YAML path")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="origin week, such as 2018-w48")]


@app.command()
def run(
    run_id: RunId,
    profile: ProfileName = "sample",
    as_of: AsOf = None,
    horizon: Annotated[list[int] | None, typer.Option(help="weeks ahead; may be repeated")] = None,
    force: Annotated[bool, typer.Option(help="train and judge even if nothing is new")] = False,
) -> None:
    """Walk the whole road without Airflow: from the newest drop to the report."""
    from pipelines import steps

    conf = {"profile": profile, "as_of": as_of, "horizons": horizon or None, "force": force}
    steps.start(run_id, conf)
    steps.walk(run_id)


@app.command()
def step(
    name: Annotated[str, typer.Argument(help="start, or a step of the road")],
    run_id: RunId,
    profile: ProfileName = "sample",
    as_of: AsOf = None,
) -> None:
    """Run one step of a run; `start` first."""
    from pipelines import steps

    if name == "start":
        _show(steps.start(run_id, {"profile": profile, "as_of": as_of}))
        return
    _show(steps.by_name(name)(run_id))


@app.command()
def drop(
    table: Annotated[
        Path, typer.Option(help="municipal table in PhysioNet's layout (metadata.csv)")
    ],
    received: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="day you received it")],
    images: Annotated[
        Path | None, typer.Option(help="folder with <code>/image_<date>.<ext>")
    ] = None,
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
) -> None:
    """Make a drop from files that lie apart. A drop never changes afterwards."""
    from pipelines.data.drops import DropInfo, make_drop

    info = DropInfo.model_validate(
        {
            "received_date": received.date(),
            "scene_period": scene_period,
            "scene_latency_days": scene_latency_days,
            "climate_latency_days": climate_latency_days,
            "source_note": source_note,
        }
    )
    _say(f"drop ready: {make_drop(table, images, places().drops, info, until)}")


@app.command("sample-drop")
def sample_drop() -> None:
    """Make the deterministic sample drop: the real municipal table and synthetic scenes."""
    from pipelines.data.sources.sample import make_sample_drop

    _say(f"drop ready: {make_sample_drop(places().drops)}")


@app.command()
def sweep(
    run_id: RunId,
    step_size: Annotated[float, typer.Option(help="spacing of lambda over -1..1")] = 0.1,
) -> None:
    """The full lambda sweep on a finished run's features, on validation seasons only."""
    from pipelines import steps

    _show(steps.sweep(run_id, step_size))


@app.command("export-csv")
def export_csv(
    run_id: RunId,
    modality: Annotated[Literal["image", "text"], typer.Option(help="which vectors")],
    to: Annotated[Path, typer.Option(help="CSV file to write")],
) -> None:
    """Write a run's embeddings as CSV, one line a municipality and week, as in the paper."""
    from pipelines.embed import export
    from pipelines.run import open_run

    finished = open_run(run_id)
    folder = finished.path(finished.output("features")["features"])
    _say(f"{export.export_csv(folder, modality, to)} lines in {to}")


@app.command()
def profile(
    name: Annotated[str, typer.Argument()] = "sample",
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON schema instead")] = False,
) -> None:
    """Print a profile as denguard reads it, every default included."""
    chosen = load_profile(name)
    _show(type(chosen).model_json_schema() if schema else chosen.model_dump(mode="json"))


@app.command()
def profiles() -> None:
    """List the profiles that ship with denguard."""
    _say("\n".join(profile_names()))


@app.command()
def up() -> None:
    """Start Airflow, MLflow and the endpoint on this machine; idempotent."""
    from pipelines.local import supervisor

    supervisor.up(places())


@app.command()
def down() -> None:
    """Stop everything that `up` started."""
    from pipelines.local import supervisor

    supervisor.down(places())


@app.command()
def status() -> None:
    """Say what is running and where."""
    from pipelines.local import supervisor

    supervisor.status(places())


@app.command()
def demo() -> None:
    """Sample drop, services, one scheduled run, one triggered run, and what came of it."""
    from pipelines.local import demo as local_demo

    local_demo.demo(places())


def main() -> None:
    """Entry point: denguard's own errors end with their message, not with a traceback."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # other thread counts give other bits
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("alembic", "mlflow", "great_expectations", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        app()
    except DenguardError as err:
        typer.secho(f"{type(err).__name__}: {err}", fg="red", err=True)
        raise SystemExit(2) from err


def _show(value: Any) -> None:
    _say(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str))


_say: Callable[[str], None] = typer.echo

if __name__ == "__main__":
    main()
