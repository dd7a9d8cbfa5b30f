"""Makes an offline folder on a machine with a network: wheels of the lock, the project, weights,
and images that the caller saved or that docker-compose.yml names."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ConfigError, StoreError
from pipelines.offline.contents import (
    IMAGES,
    LOCK,
    PROJECT,
    SIGNATURE,
    SUMS,
    WEIGHTS,
    WHEELS,
    write_sums,
)
from pipelines.offline.images import STACK, names_of, save
from pipelines.offline.signing import sign
from pipelines.storage import sha256_file, write_atomic

_TIMEOUT_S = 7200.0
_PROJECT_NAME = "denguard"
_ALWAYS = "build"  # what builds the project's own wheel


@dataclass(frozen=True)
class Contents:
    """What goes into the folder.

    Attributes:
        source: checkout of the project, with its requirements.lock.
        extras: of pyproject.toml, whose lines of the lock are downloaded; none = the project alone.
        images: files that `docker save` wrote.
        weights: folder of weights, such as artifacts/weights of a home; none = None.
        index_urls: further package indexes, such as torch's CPU builds.
        stack: profiles of docker-compose.yml whose images are saved here, besides those of every
            server; None = no images of it.
    """

    source: Path
    extras: Collection[str]
    images: Collection[Path] = ()
    weights: Path | None = None
    index_urls: Collection[str] = ()
    stack: Collection[str] | None = None


def make(folder: Path, contents: Contents, key: Path | None) -> Path:
    """Fill a folder; what it holds already is kept, so that a call that was cut off goes on.

    Args:
        key: private SSH key that signs the list; None leaves the folder unsigned.

    Raises:
        ConfigError: the checkout or an image is not there, or the lock has no such extra.
        StoreError: a download or the signature failed.
    """
    _require(contents)
    for name in (SUMS, SIGNATURE):  # until all is there, nobody may take it for whole
        (folder / name).unlink(missing_ok=True)
    (folder / WHEELS).mkdir(parents=True, exist_ok=True)
    lines = locked_lines(contents.source / "requirements.lock", contents.extras)
    _download(folder, lines, contents.index_urls)
    _project(folder, contents.source)
    _lock(folder)
    _images(folder / IMAGES, contents)
    if contents.weights is not None:
        shutil.copytree(contents.weights, folder / WEIGHTS, dirs_exist_ok=True)
    write_sums(folder)
    if key is not None:
        sign(folder, key)
    return folder


def locked_lines(lock: Path, extras: Collection[str]) -> list[str]:
    """Lines of the lock that these extras need, with their hashes."""
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line]
    named = {line: set(line.rpartition("#")[2].split()) for line in lines}
    known = set().union(*named.values()) if named else set()
    if unknown := set(extras) - known:
        raise ConfigError(
            f"requirements.lock has no line for {', '.join(sorted(unknown))}",
            where=str(lock),
            fix="name extras of pyproject.toml, such as production or serving",
        )
    wanted = {*extras, _ALWAYS}
    return [line.rpartition("#")[0].strip() for line in lines if named[line] & wanted]


def _require(contents: Contents) -> None:
    needed = [contents.source / "requirements.lock", contents.source / "pyproject.toml"]
    for path in (*needed, *contents.images):
        if not path.is_file():
            raise ConfigError(
                "a file that goes into the offline folder is not there",
                where=str(path),
                fix="run this in the checkout, and save images first: docker save -o FILE IMAGE",
            )


def _images(into: Path, contents: Contents) -> None:
    if contents.images or contents.stack is not None:
        into.mkdir(exist_ok=True)
    for image in contents.images:
        shutil.copy2(image, into / image.name)
    if contents.stack is not None:
        save(names_of(contents.source, contents.stack), into / STACK)


def _download(folder: Path, lines: list[str], index_urls: Collection[str]) -> None:
    """Wheels by the hashes of the lock; what comes as source only is built here, since a server has
    no compiler."""
    wheels, wanted = folder / WHEELS, folder / f".{LOCK}"
    wanted.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    further = [part for url in index_urls for part in ("--extra-index-url", url)]
    _pip(
        [
            "download",
            "-q",
            "--no-deps",
            "--require-hashes",
            "--dest",
            str(wheels),
            *further,
            "-r",
            str(wanted),
        ]
    )
    wanted.unlink()
    for source in sorted((*wheels.glob("*.tar.gz"), *wheels.glob("*.zip"))):
        _pip(["wheel", "-q", "--no-deps", "--wheel-dir", str(wheels), str(source)])
        source.unlink()


def _lock(folder: Path) -> None:
    """Name every wheel with its own hash: what was built here has one that no index knows."""
    lines = []
    for wheel in sorted((folder / WHEELS).glob("*.whl")):
        name, version, *_ = wheel.name.split("-")
        if name != _PROJECT_NAME:
            lines.append(f"{name}=={version} --hash=sha256:{sha256_file(wheel)}\n")
    write_atomic(folder / LOCK, "".join(lines))


def _project(folder: Path, source: Path) -> None:
    """The project as it is committed, and its wheel built of that: a build leaves files behind."""
    for old in (folder / WHEELS).glob(f"{_PROJECT_NAME}-*.whl"):
        old.unlink()
    packed = (folder / PROJECT).resolve()
    archive = ["git", "-C", str(source), "archive", "--format=tar.gz", "-o", str(packed), "HEAD"]
    _run(archive, "the project's files could not be packed")
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(packed) as files:
            files.extractall(scratch, filter="data")
        built = ["wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir"]
        _pip([*built, str(folder / WHEELS), scratch])


def _pip(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    _run(command, f"pip {arguments[0]} failed")


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise StoreError(f"{what}: {err}", where=command[0], fix="see what is missing") from err
    if done.returncode:
        said = re.sub(r"\s+", " ", done.stderr.strip() or done.stdout.strip())[-600:]
        raise StoreError(
            f"{what}: {said}",
            where=" ".join(command[:4]),
            fix="run it again when that is mended; what was downloaded is kept",
        )
