"""A folder that is made where packages are and installed where nothing is: real pip, real keys."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import ConfigError, StoreError
from pipelines.offline.install import check, install
from pipelines.offline.make import Contents, make
from pipelines.offline.signing import sign
from pipelines.offline.wheels import locked_lines
from pipelines.storage import sha256_file

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "{version}"
[tool.setuptools]
py-modules = ["{module}"]
"""


def _project(folder: Path, name: str, version: str) -> Path:
    module = f"{name}_module"
    folder.mkdir(parents=True)
    text = PROJECT.format(name=name, version=version, module=module)
    (folder / "pyproject.toml").write_text(text)
    (folder / f"{module}.py").write_text(f"VERSION = {version!r}\n")
    return folder


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an index would offer: one distribution as a wheel, one as source only."""
    work = tmp_path_factory.mktemp("index")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w"]
    _run(*pip, str(work / "files"), str(_project(work / "a", "ready", "1.0")))
    built = _project(work / "b", "source", "2.0")
    make_source = "from setuptools.build_meta import build_sdist as b; import sys; b(sys.argv[1])"
    _run(sys.executable, "-c", make_source, str(work / "files"), cwd=built)
    return work / "files"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, index: Path) -> Iterator[Path]:
    """A project whose lock names both; pip sees that index and nothing else."""
    folder = _project(tmp_path_factory.mktemp("made") / "checkout", "denguard", "0.0.1")
    lines = [
        f"{name}=={version} --hash=sha256:{sha256_file(next(index.glob(f'{name}-*')))} # {extra}"
        for name, version, extra in (("ready", "1.0", "serving"), ("source", "2.0", "serving dev"))
    ]
    text = "\n".join(["# a lock", *lines, f"other==3.0 --hash=sha256:{'0' * 64} # dev"])
    (folder / "requirements.lock").write_text(text + "\n")
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-C", str(folder))
    _run(*git, "init", "-q")
    _run(*git, "add", ".")
    _run(*git, "commit", "-qm", "one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(index))
        patch.setenv("PIP_NO_BUILD_ISOLATION", "0")
        yield folder


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key; beside it, in signers, who may sign."""
    file = tmp_path_factory.mktemp("keys") / "key"
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "maker", "-f", str(file))
    public = file.with_suffix(".pub").read_text().split()
    (file.parent / "signers").write_text(f"ministry {public[0]} {public[1]}\n")
    return file


@pytest.fixture(scope="module")
def made(checkout: Path, key: Path) -> Path:
    """A signed folder with an image and weights. Change nothing in it."""
    image = checkout.parent / "image.tar"
    image.write_bytes(b"an image")
    weights = checkout.parent / "weights"
    weights.mkdir()
    (weights / "vit.safetensors").write_bytes(b"weights")
    contents = Contents(checkout, ["serving"], [image], weights)
    return make(checkout.parent / "folder", contents, key)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it, as it was carried to another machine."""
    return Path(shutil.copytree(made, tmp_path / "carried"))


def test_it_installs_on_a_machine_without_any_index(
    folder: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_NO_BUILD_ISOLATION"):
        monkeypatch.delenv(name)
    found = check(folder, key.parent / "signers")
    assert (found.signer, [p.name for p in found.images]) == ("ministry", ["image.tar"])
    install(folder, tmp_path / "env", tmp_path / "home" / "weights")
    modules = [f"{name}_module" for name in ("ready", "source", "denguard")]
    asked = f"import {', '.join(modules)}; print({', '.join(f'{m}.VERSION' for m in modules)})"
    said = _run(str(tmp_path / "env" / "bin" / "python"), "-c", asked)
    assert said.split() == ["1.0", "2.0", "0.0.1"]
    assert (tmp_path / "home" / "weights" / "vit.safetensors").read_bytes() == b"weights"
    _run("sha256sum", "--quiet", "-c", "SHA256SUMS", cwd=folder)


def test_a_changed_an_added_and_a_missing_file_are_named(folder: Path, key: Path) -> None:
    signers = key.parent / "signers"
    wheel = next((folder / "wheels").glob("ready-*.whl"))
    (folder / "wheels" / "more.whl").write_bytes(b"")
    with pytest.raises(StoreError, match="not in the list") as caught:
        check(folder, signers)
    assert "more.whl" in caught.value.where
    (folder / "wheels" / "more.whl").unlink()
    whole = wheel.read_bytes()
    wheel.write_bytes(whole + b"x")
    with pytest.raises(StoreError, match="was changed"):
        check(folder, signers)
    wheel.unlink()
    with pytest.raises(StoreError, match="is absent"):
        check(folder, signers)
    wheel.write_bytes(whole)
    assert check(folder, signers).signer == "ministry"


def test_a_list_that_was_written_anew_or_signed_by_another_is_refused(
    folder: Path, key: Path, tmp_path: Path
) -> None:
    signers = key.parent / "signers"
    sums = folder / "SHA256SUMS"
    true = sums.read_text()
    sums.write_text(true.replace("a", "b", 1))
    with pytest.raises(StoreError, match="nobody who may sign"):
        check(folder, signers)
    sums.write_text(true)
    other = tmp_path / "other"
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other))
    (folder / "SHA256SUMS.sig").unlink()
    sign(folder, other)
    with pytest.raises(StoreError, match="nobody who may sign"):
        check(folder, signers)
    (folder / "SHA256SUMS.sig").unlink()
    with pytest.raises(StoreError, match="is not signed"):
        check(folder, signers)


def test_a_distribution_that_is_not_the_locked_one_is_not_taken(
    checkout: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(checkout, tmp_path / "other"))
    lock = other / "requirements.lock"
    lock.write_text(f"ready==1.0 --hash=sha256:{'0' * 64} # serving\n")
    with pytest.raises(StoreError, match="pip download failed"):
        make(tmp_path / "half", Contents(other, ["serving"]), None)
    assert not (tmp_path / "half" / "SHA256SUMS").exists()


def test_lines_of_the_lock_are_those_of_the_extras(checkout: Path) -> None:
    lock = checkout / "requirements.lock"
    assert [line.split("==")[0] for line in locked_lines(lock, ["serving"])] == ["ready", "source"]
    assert all("#" not in line for line in locked_lines(lock, ["dev"]))
    with pytest.raises(ConfigError, match="nothing_like_it"):
        locked_lines(lock, ["nothing_like_it"])


def test_the_command_asks_who_may_sign(made: Path, key: Path) -> None:
    verify = ["offline", "verify", str(made)]
    done = CliRunner().invoke(app, verify)
    assert isinstance(done.exception, ConfigError) and "nobody is named" in str(done.exception)
    assert "signature not looked at" in CliRunner().invoke(app, [*verify, "--unsigned"]).output
    done = CliRunner().invoke(app, [*verify, "--signers", str(key.parent / "signers")])
    assert done.exit_code == 0
    assert "docker load -i" in done.output and "signed by ministry" in done.output
