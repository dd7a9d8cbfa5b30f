"""What of a home belongs to a backup: all but caches, locks, logs, secrets and databases.

A folder that denguard does not know belongs to it, too. What is left out is made again by itself
(caches, refits), fetched again (weights), of this machine alone (locks, services), secret, or
copied in another way (databases).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from pipelines.config import DeploymentPaths
from pipelines.ops.prune.leftovers import is_begun
from pipelines.plain_yaml import UnusableYaml, read_plain_yaml

STAGING = "backup"  # below artifacts/: what this room writes while it works
LEFT_OUT = frozenset({"cache", "locks", "local", "weights", "refits", STAGING})
ASIDE = ".before-restore-"  # a restore over something moved it there; no backup holds it
_GIVEN = ("drops", "answers", "withdrawn")


def lines_of(paths: DeploymentPaths) -> dict[str, DeploymentPaths]:
    """Every line of the deployment by name, the main one "" first."""
    root = paths.root or paths.home
    further = {n: DeploymentPaths(home=root / "lines" / n, root=root) for n in paths.line_names}
    return {"": DeploymentPaths(home=root), **further}


def files_of(home: Path) -> Iterator[Path]:
    """Files, links and folders of a deployment that a backup holds, each after its folder."""
    lines = lines_of(DeploymentPaths(home=home)).values()
    for line in lines:
        yield from _below(line.data, line)
        yield from _below(line.artifacts, line)
    yield from _below(home / "profiles", DeploymentPaths(home=home))
    yield from (path for path in sorted(home.glob("*.yaml")) if _is_profile(path))


def _below(folder: Path, line: DeploymentPaths) -> Iterator[Path]:
    if not folder.is_dir():
        return
    yield folder
    for path in sorted(folder.iterdir()):
        if not _belongs(path, line):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _below(path, line)
        elif path.is_symlink() or path.is_file():
            yield path


def _belongs(path: Path, line: DeploymentPaths) -> bool:
    parts = path.relative_to(line.home).parts
    if path.name.startswith(ASIDE):
        return False
    if parts[0] == "data":
        given = len(parts) > 3 and parts[1] in _GIVEN  # a drop is whole, whatever is in it
        return given or not is_begun(path.name)
    if parts[0] == "artifacts":
        if len(parts) == 2 and parts[1] in LEFT_OUT:
            return False
        if parts[1] == "mlflow" and len(parts) == 3 and path.name.startswith("mlflow.db"):
            return False
        if parts[1:4] == ("versions", ".dvc", "tmp"):
            return False
        published = parts[1] in ("versions", "remote") and len(parts) > 4
        return published or not is_begun(path.name)
    return True


def _is_profile(path: Path) -> bool:
    """Whether a YAML file beside data/ and artifacts/ is a profile."""
    try:
        found = read_plain_yaml(path)
    except (UnusableYaml, OSError):
        return False
    return isinstance(found, dict) and "profile" in found


def staging_of(paths: DeploymentPaths) -> Path:
    """Folder of this room's unfinished work."""
    return (paths.root or paths.home) / "artifacts" / STAGING


@contextmanager
def staging_area(paths: DeploymentPaths) -> Iterator[Path]:
    """That folder, empty, and gone afterwards; whoever enters holds the run lock."""
    folder = staging_of(paths)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stays_inside(name: str) -> bool:
    """Whether a name of a record leads nowhere but below the home."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.as_posix() == name


def is_read(folder: str, home: Path) -> bool:
    """Whether an address lies in the folders of a home that a backup reads."""
    rooms = (home / "data", home / "artifacts", home / "lines", home / "profiles")
    return any(folder_inside(folder, room) for room in rooms)


def folder_inside(folder: str, home: Path) -> bool:
    """Whether an address is a folder below the home."""
    return "://" not in folder and Path(os.path.realpath(folder)).is_relative_to(home)
