"""Folders of the host that containers write into, made and owned for their user."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CONTAINER_USER = 50000  # of both images
_DATA, _LINES, _PROFILES = "DENGUARD_DATA", "DENGUARD_LINES", "DENGUARD_PROFILES"
_BACKUPS = "DENGUARD_BACKUPS"
_DEFAULTS = {_DATA: "./data", _LINES: "./lines", _PROFILES: "./profiles", _BACKUPS: "./backups"}


@dataclass(frozen=True)
class HostFolder:
    """A folder that is mounted.

    Attributes:
        path: as this process sees it.
        name: as the deployment's settings have it.
        written: by containers, so it belongs to their user; else to the owner of the deployment.
        inside: it lies in the deployment's folder. The rest is the host's: a container does not see
            it.
        mode: permissions of a new one.
    """

    path: Path
    name: str
    written: bool
    inside: bool
    mode: int = 0o755

    def wrong(self) -> str:
        """What is wrong with it, "" if nothing is, or if it cannot be seen from here."""
        if not self.inside and not self.path.exists():
            return ""
        if not self.path.is_dir():
            return "it does not exist" if not self.path.exists() else "it is no folder"
        owner = self.path.stat().st_uid
        if self.written and owner != CONTAINER_USER:
            return f"it belongs to user {owner}, and containers write into it as {CONTAINER_USER}"
        return ""

    def command(self) -> str:
        """What makes it right, for a person with root's rights on the host."""
        mode = f" -m {self.mode:o}" if self.mode != 0o755 else ""
        user = f" -o {CONTAINER_USER} -g {CONTAINER_USER}" if self.written else ""
        return f"sudo install -d{user}{mode} {self.name}"


def folders_of(deployment: Path, values: Mapping[str, str]) -> list[HostFolder]:
    """Every folder of the host that the stack mounts, parents first."""
    at = {name: values.get(name) or default for name, default in _DEFAULTS.items()}
    return [
        _folder(deployment, at[_DATA], written=True),
        _folder(deployment, f"{at[_DATA].rstrip('/')}/drops", written=True),
        _folder(deployment, at[_LINES], written=True),
        _folder(deployment, at[_PROFILES], written=False),
        _folder(deployment, at[_BACKUPS], written=True, mode=0o700),
    ]


def make(folder: HostFolder, owner: tuple[int, int]) -> None:
    """Make a folder of the deployment and give it to its user, as far as this process may."""
    folder.path.mkdir(mode=folder.mode, parents=True, exist_ok=True)
    if os.geteuid() == 0 and folder.wrong():
        os.chown(folder.path, CONTAINER_USER, CONTAINER_USER)
    elif os.geteuid() == 0 and not folder.written and folder.path.stat().st_uid == 0:
        os.chown(folder.path, *owner)


def _folder(deployment: Path, name: str, written: bool, mode: int = 0o755) -> HostFolder:
    path = (deployment / name).absolute()
    inside = Path(os.path.normpath(path)).is_relative_to(deployment.absolute())
    return HostFolder(path, name, written, inside, mode)
