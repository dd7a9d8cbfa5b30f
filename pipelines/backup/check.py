"""Reads every byte of a backup again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.backup.record import Held, Record
from pipelines.backup.vault import Vault
from pipelines.errors import StoreError
from pipelines.storage.objects import in_parallel


@dataclass(frozen=True)
class Damage:
    """An object that does not hold what the record says, and the files that it was of."""

    files: tuple[str, ...]
    why: str


def check(record: Record, vault: Vault) -> list[Damage]:
    """Damaged or absent objects of a backup; none is as it should be."""
    files: dict[str, list[str]] = {}
    contents: dict[str, Held] = {}
    for name, held in record.files.items():
        files.setdefault(held.sha256, []).append(name)
        contents[held.sha256] = held
    found: list[Damage] = []
    in_parallel(_reader(vault, contents, files, found), contents)
    return sorted(found, key=lambda one: one.files)


def _reader(
    vault: Vault, contents: dict[str, Held], files: dict[str, list[str]], found: list[Damage]
) -> Callable[[str], None]:
    def read(sha256: str) -> None:
        try:
            for _ in vault.pieces(contents[sha256]):
                pass
        except StoreError as err:
            found.append(Damage(tuple(files[sha256]), str(err)))

    return read


def require_sound(record: Record, vault: Vault) -> None:
    """Raise StoreError naming the first object of a backup that is damaged."""
    if damages := check(record, vault):
        first = damages[0]
        raise StoreError(
            f"{len(damages)} objects of backup {record.name} are damaged or absent: {first.why}",
            where=first.files[0],
            fix="restore another backup: `denguard backup --list` lists them",
        )
