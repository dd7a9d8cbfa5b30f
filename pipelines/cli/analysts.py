"""Versions for analysts: list, show and pull, with nothing but the remote's address."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipelines.cli.app import LOOK_UP, app, say, show, table
from pipelines.versioning.entry import WHAT, Kind

if TYPE_CHECKING:
    from pipelines.client import Client
    from pipelines.versioning.pull import Progress

KindName = Annotated[
    Kind, typer.Argument(metavar="KIND", help="; ".join(f"{k}: {text}" for k, text in WHAT.items()))
]
Which = Annotated[
    str,
    typer.Option(
        "--version", help="id, unique start of one, latest, origin week such as 2018-w32, or run id"
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--remote", help="folder or s3://bucket/prefix; else DENGUARD_DVC_REMOTE, else this home's"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]


@app.command("list", rich_help_panel=LOOK_UP)
def list_versions(
    kind: Annotated[
        Kind | None, typer.Argument(metavar="KIND", help=f"one kind only: {', '.join(WHAT)}")
    ] = None,
    remote: Address = None,
    as_json: AsJson = False,
) -> None:
    """List published versions, the newest week first."""
    client = _client(remote)
    listed = client.list(kind)
    if as_json:
        show([version.model_dump(mode="json") for version in listed])
        return
    rows = [
        (v.id, v.as_of_week or "", _size(v.bytes), v.published_at[:10], v.run_id or "")
        for v in listed
    ]
    table(("version", "week", "size", "published", "run"), rows)
    for version in listed:
        for mark in client.withdrawals(version):
            say(f"{version.id}: {mark.words()}")


@app.command("show", rich_help_panel=LOOK_UP)
def show_version(
    kind: KindName, version: Which = "latest", remote: Address = None, as_json: AsJson = False
) -> None:
    """Show a version: what it is made from, and its files with their SHA-256."""
    client = _client(remote)
    found = client.show(kind, version)
    v, marks = found.version, client.withdrawals(found.version)
    if as_json:
        withdrawals = {"withdrawn": [m.model_dump(mode="json") for m in marks]} if marks else {}
        show({**found.model_dump(mode="json"), **withdrawals})
        return
    say(f"{v.id}: {WHAT[v.kind]}")
    say(
        f"  origin week {v.as_of_week or 'unknown'}, made by run {v.run_id or 'unknown'}, "
        f"published {v.published_at or 'unknown'}"
    )
    say(f"  {v.files} files, {_size(v.bytes)}, DVC {v.md5}")
    for name, fact in v.facts.items():
        say(f"  {name.replace('_', ' ')}: {fact}")
    for parent in v.parents:
        say(f"  made from {parent}")
    table(
        ("size", "file", "sha256"),
        [(_size(f.bytes), n, f.sha256) for n, f in sorted(found.manifest.items())],
        below=1,
    )


@app.command(rich_help_panel=LOOK_UP)
def pull(
    kind: KindName,
    to: Annotated[
        Path, typer.Option(metavar="FOLDER", help="the version becomes FOLDER/<its id>/")
    ],
    version: Which = "latest",
    format: Annotated[
        Literal["parquet", "csv"], typer.Option(help="csv: also write each table as CSV")
    ] = "parquet",
    remote: Address = None,
) -> None:
    """Bring a version to a folder, every file verified. Interrupted, it goes on where it
    stopped."""
    client = _client(remote)
    found = client.find(kind, version)
    with _progress_bar(found.id) as progress:
        folder = client.pull(kind, found.id, to, format, progress)
    say(f"{found.files} files, {_size(found.bytes)}, verified: {folder}")
    if state := found.facts.get("data_state"):
        say(f"This is a fallback forecast, which no finished run made: {state}.")
    if format == "csv":
        from pipelines.versioning.tables import table_names

        named = ", ".join(
            f"{name}.csv" for name in table_names(kind) if (folder / f"{name}.csv").is_file()
        )
        say(
            f"as CSV: {named}"
            if named
            else f"a {kind} version has no tables; its files are as published"
        )


@app.command(rich_help_panel=LOOK_UP)
def reindex(remote: Address = None) -> None:
    """Write a remote's lost or damaged index anew from what lies beside it (needs write access)."""
    from pipelines.versioning.publish import rebuild_index
    from pipelines.versioning.source import address

    say(f"{len(rebuild_index(address(remote or _own())))} versions are listed")


def _client(remote: str | None) -> Client:
    from pipelines.client import Client

    return Client(remote or _own())


def _own() -> str | None:
    """This home's own remote, for those who sit at the deployment; an analyst has none."""
    from pipelines.config import deployment_paths
    from pipelines.versioning.source import VARIABLE

    folder = deployment_paths().artifacts / "remote"
    return None if os.environ.get(VARIABLE) or not folder.is_dir() else str(folder)


@contextmanager
def _progress_bar(title: str) -> Iterator[Progress]:
    """Bytes, speed and time left, on stderr so that a pipe stays clean."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    with Bar(
        title,
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
