"""Figures of what a deployment stands on: its disks, the proxy's certificate, its backups."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.ops.monitor.figures import Readings

_RECORDS = (".json", ".sealed")  # of backups: open, and encrypted


def read_disks(found: Readings, paths: DeploymentPaths) -> None:
    """Room where data and artifacts lie, which may be two disks."""
    for name, folder in (("data", paths.data), ("artifacts", paths.artifacts)):
        there = next(p for p in (folder, *folder.parents) if p.exists())
        disk = os.statvfs(there)
        found.put("denguard_disk_free_bytes", disk.f_bavail * disk.f_frsize, name)
        found.put("denguard_disk_size_bytes", disk.f_blocks * disk.f_frsize, name)


def read_certificate(found: Readings, path: Path) -> None:
    """The end of the certificate that ends first. Raises StoreError, OSError."""
    from cryptography import x509

    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as err:
        raise StoreError(
            "the certificate cannot be read",
            where=str(path),
            fix="DENGUARD_WATCH_CERTIFICATE names the PEM file that the proxy serves",
        ) from err
    ends = min(one.not_valid_after_utc for one in chain)
    found.put("denguard_certificate_not_after_timestamp_seconds", ends.timestamp())


def read_backups(found: Readings, folder: Path) -> None:
    """When the newest complete backup was begun, by the name of its record, which is written last.

    Raises:
        OSError: the folder is not there.
    """
    folder.stat()  # one that is not there is no folder without backups
    records = (folder / "backups").glob("[!.]*")
    newest = max((_begun(p) for p in records if p.suffix in _RECORDS), default=0.0)
    found.put("denguard_backup_newest_timestamp_seconds", newest)


def _begun(record: Path) -> float:
    """The time that a record is named by, else when it was written."""
    try:
        begun = datetime.strptime(record.stem, "%Y-%m-%dT%H%M%SZ")
    except ValueError:
        return record.stat().st_mtime
    return begun.replace(tzinfo=UTC).timestamp()
