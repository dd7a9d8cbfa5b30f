"""An offline folder of images that exist nowhere else, and a server that has nothing but it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from support.stack.engine import PROJECT, ROOT, FaultyStack, Stack

SIGNER, VERSION = "ministry", "offline-test"
OURS = tuple(f"denguard-{name}" for name in ("airflow", "serving", "proxy"))
STACK = "images/stack.tar"
_MAKE_S = 3600
_NO_WAY_OUT = "networks:\n  outside:\n    internal: true\n"
_FILE = "no-way-out.yml"


@dataclass(frozen=True)
class Bundle:
    """Attributes:
    folder: as it is carried to the server.
    signers: file of who may sign, which gets there by another way.
    ids: image of ours, with its tag -> its id when it was saved.
    """

    folder: Path
    signers: Path
    ids: dict[str, str]


class Carried(Stack):
    """An installation from the folder alone, in networks of which none has a way out."""

    def files(self) -> list[str]:
        return ["docker-compose.yml", _FILE]


def call(*argv: str, cwd: Path = ROOT, text: str = "", timeout_s: float = _MAKE_S) -> str:
    """What a command says, in both of its streams.

    Raises:
        FaultyStack: it failed.
    """
    done = subprocess.run(
        argv, cwd=cwd, input=text, capture_output=True, text=True, timeout=timeout_s, check=False,
        env={**os.environ, "DENGUARD_VERSION": VERSION},
    )  # fmt: skip
    if done.returncode:
        raise FaultyStack(f"{' '.join(argv)}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout + done.stderr


def denguard(*argv: str) -> str:
    """What `denguard offline` says."""
    return call(sys.executable, "-m", "pipelines.cli", "offline", *argv)


def id_of(image: str) -> str:
    """Of an image of the engine; "" where there is none."""
    asked = ("docker", "image", "inspect", "-f", "{{.Id}}", image)
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip()


def make(work: Path) -> Bundle:
    """The release's images under ids of their own: saved, signed, and gone from the engine."""
    release = os.environ.get("DENGUARD_VERSION", "latest")
    for name in OURS:
        words = f"FROM {name}:{release}\nLABEL denguard.test={secrets.token_hex(8)}\n"
        (work / "Dockerfile").write_text(words, encoding="utf-8")
        call("docker", "build", "-q", "-t", f"{name}:{VERSION}", ".", cwd=work)
    key = work / "key"
    call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    kind, public, *_ = key.with_suffix(".pub").read_text(encoding="utf-8").split()
    (work / "signers").write_text(f"{SIGNER} {kind} {public}\n", encoding="utf-8")
    made = ("--stack", "--extras", "", "--sign-key", str(key))
    denguard("make", "--into", str(work / "carried"), *made)
    ids = {image: id_of(image) for image in (f"{name}:{VERSION}" for name in OURS)}
    forget(ids)
    return Bundle(work / "carried", work / "signers", ids)


def forget(images: dict[str, str]) -> None:
    """Remove images that this module made, by their tags."""
    call("docker", "image", "rm", *images)


def unpack(bundle: Bundle) -> Carried:
    """The project as the folder has it, with ports that nobody else has."""
    folder = Path(tempfile.mkdtemp(prefix="denguard-offline-"))
    with tarfile.open(bundle.folder / "project.tar.gz") as files:
        files.extractall(folder, filter="data")
    (folder / _FILE).write_text(_NO_WAY_OUT, encoding="utf-8")
    names = ("HTTP", "HTTPS", "AIRFLOW", "MLFLOW", "GRAFANA")
    settings = {f"PROXY_{name}_PORT": str(_free_port()) for name in names}
    settings["DENGUARD_VERSION"] = VERSION
    return Carried(folder, settings, project=f"{PROJECT}-offline")


def remove(stack: Carried) -> None:
    """The installation and its folder."""
    stack.compose("down", "-v", timeout_s=600, check=False)
    shutil.rmtree(stack.folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
