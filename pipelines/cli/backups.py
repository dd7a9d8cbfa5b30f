"""Copies of the deployment, and the way back from one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.app import OPERATION, app, say, table
from pipelines.config import deployment_paths
from pipelines.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.backup.make import Made
    from pipelines.backup.proof import Compared
    from pipelines.backup.restore import Restored
    from pipelines.backup.vault import Vault

Key = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="key that encrypts them, docs/backup.md"),
]
Into = Annotated[
    str,
    typer.Option(
        "--into",
        metavar="ADDRESS",
        envvar="DENGUARD_BACKUP_INTO",
        help="folder or s3://bucket/prefix that holds the backups",
    ),
]


@app.command(rich_help_panel=OPERATION)
def backup(
    into: Into = "",
    key_file: Key = None,
    wait: Annotated[bool, typer.Option("--wait", help="for a run that is at work")] = False,
    keep: Annotated[
        int | None, typer.Option(min=1, help="newest backups that stay; none given = all")
    ] = None,
    with_buckets: Annotated[
        bool, typer.Option("--with-buckets", help="copy the content of S3 stores, too")
    ] = False,
    with_keys: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="also write the secrets there, on another disk"),
    ] = None,
    only_keys: Annotated[
        bool, typer.Option("--only-keys", help="with --with-keys: write those and nothing else")
    ] = False,
    secrets: Annotated[
        Path, typer.Option(metavar="FOLDER", help="folder that holds secrets/ and .env")
    ] = Path(),
    list_them: Annotated[bool, typer.Option("--list", help="list the backups there")] = False,
    verify: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="read every byte of a backup there instead"),
    ] = None,
    name: Annotated[
        str, typer.Option("--backup", metavar="NAME", help="which one; the newest if left out")
    ] = "",
) -> None:
    """Copy databases, registry, data and records to another place, at one consistent moment."""
    from pipelines.backup.make import Wish, unnoted
    from pipelines.backup.make import backup as make

    if only_keys:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
        _keys(secrets, with_keys, into, now, key_file)
        return
    vault = open_vault(verify or into, key_file)
    if verify is not None:
        _verify(vault, name)
        return
    if list_them:
        _list(vault)
        return
    made = make(deployment_paths(), vault, Wish(wait, keep, with_buckets), datetime.now(UTC))
    _tell(made, vault)
    if with_keys is not None:
        _keys(secrets, with_keys, vault.uri, made.record.name, key_file)
    if problem := unnoted(made.record):
        say(f"it is whole, but not all could be noted for its proof; {problem}")
        raise typer.Exit(1)


@app.command(rich_help_panel=OPERATION)
def restore(
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="folder or s3:// address that holds the backups")
    ],
    name: Annotated[
        str, typer.Option("--backup", metavar="NAME", help="which one; the newest if left out")
    ] = "",
    over: Annotated[
        bool, typer.Option("--over", help="move what is here aside instead of refusing")
    ] = False,
    prove: Annotated[
        bool, typer.Option("--prove", help="only compare what is here with the backup")
    ] = False,
    key_file: Key = None,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="only put the keys of this file back")
    ] = None,
    secrets: Annotated[
        Path, typer.Option(metavar="FOLDER", help="where secrets/ and .env are to lie")
    ] = Path(),
) -> None:
    """Put a backup back into an empty deployment and prove it; exit 1 if anything differs."""
    if keys is not None:
        from pipelines.backup.keys import open_keys
        from pipelines.backup.sealing import find_key

        for file in open_keys(keys, secrets, find_key(key_file)):
            say(f"written: {secrets / file}")
        return
    from pipelines.backup.restore import prove_only
    from pipelines.backup.restore import restore as put_back

    vault = open_vault(source, key_file)
    done = (
        prove_only(deployment_paths(), vault, name)
        if prove
        else put_back(deployment_paths(), vault, name, over, datetime.now(UTC))
    )
    _show(done)
    raise typer.Exit(0 if done.holds else 1)


@app.command(rich_help_panel=OPERATION)
def upgrade(
    into: Into = "",
    key_file: Key = None,
    keep: Annotated[
        int | None, typer.Option(min=1, help="newest backups that stay; none given = all")
    ] = None,
) -> None:
    """Back up, bring both databases to the installed release, compare; exit 1 if anything
    differs."""
    from pipelines.backup.make import Wish
    from pipelines.backup.upgrade import upgrade as take_over

    vault = open_vault(into, key_file)
    done = take_over(deployment_paths(), vault, Wish(keep=keep), datetime.now(UTC))
    for name, revision in done.after.items():
        before = done.before.get(name, "none")
        say(f"{name}: {revision}" + ("" if before == revision else f", before {before}"))
    _compared(done.proof)
    say(f"the way back: {done.way_back}")
    raise typer.Exit(0 if done.holds else 1)


def open_vault(address: str, key_file: Path | None) -> Vault:
    """Where backups lie. Raises ConfigError without an address."""
    from pipelines.backup.sealing import find_key
    from pipelines.backup.vault import Vault

    if not address:
        raise ConfigError(
            "no place for backups is named",
            fix="give --into FOLDER or s3://bucket/prefix, or set DENGUARD_BACKUP_INTO",
        )
    return Vault(address.rstrip("/"), find_key(key_file))


def _keys(secrets: Path, to: Path | None, vault: str, name: str, key_file: Path | None) -> None:
    from pipelines.backup.keys import write_keys
    from pipelines.backup.sealing import find_key

    if to is None:
        raise ConfigError("no place for the keys is named", fix="give --with-keys FOLDER")
    key = find_key(key_file)
    file = write_keys(deployment_paths(), secrets, to, vault, name, key)
    say(f"keys: {file}" + ("" if key else ", not encrypted: lock it away"))


def _tell(made: Made, vault: Vault) -> None:
    record = made.record
    databases = ", ".join(f"{d.name} ({d.kind})" for d in record.databases) or "none yet"
    say(f"backup {record.name} is whole in {vault.uri}")
    say(
        f"it holds {len(record.files):,} files, {_mb(record.bytes)}, of which "
        f"{_mb(made.new_bytes)} were new; databases: {databases}"
    )
    for store in record.stores:
        what = "copied" if store.copied else "its list only; the bucket keeps the content"
        say(f"store {store.name} ({store.uri}): {len(store.sizes):,} objects, {what}")
    for gone in made.gone:
        say(f"backup {gone} went")


def _list(vault: Vault) -> None:
    rows = []
    for name in vault.names():
        record, _ = vault.read(name)
        facts = record.facts.get("")
        rows.append(
            (
                name,
                f"{len(record.files):,}",
                _mb(record.bytes),
                (facts.champion if facts else "") or "none",
                (facts.forecast if facts else "") or "none",
            )
        )
    table(("backup", "files", "size", "champion", "newest forecast"), rows)


def _verify(vault: Vault, name: str) -> None:
    from pipelines.backup.check import check

    record, made = vault.read(name)
    damages = check(record, made)
    for damage in damages:
        say(f"{', '.join(damage.files)}: {damage.why}")
    if damages:
        say(f"backup {record.name}: {len(damages)} objects are damaged or absent")
        raise typer.Exit(1)
    say(f"backup {record.name} is sound: {len(record.files):,} files, {_mb(record.bytes)} read")


def _show(done: Restored) -> None:
    for place in done.aside:
        say(f"moved aside: {place}")
    _compared(done.proof)
    if any(row.what.endswith("could not be asked") for row in done.proof):
        say("mend that (is MLflow's server down?), then compare again with --prove")
    verdict = "everything is as it was" if done.holds else "not everything is as it was"
    say(f"backup {done.record.name}: {verdict}")


def _compared(proof: Sequence[Compared]) -> None:
    rows = [(r.what, _word(r.same, r.counts), r.then, r.now) for r in proof]
    table(("what", "same", "in the backup", "here"), rows, below=2)


def _word(same: bool, counts: bool) -> str:
    return "yes" if same else "NO" if counts else "moved on"


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
