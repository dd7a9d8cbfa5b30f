"""The installation on a terminal: init writes what a first start needs, doctor looks whether it
works."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.app import INSTALLATION, app, ask_aloud, say, show, table

Deployment = Annotated[
    Path,
    typer.Option(
        "--into",
        metavar="DIR",
        envvar="DENGUARD_DEPLOYMENT",
        help="folder with docker-compose.yml",
    ),
]


@app.command("init", rich_help_panel=INSTALLATION)
def init_command(
    into: Deployment = Path(),
    overlays: Annotated[
        str,
        typer.Option(
            "--with", metavar="LIST", help="of workers, s3, monitoring: beyond one server"
        ),
    ] = "",
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="NAME", help="of the weekly run")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="HOST", help="of the server, as its users write it"),
    ] = None,
    check_only: Annotated[
        bool, typer.Option("--check-only", help="write nothing; exit code 2 if it would be refused")
    ] = False,
) -> None:
    """Write secrets/, .env and the folders of an installation; what exists is kept.

    Exit code 1: something is left for root on the host; 2: refused, nothing was written.
    """
    from pipelines.deploy.init import init
    from pipelines.deploy.plan import Wanted, plan_of

    wanted = Wanted([word.strip() for word in overlays.split(",") if word.strip()], profile, name)
    if check_only:
        _refuse([problem.line() for problem in plan_of(into, wanted).problems])
        say("nothing stands in the way of a start")
        return
    done = init(into, wanted, _show_key, datetime.now(UTC).date())
    _refuse([problem.line() for problem in done.problems])
    _report(done.written, done.notes, done.left)
    raise typer.Exit(1 if done.left else 0)


def _show_key(key: str) -> None:
    say("The endpoint's key, shown this once (only its SHA-256 is kept). Write it down now:")
    say(f"    {key}")


def _refuse(lines: list[str]) -> None:
    for line in lines:
        ask_aloud(line)
    if lines:
        raise typer.Exit(2)


def _report(written: tuple[str, ...], notes: tuple[str, ...], left: tuple[str, ...]) -> None:
    secrets = [name.removeprefix("secrets/") for name in written if name.startswith("secrets/")]
    if secrets:
        say(f"written  in secrets/: {', '.join(sorted(secrets))}")
    for name in written:
        if not name.startswith("secrets/"):
            say(f"written  {name}")
    if not written:
        say("nothing to write: all of it is here")
    for note in notes:
        say(f"note     {note}")
    for command in left:
        say(f"TO DO    on the host, as root: {command}")
    say("Airflow's user is admin; its password is in secrets/airflow_admin_password.")
    say("MLflow's is admin, too; its password is in secrets/mlflow_admin_password.")
    say("Next: docker compose up -d --build --wait")


@app.command(rich_help_panel=INSTALLATION)
def doctor(
    into: Deployment = Path(),
    send: Annotated[
        bool, typer.Option("--send", help="a test goes to mail and webhook, too")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Look whether this installation works: host, files, services, keys.

    A key of the endpoint in DENGUARD_API_KEY is tried, too. Exit code 0: fine, 1: warnings, 2:
    something fails.
    """
    from pipelines.deploy.doctor.run import examine, exit_code, scene_of

    key = os.environ.get("DENGUARD_API_KEY") or None
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line a question
    found = examine(scene_of(into, datetime.now(UTC), key, send))
    code = exit_code(found)
    if as_json:
        show({"exit_code": code, "findings": [asdict(finding) for finding in found]})
    else:
        rows = [(f.level, f.about, f.said, f.fix) for f in found]
        table(("", "what", "is so", "to do"), rows, below=2)
    raise typer.Exit(code)
