"""Installs from an offline folder, without any network, after signature and hashes hold."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ConfigError, StoreError
from pipelines.offline.contents import IMAGES, LOCK, WEIGHTS, WHEELS, check_sums
from pipelines.offline.signing import verify

_TIMEOUT_S = 7200.0
_AGAIN = (
    "delete the environment's folder and install again; if it says the same, make the folder anew"
)


@dataclass(frozen=True)
class Checked:
    """A folder whose files are those of its list: how many, their bytes, who signed ("" nobody)."""

    files: int
    bytes: int
    signer: str
    images: tuple[Path, ...]


def check(folder: Path, signers: Path | None) -> Checked:
    """Check signature and hashes.

    Args:
        signers: file of who may sign; None checks hashes alone, which tells of damage only.

    Raises:
        StoreError: it is not what was made, or not signed by one of them.
    """
    signer = verify(folder, signers) if signers is not None else ""
    listed = check_sums(folder)
    size = sum((folder / name).stat().st_size for name in listed)
    images = tuple(folder / name for name in listed if name.startswith(f"{IMAGES}/"))
    return Checked(len(listed), size, signer, images)


def install(folder: Path, environment: Path, weights: Path | None) -> Path:
    """Make an environment with what the folder's lock names and the project; its `denguard`.

    Args:
        environment: folder of the new virtual environment.
        weights: where weights are copied to, such as artifacts/weights of a home.

    Raises:
        ConfigError: the environment is there already.
        StoreError: something is missing in the folder.
    """
    if environment.exists():
        raise ConfigError(
            "there is an environment already", where=str(environment), fix="name a new folder"
        )
    _run([sys.executable, "-m", "venv", str(environment)])
    python = str(environment / "bin" / "python")
    alone = ["install", "-q", "--no-index", "--no-deps", "--find-links", str(folder / WHEELS)]
    _run([python, "-m", "pip", *alone, "--require-hashes", "-r", str(folder / LOCK)])
    _run([python, "-m", "pip", *alone, "denguard"])
    if weights is not None and (folder / WEIGHTS).is_dir():
        shutil.copytree(folder / WEIGHTS, weights, dirs_exist_ok=True)
    return environment / "bin" / "denguard"


def _run(command: list[str]) -> None:
    """A command that must succeed; pip reads no setting of this machine that names an index."""
    own = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        done = subprocess.run(
            command, env=own, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as err:
        raise StoreError("the installation did not end", where=command[0], fix=_AGAIN) from err
    if done.returncode:
        said = re.sub(r"\s+", " ", done.stderr.strip() or done.stdout.strip())[-600:]
        raise StoreError(f"the installation failed: {said}", where=command[0], fix=_AGAIN)
