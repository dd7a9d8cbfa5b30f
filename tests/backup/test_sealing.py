"""Encryption of one object: what comes out is what went in, or an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.backup.sealing import find_key, seal, sealed_size, unseal
from pipelines.errors import ConfigError, StoreError

KEY, OTHER = bytes(range(32)), bytes(32)
ROOM = (1 << 20) - 16
SIZES = (0, 1, ROOM - 41, ROOM - 40, ROOM - 39, 2 * ROOM - 40, 2 * ROOM - 39, 3_000_000)


def _pieces(raw: bytes, size: int) -> list[bytes]:
    return [raw[at : at + size] for at in range(0, len(raw), size)]


@pytest.mark.parametrize("size", SIZES)
def test_bytes_of_any_length_come_back_and_their_sealed_size_is_known_before(size: int) -> None:
    raw = bytes(i * 7 % 251 for i in range(size))
    sealed = b"".join(seal(_pieces(raw, 700_001), KEY, "a"))
    assert len(sealed) == sealed_size(size)
    assert b"".join(unseal(_pieces(sealed, 300_007), KEY, "a")) == raw
    assert size < 40 or raw[:40] not in sealed


@pytest.mark.parametrize("name,key", [("b", KEY), ("a", OTHER)], ids=["name", "key"])
def test_another_key_or_another_objects_name_opens_nothing(name: str, key: bytes) -> None:
    sealed = b"".join(seal([b"text"], KEY, "a"))
    with pytest.raises(StoreError, match="cannot be decrypted"):
        b"".join(unseal([sealed], key, name))


def test_a_segment_that_is_cut_off_changed_or_moved_is_refused() -> None:
    sealed = b"".join(seal([bytes(3_000_000)], KEY, "a"))
    second, third = slice(1 << 20, 2 << 20), slice(2 << 20, None)
    swapped = sealed[: 1 << 20] + sealed[third] + sealed[second]
    flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for wrong in (sealed[: 2 << 20], swapped, flipped, sealed[:30], b""):
        with pytest.raises(StoreError):
            b"".join(unseal([wrong], KEY, "a"))


def test_a_key_is_read_from_file_or_environment_and_an_empty_one_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, text = tmp_path / "key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    file.write_text(text + "\n")
    assert find_key(file) == KEY
    monkeypatch.setenv("DENGUARD_BACKUP_KEY", text + "=")
    assert find_key(None) == KEY
    monkeypatch.setenv("DENGUARD_BACKUP_KEY", "")
    assert find_key(None) is None
    file.write_text("")
    monkeypatch.setenv("DENGUARD_BACKUP_KEY_FILE", str(file))
    assert find_key(None) is None
    for wrong in ("", "short", "not/urlsafe+" * 4):
        file.write_text(wrong)
        with pytest.raises(ConfigError):
            find_key(file)
