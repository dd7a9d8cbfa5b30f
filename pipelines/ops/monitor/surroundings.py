"""Figures of what a deployment stands on: its disks, the proxy's certificate, its backups."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.ops.monitor.figures import Readings
from pipelines.storage.remote import remote

_RECORDS, _KINDS = "backups", ("json", "sealed")  # of backups: open, and encrypted


def read_disks(found: Readings, paths: DeploymentPaths) -> None:
    """Room where data and artifacts lie, which may be two disks."""
    for name, folder in (("data", paths.data), ("artifacts", paths.artifacts)):
        there = next(p for p in (folder, *folder.parents) if p.exists())
        disk = os.statvfs(there)
        found.put("denguard_disk_free_bytes", disk.f_bavail * disk.f_frsize, name)
        found.put("denguard_disk_size_bytes", disk.f_blocks * disk.f_frsize, name)


def read_certificate(found: Readings, path: Path) -> None:
    """The end of the certificate that ends first; nothing of an empty file, where the proxy makes
    one for itself. Raises StoreError, OSError.
    """
    raw = path.read_bytes()
    if not raw.strip():
        return
    from cryptography import x509

    try:
        chain = x509.load_pem_x509_certificates(raw)
    except ValueError as err:
        raise StoreError(
            "the certificate cannot be read",
            where=str(path),
            fix="DENGUARD_WATCH_CERTIFICATE names the PEM file that the proxy serves",
        ) from err
    ends = min(one.not_valid_after_utc for one in chain)
    found.put("denguard_certificate_not_after_timestamp_seconds", ends.timestamp())


def read_backups(found: Readings, uri: str) -> None:
    """When the newest complete backup was begun, by the name of its record, which is written last.

    Args:
        uri: a folder or s3://bucket/prefix, as `denguard backup` writes into.

    Raises:
        StoreError: the folder is not there, or the store does not answer.
    """
    if "://" not in uri and not Path(uri).is_dir():
        raise StoreError(
            "the folder of backups is not there",
            where=uri,
            fix="mount it, and let DENGUARD_BACKUP_INTO name it",
        )
    begun = [_begun(name) for name in remote(uri).names(_RECORDS)]
    found.put("denguard_backup_newest_timestamp_seconds", max(begun, default=0.0))


def _begun(record: str) -> float:
    """The time that a record is named by, such as 2026-11-30T060000Z.json; 0 for another file."""
    name, _, kind = record.rpartition(".")
    try:
        at = datetime.strptime(f"{name}+0000", "%Y-%m-%dT%H%M%SZ%z")
    except ValueError:
        return 0.0
    return at.timestamp() if kind in _KINDS else 0.0
