"""Installing where there is no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.app import MACHINE, app, say

offline_app = typer.Typer(help="One folder that installs where there is no network.")
app.add_typer(offline_app, name="offline", rich_help_panel=MACHINE)
Folder = Annotated[Path, typer.Argument(help="the offline folder")]
Signers = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="who may sign, lines as NAME ssh-ed25519 AAAA..."),
]
Unsigned = Annotated[
    bool, typer.Option("--unsigned", help="check hashes alone: tells of damage, not of forgery")
]


@offline_app.command("make")
def make_folder(
    into: Annotated[Path, typer.Option(metavar="FOLDER", help="where it is made")],
    extras: Annotated[
        str, typer.Option(help="extras of pyproject.toml, such as production,serving; '' = none")
    ] = "production",
    image: Annotated[
        list[Path] | None, typer.Option(help="a file of docker save; may be repeated")
    ] = None,
    stack: Annotated[
        bool, typer.Option("--stack", help="save every image that docker-compose.yml names")
    ] = False,
    overlays: Annotated[
        str,
        typer.Option("--with", metavar="LIST", help="--stack of these overlays, too: workers,s3"),
    ] = "",
    weights: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="weights, such as artifacts/weights")
    ] = None,
    sign_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="private SSH key that signs it")
    ] = None,
    index: Annotated[
        list[str] | None, typer.Option(help="a further package index, as of torch's CPU builds")
    ] = None,
    source: Annotated[Path, typer.Option(metavar="FOLDER", help="the checkout")] = Path(),
) -> None:
    """Fill a folder with wheels by their hashes, the project, weights and images; sign it."""
    from pipelines.offline.install import check
    from pipelines.offline.make import Contents, make

    of_stack = _words(overlays) if stack or overlays else None
    wanted = Contents(source, _words(extras), image or [], weights, index or [], of_stack)
    make(into, wanted, sign_key)
    found = check(into, None)
    say(f"{into}: {found.files:,} files, {found.bytes / 1e6:,.1f} MB")
    say("signed" if sign_key else "not signed: give --sign-key, so that it can be trusted")


@offline_app.command("verify")
def verify_folder(folder: Folder, signers: Signers = None, unsigned: Unsigned = False) -> None:
    """Check the signature and every file's hash."""
    _check(folder, signers, unsigned)


@offline_app.command("install")
def install_folder(
    folder: Folder,
    environment: Annotated[Path, typer.Option("--into", metavar="FOLDER", help="new environment")],
    signers: Signers = None,
    unsigned: Unsigned = False,
    weights: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="where weights go to")
    ] = None,
) -> None:
    """Check the folder, then make an environment from it without any network."""
    from pipelines.offline.install import install

    _check(folder, signers, unsigned)
    say(f"installed: {install(folder, environment, weights)}")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _check(folder: Path, signers: Path | None, unsigned: bool) -> None:
    from pipelines.errors import ConfigError
    from pipelines.offline.install import check

    if signers is None and not unsigned:
        raise ConfigError(
            "nobody is named who may sign this folder",
            where=str(folder),
            fix="give --signers FILE, got by another way than the folder; or --unsigned",
        )
    found = check(folder, signers)
    by = f", signed by {found.signer}" if found.signer else ", signature not looked at"
    say(f"{folder} is as it was made: {found.files:,} files, {found.bytes / 1e6:,.1f} MB{by}")
    for image in found.images:
        say(f"docker load -i {image}")
