"""The folder or bucket that holds backups: objects by content, and one record a backup.

objects/<aa>/<sha256>       bytes, once however many backups hold them
backups/<name>.json         the record of a backup, written last
sealed/<aa>/<name>          the same with a key; the names do not tell the content
backups/<name>.sealed
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from pipelines.backup.record import Record
from pipelines.backup.sealing import hidden_name, seal, sealed_size, unseal
from pipelines.errors import ConfigError, StoreError, invalid_values
from pipelines.storage import sha256_file
from pipelines.storage.objects import Content, in_parallel
from pipelines.storage.objects import object_key as open_key
from pipelines.storage.remote import Folder, remote

BACKUPS = "backups"
_PIECE_BYTES = 4 << 20
_ROOMS = ("objects", "sealed")


class Vault:
    """Backups at an address.

    Args:
        uri: a folder or s3://bucket/prefix.
        key: of 32 bytes; None: what is written is not encrypted.
    """

    def __init__(self, uri: str, key: bytes | None = None) -> None:
        self.uri, self._key, self.store = uri, key, remote(uri)
        self._listed: set[str] | None = None

    def names(self) -> list[str]:
        """Names of whole backups, oldest first."""
        return sorted({name.rpartition(".")[0] for name in self._records()})

    def _records(self) -> set[str]:
        return {n for n in self.store.names(BACKUPS) if n.endswith((".json", ".sealed"))}

    def read(self, name: str = "") -> tuple[Record, Vault]:
        """A backup's record, the newest if none is named, and its objects as it was made: with the
        key or without.

        Raises:
            ConfigError: there is no such backup, or it needs a key.
            StoreError: its record is damaged, or the key is another one.
        """
        found = [n for n in sorted(self._records()) if not name or n.rpartition(".")[0] == name]
        if not found:
            raise ConfigError(
                f"there is no backup {name}".rstrip(),
                where=self.uri,
                fix="check the address; `denguard backup --list` lists what is there",
            )
        key, made = f"{BACKUPS}/{found[-1]}", Vault(self.uri)
        raw = self.store.read(key) or b""
        if found[-1].endswith(".sealed"):
            made = self
            raw = b"".join(unseal([raw], self._needed_key(key), key))
        try:
            return Record.model_validate_json(raw), made
        except ValidationError as err:
            where, why = invalid_values(err)[0]
            raise StoreError(
                f"the record of a backup cannot be used: {where}: {why}",
                where=f"{self.uri}/{key}",
                fix="take another backup, or the release of denguard that made this one",
            ) from err

    def _needed_key(self, where: str) -> bytes:
        if self._key is None:
            raise ConfigError(
                "this backup is encrypted and no key is given",
                where=f"{self.uri}/{where}",
                fix="give the file of its key with --key-file",
            )
        return self._key

    def write(self, record: Record) -> None:
        """Make a backup visible: its record, when all else is there."""
        raw = record.model_dump_json().encode()
        key = f"{BACKUPS}/{record.name}.{'json' if self._key is None else 'sealed'}"
        self.store.write(key, raw if self._key is None else b"".join(seal([raw], self._key, key)))

    def object_key(self, content: Content) -> str:
        """Where the bytes of a content lie."""
        if self._key is None:
            return open_key(content.sha256)
        name = hidden_name(self._key, content.sha256)
        return f"sealed/{name[:2]}/{name}"

    def list_bucket(self) -> None:
        """Before many objects are sent: one listing of a bucket in place of a question for each.

        An object appears there whole or not at all. In a folder asking costs nothing.
        """
        if not isinstance(self.store, Folder):
            self._listed = {key for room in _ROOMS for key in self.store.keys(room)}

    def holds(self, content: Content) -> bool:
        """Whether its bytes are there: by name and size, in a bucket that was listed by name."""
        if self._listed is not None:
            return self.object_key(content) in self._listed
        size = content.size if self._key is None else sealed_size(content.size)
        return self.store.size(self.object_key(content)) == size

    def send(self, content: Content, source: Path | bytes, staging: Path) -> bool:
        """Store bytes unless they are there; whether they were new."""
        if self.holds(content):
            return False
        key = self.object_key(content)
        if self._key is None:
            self._put(key, source, content.sha256)
            return True
        if isinstance(source, bytes):
            self.store.write(key, b"".join(seal([source], self._key, key)))
            return True
        handle, temp = tempfile.mkstemp(dir=staging)
        try:
            with os.fdopen(handle, "wb") as out, source.open("rb") as file:
                out.writelines(seal(iter(lambda: file.read(_PIECE_BYTES), b""), self._key, key))
            self._put(key, Path(temp), sha256_file(Path(temp)))
        finally:
            Path(temp).unlink(missing_ok=True)
        return True

    def _put(self, key: str, source: Path | bytes, sha256: str) -> None:
        if isinstance(source, bytes):
            self.store.write(key, source)
        else:
            self.store.put(source, key, sha256)

    def pieces(self, content: Content) -> Iterator[bytes]:
        """Its bytes, verified. Raises StoreError: absent, damaged, or of another key."""
        key, digest, size = self.object_key(content), hashlib.sha256(), 0
        stored = content.size if self._key is None else sealed_size(content.size)
        raw: Iterable[bytes] = self._raw(key, stored)
        for piece in raw if self._key is None else unseal(raw, self._key, key):
            digest.update(piece)
            size += len(piece)
            yield piece
        if digest.hexdigest() != content.sha256 or size != content.size:
            raise StoreError(
                "an object of the backup is damaged",
                where=f"{self.uri}/{key}",
                fix="delete that object and make a new backup; to restore, take another one",
            )

    def _raw(self, key: str, size: int) -> Iterator[bytes]:
        at = 0
        while at < size:
            piece = self.store.part(key, at, min(at + _PIECE_BYTES, size))
            if not piece:
                return  # shorter than recorded: verification says so
            at += len(piece)
            yield piece

    def keep(self, newest: int) -> list[str]:
        """Delete all but the newest backups, and the objects that none of the rest holds.

        Raises:
            ConfigError, StoreError: a record that stays cannot be read, so nobody knows what it
                needs; nothing is deleted then.
        """
        names = self.names()
        gone, stay = names[:-newest], [self.read(name) for name in names[-newest:]]
        if not gone:
            return []
        needed = {made.object_key(one) for record, made in stay for one in record.files.values()}
        for record_name in self._records():  # first: what is listed is whole
            if record_name.rpartition(".")[0] in gone:
                self.store.delete(f"{BACKUPS}/{record_name}")
        there = {key for room in _ROOMS for key in self.store.keys(room)}
        in_parallel(self.store.delete, sorted(there - needed))
        return gone

    def sweep(self) -> None:
        """Remove what a killed writer left half written; only while nobody writes."""
        if isinstance(self.store, Folder):
            for room in (*_ROOMS, BACKUPS):
                for path in (Path(self.uri) / room).rglob(".*"):
                    path.unlink(missing_ok=True)
