"""Errors of a pull: what is lost, damaged, or wrong with this machine's disk."""

from __future__ import annotations

from pipelines.errors import VersioningError
from pipelines.storage.resumable import Disk

AGAIN = "run the same command again; it goes on where it stopped"
DISK = Disk(VersioningError, "pull to another", AGAIN)


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
