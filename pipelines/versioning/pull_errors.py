"""Errors of a pull: what is lost, damaged, or wrong with this machine's disk."""

from __future__ import annotations

import errno
from pathlib import Path

from pipelines.errors import VersioningError

AGAIN = "run the same command again; it goes on where it stopped"


def lost(version_id: str, name: str, where: str) -> VersioningError:
    """A file that the index lists and the remote does not have."""
    return VersioningError(
        f"{name} of {version_id} is not in the remote",
        where=where,
        fix=(
            "ask the remote's owner to push it again: `dvc push` in artifacts/versions of the "
            "deployment that made it"
        ),
    )


def damaged(version_id: str, name: str, where: str) -> VersioningError:
    """A file whose bytes are not those that the index lists."""
    return VersioningError(
        f"{name} of {version_id} is damaged in the remote; what was verified is kept",
        where=where,
        fix=(
            "ask the remote's owner to remove that object and push it again (`dvc push` in "
            f"artifacts/versions of the deployment that made it), then {AGAIN}"
        ),
    )


def local_error(err: OSError, to: Path) -> VersioningError:
    """What this machine's disk or folder refuses."""
    where = str(err.filename or to)
    if err.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return VersioningError(
            "the disk is full", where=where, fix=f"make room or pull to another disk; {AGAIN}"
        )
    return VersioningError(
        f"this folder does not take the files: {err.strerror or err}",
        where=where,
        fix="check its path and permissions, or pull to another folder",
    )
