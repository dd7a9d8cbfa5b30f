"""Makes a backup: databases first, then the files that they name, then the record.

The run lock of every line is held, so no run and no prune is at work; the registry's is held while
databases and audit are copied, so nobody moves an alias between them. Files are only added after
that, so nothing that is copied names what is not. A backup that was cut off is not listed, and what
it had sent is not sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock

from pipelines.backup.databases import find_databases
from pipelines.backup.moment import at_one_moment
from pipelines.backup.places import files_of, is_read, lines_of, staging_area
from pipelines.backup.proof import with_forecast
from pipelines.backup.record import HOME, Held, Record, StoreCopy
from pipelines.backup.stores import (
    describe_store,
    known_objects,
    local_copy,
    prefix_of,
    store_at,
    stores_of,
)
from pipelines.backup.vault import Vault
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError
from pipelines.run.lock import hold
from pipelines.storage import sha256_file
from pipelines.storage.objects import Content, in_parallel

log = logging.getLogger(__name__)
LOCK_NAME = "backup"
_IN_MEMORY_BYTES = 4 << 20
_NAMED = ("denguard", "apache-airflow", "mlflow", "dvc")


@dataclass(frozen=True)
class Made:
    """A backup that was made, bytes that were new in it, and backups that went for it."""

    record: Record
    new_bytes: int
    gone: tuple[str, ...]


@dataclass(frozen=True)
class Wish:
    """How a backup is made.

    Attributes:
        wait: for a run that is at work, instead of refusing.
        keep: newest backups that stay, this one included; None = all.
        with_buckets: copy the content of S3 stores, not only their list.
    """

    wait: bool = False
    keep: int | None = None
    with_buckets: bool = False


class _Taking:
    """Sends files and notes what they were; safe for threads."""

    def __init__(self, vault: Vault, staging: Path) -> None:
        self.vault, self.staging, self.new_bytes = vault, staging, 0
        self.files: dict[str, Held] = {}
        self._sent: set[str] = set()
        self._lock = Lock()

    def take(self, name: str, path: Path) -> None:
        """One file. What grows or is replaced meanwhile is taken as it was at one moment."""
        stat = path.stat()
        whole = stat.st_size <= _IN_MEMORY_BYTES
        if not whole and path.suffix == ".jsonl":
            path = self._frozen(name, path, stat.st_size)
        source: Path | bytes = path.read_bytes() if whole else path
        content = (
            Content(sha256=sha256(source).hexdigest(), size=len(source))
            if isinstance(source, bytes)
            else Content(sha256=sha256_file(source), size=source.stat().st_size)
        )
        self._send(content, source)
        self.files[name] = Held(
            **content.model_dump(), modified_ns=stat.st_mtime_ns, mode=stat.st_mode & 0o7777
        )

    def _send(self, content: Content, source: Path | bytes) -> None:
        """Once, however many files have it; if that fails, there is no backup."""
        with self._lock:
            if content.sha256 in self._sent:
                return
            self._sent.add(content.sha256)
        if self.vault.send(content, source, self.staging):
            with self._lock:
                self.new_bytes += content.size

    def _frozen(self, name: str, path: Path, size: int) -> Path:
        copy = self.staging / sha256(name.encode()).hexdigest()
        with path.open("rb") as file, copy.open("wb") as out:
            while (left := size - out.tell()) > 0 and (piece := file.read(min(left, 1 << 20))):
                out.write(piece)
        return copy


def backup(paths: DeploymentPaths, vault: Vault, wish: Wish, clock: datetime) -> Made:
    """Make one, then let old ones go.

    Raises:
        BusyError: a run is at work.
        ConfigError, StoreError: something cannot be reached or read; no backup is listed then.
    """
    home = paths.root or paths.home
    _require_outside(vault.uri, home)
    with ExitStack() as held:
        for line in lines_of(paths).values():
            held.enter_context(hold(line, LOCK_NAME, wish.wait))
        staging = held.enter_context(staging_area(paths))
        vault.sweep()
        vault.list_bucket()
        taking = _Taking(vault, staging)
        record = _record(DeploymentPaths(home=home), taking, wish, clock)
        vault.write(record)
        log.info("backup %s is whole", record.name)
        gone = vault.keep(wish.keep) if wish.keep is not None else []
    return Made(record, taking.new_bytes, tuple(gone))


def _record(root: DeploymentPaths, taking: _Taking, wish: Wish, clock: datetime) -> Record:
    lines, databases = lines_of(root), find_databases(root)
    moment = at_one_moment(lines, databases, taking.staging)
    for name, path in moment.files.items():
        taking.take(name, path)
    files, folders, links, twins = _listed(root.home, moment.files)
    in_parallel(lambda name: taking.take(name, files[name]), files)
    taking.files |= {
        name: taking.files[first].model_copy(update={"same_as": first})
        for name, first in twins.items()
    }
    return Record(
        name=_free_name(taking.vault, clock),
        home=str(root.home),
        versions=_versions(),
        stores=tuple(_stores(root, taking, wish.with_buckets)),
        files=dict(sorted(taking.files.items())),
        folders=folders,
        links=links,
        databases=tuple(moment.databases),
        facts={name: with_forecast(moment.facts[name], line) for name, line in lines.items()},
    )


def _listed(
    home: Path, staged: Mapping[str, Path]
) -> tuple[dict[str, Path], dict[str, int], dict[str, str], dict[str, str]]:
    """Files by name, when folders were written, links, and hard links of a file before them."""
    files: dict[str, Path] = {}
    folders: dict[str, int] = {}
    links: dict[str, str] = {}
    twins: dict[str, str] = {}
    seen: dict[tuple[int, int], str] = {}
    for path in files_of(home):
        name, stat = f"{HOME}{path.relative_to(home).as_posix()}", path.lstat()
        if path.is_symlink():
            links[name] = str(path.readlink())
        elif path.is_dir():
            folders[name] = stat.st_mtime_ns
        elif name in staged:
            continue
        elif stat.st_nlink > 1 and (at := (stat.st_dev, stat.st_ino)) in seen:
            twins[name] = seen[at]
        else:
            files[name] = path
            seen[stat.st_dev, stat.st_ino] = name
    return files, folders, links, twins


def _stores(root: DeploymentPaths, taking: _Taking, with_buckets: bool) -> Iterator[StoreCopy]:
    addresses = stores_of(root)
    names = taking.vault.names()
    before = taking.vault.read(names[-1])[0] if names and addresses else None
    for name, uri in addresses.items():
        store = describe_store(name, uri, with_buckets)
        if store.copied:
            _copy(store, taking, known_objects(store, before))
        yield store


def _copy(store: StoreCopy, taking: _Taking, known: Mapping[str, Held]) -> None:
    source, prefix = store_at(store.uri), prefix_of(store)

    def copy(key: str) -> None:
        if key in known and taking.vault.holds(known[key]):
            taking.files[prefix + key] = known[key]
            return
        temp = taking.staging / sha256(f"{store.name}/{key}".encode()).hexdigest()
        taking.take(prefix + key, local_copy(source, key, store.sizes[key], temp))
        temp.unlink(missing_ok=True)

    in_parallel(copy, store.sizes)


def _require_outside(uri: str, home: Path) -> None:
    if is_read(uri, home):
        raise ConfigError(
            "a backup inside the folders that it copies would hold itself",
            where=uri,
            fix="name a folder outside data/ and artifacts/, best on another disk or machine",
        )


def _free_name(vault: Vault, clock: datetime) -> str:
    at, taken = clock.astimezone(UTC), set(vault.names())
    while (name := at.strftime("%Y-%m-%dT%H%M%SZ")) in taken:
        at += timedelta(seconds=1)
    return name


def _versions() -> dict[str, str]:
    found = {}
    for name in _NAMED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def unnoted(record: Record) -> str:
    """What a backup, though whole, could not note for its proof, in one sentence; "" if nothing."""
    for name, facts in record.facts.items():
        if facts.problem:
            return f"{name or 'the main line'}: {facts.problem}"
    return ""
