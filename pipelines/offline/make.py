"""Makes an offline folder on a machine with a network: wheels of the lock, the project, weights,
and images that the caller saved or that docker-compose.yml names."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ConfigError
from pipelines.offline.contents import (
    IMAGES,
    PROJECT,
    SIGNATURE,
    SUMS,
    WEIGHTS,
    WHEELS,
    write_sums,
)
from pipelines.offline.images import STACK, names_of, save
from pipelines.offline.signing import sign
from pipelines.offline.wheels import PROJECT_NAME, download, name_wheels, pip, run


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
    lock = contents.source / "requirements.lock"
    download(folder, lock, contents.extras, contents.index_urls)
    _project(folder, contents.source)
    name_wheels(folder)
    _images(folder / IMAGES, contents)
    if contents.weights is not None:
        shutil.copytree(contents.weights, folder / WEIGHTS, dirs_exist_ok=True)
    write_sums(folder)
    if key is not None:
        sign(folder, key)
    return folder


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


def _project(folder: Path, source: Path) -> None:
    """The project as it is committed, and its wheel built of that: a build leaves files behind."""
    for old in (folder / WHEELS).glob(f"{PROJECT_NAME}-*.whl"):
        old.unlink()
    packed = (folder / PROJECT).resolve()
    archive = ["git", "-C", str(source), "archive", "--format=tar.gz", "-o", str(packed), "HEAD"]
    run(archive, "the project's files could not be packed")
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(packed) as files:
            files.extractall(scratch, filter="data")
        built = ["wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir"]
        pip([*built, str(folder / WHEELS), scratch])
