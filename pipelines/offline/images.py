"""Images of docker-compose.yml in one file of docker save, for a server without a registry."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

from pipelines.errors import ConfigError, StoreError

STACK = "stack.tar"
_COMPOSE = "docker-compose.yml"
_TIMEOUT_S = 7200.0


def names_of(source: Path, overlays: Collection[str] = ()) -> list[str]:
    """Images that a checkout's compose file names, by its .env and this environment.

    Args:
        overlays: profiles of the file besides those of .env, such as workers and s3.

    Raises:
        ConfigError: there is no Docker with Compose.
        StoreError: Compose cannot read the file.
    """
    named = [word for name in overlays for word in ("--profile", name)]
    said = _docker(["compose", *named, "-f", str(source / _COMPOSE), "config", "--images"])
    return sorted(set(said.split()))


def by_tag(image: str) -> str:
    """The name that an image has where it was loaded: a digest is known to its registry alone."""
    return image.partition("@")[0]


def save(images: Collection[str], file: Path) -> Path:
    """Save images under their tags, each layer once.

    Raises:
        ConfigError: there is no Docker.
        StoreError: an image is not here.
    """
    for image in images:
        if image != by_tag(image):
            _docker(["tag", image, by_tag(image)])
    half = file.with_name(f".{file.name}")
    _docker(["save", "-o", str(half), *sorted(map(by_tag, images))])
    half.rename(file)
    return file


def _docker(arguments: list[str]) -> str:
    program = shutil.which("docker")
    if program is None:
        raise ConfigError("docker is not installed", fix="run this where images are built")
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as err:
        raise StoreError("docker did not end", where=str(err.cmd), fix="try again") from err
    if done.returncode:
        said = re.sub(r"\s+", " ", done.stderr.strip() or done.stdout.strip())[-600:]
        raise StoreError(
            f"docker {arguments[0]} failed: {said}",
            where=" ".join(arguments[-3:]),
            fix="build and pull the images first: docker compose build && docker compose pull",
        )
    return done.stdout
