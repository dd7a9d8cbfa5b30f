"""Of torch's builds for Linux an offline folder takes the one without CUDA, if an index has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.offline.contents import WHEELS
from pipelines.offline.wheels import download
from pipelines.storage import sha256_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch has one build")
PROJECT = '[project]\nname = "{name}"\nversion = "{version}"\n[tool.setuptools]\npy-modules = []\n'
DEFAULT, CPU = ("torch", "1.0"), ("torch", "1.0+cpu")
OTHERS = (("nvidia-cublas", "3.0"), ("ready", "2.0"))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of each."""
    work = tmp_path_factory.mktemp("torch")
    for name, version in (DEFAULT, CPU, *OTHERS):
        folder = work / f"{name}-{version}"
        folder.mkdir()
        (folder / "pyproject.toml").write_text(PROJECT.format(name=name, version=version))
        argv = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
        done = subprocess.run(
            [*argv, "-w", str(work / "files"), str(folder)], capture_output=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
    return work / "files"


@pytest.fixture
def lock(index: Path, tmp_path: Path) -> Path:
    """As requirements.lock has them: both builds of torch in one line."""

    def line(pattern: str, version: str, extras: str) -> str:
        found = " ".join(f"--hash=sha256:{sha256_file(p)}" for p in index.glob(pattern))
        return f"{version} {found} # {extras}\n"

    file = tmp_path / "requirements.lock"
    file.write_text(
        line("torch-*", "torch==1.0", "production")
        + line("nvidia_cublas-*", "nvidia-cublas==3.0", "cuda")
        + line("ready-*", "ready==2.0", "production build")
    )
    return file


def downloaded(lock: Path, index: Path, into: Path) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_CONFIG_FILE", os.devnull)  # this machine's may constrain torch
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(index))
        download(into, lock, ["production"], [])
    return sorted("-".join(p.name.split("-")[:2]) for p in (into / WHEELS).iterdir())


def test_the_build_without_cuda_is_taken_and_the_other_goes(
    index: Path, lock: Path, tmp_path: Path
) -> None:
    (tmp_path / "made" / WHEELS).mkdir(parents=True)
    shutil.copy2(index / "torch-1.0-py3-none-any.whl", tmp_path / "made" / WHEELS)
    assert downloaded(lock, index, tmp_path / "made") == ["ready-2.0", "torch-1.0+cpu"]


def test_the_other_build_comes_with_its_libraries(index: Path, lock: Path, tmp_path: Path) -> None:
    less = Path(shutil.copytree(index, tmp_path / "less"))
    next(less.glob("torch-1.0+cpu*")).unlink()
    found = downloaded(lock, less, tmp_path / "made")
    assert found == ["nvidia_cublas-3.0", "ready-2.0", "torch-1.0"]
