"""Encryption of one object with a key: AES-256-GCM in segments of 1 MiB.

The form is that of Tink's AES256_GCM_HKDF_1MB: a head (its length, a salt, a prefix of nonces),
then segments that carry their number and whether they are the last, so that none can be cut off,
moved or left out. The salt gives each object a key of its own; the object's name is bound to it, so
that no object can stand in for another.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipelines.errors import ConfigError, StoreError

KEY_BYTES = 32
_SALT, _PREFIX, _TAG = 32, 7, 16
_HEAD = 1 + _SALT + _PREFIX
_SEGMENT = 1 << 20
KEY_VARIABLE = "DENGUARD_BACKUP_KEY"
MAKE_KEY = "python -c 'import secrets; print(secrets.token_urlsafe(32))'"


def find_key(file: Path | None) -> bytes | None:
    """The key of a file, else of DENGUARD_BACKUP_KEY or its _FILE; None if none is given.

    Raises:
        ConfigError: the file cannot be read, or holds no key.
    """
    named = file or (Path(p) if (p := os.environ.get(f"{KEY_VARIABLE}_FILE")) else None)
    if named is None:
        text = os.environ.get(KEY_VARIABLE, "")
    else:
        try:
            text = named.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as err:
            raise ConfigError(
                f"the key of backups cannot be read: {err}",
                where=str(named),
                fix="name the file that holds it",
            ) from err
    if not text.strip() and file is None:
        return None
    return _parsed(text.strip(), str(named or KEY_VARIABLE))


def _parsed(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            "this is no key of backups: it must be 32 random bytes in URL-safe base64",
            where=where,
            fix=f"make one with {MAKE_KEY}, and keep a copy away from the backups",
        )
    return key


def hidden_name(key: bytes, content: str) -> str:
    """Name of an object that does not tell what it holds: 64 hex digits."""
    return hmac.new(key, b"denguard backup object " + content.encode(), sha256).hexdigest()


def sealed_size(size: int) -> int:
    """Bytes of an object once it is encrypted."""
    room = _SEGMENT - _TAG
    segments = max(1, -(-(size + _HEAD) // room))
    return size + _HEAD + segments * _TAG


def seal(pieces: Iterable[bytes], key: bytes, name: str) -> Iterator[bytes]:
    """Encrypt bytes that come in pieces of any size."""
    salt, prefix = os.urandom(_SALT), os.urandom(_PREFIX)
    cipher = _cipher(key, salt, name)
    yield bytes([_HEAD]) + salt + prefix
    room = _SEGMENT - _TAG
    for number, (segment, last) in enumerate(_cut(pieces, room - _HEAD, room)):
        yield cipher.encrypt(_nonce(prefix, number, last), segment, None)


def unseal(pieces: Iterable[bytes], key: bytes, name: str) -> Iterator[bytes]:
    """Decrypt what seal() gave. Raises StoreError: another key, or the bytes were changed."""
    parts = _cut(pieces, _HEAD, _SEGMENT, later_first=_SEGMENT - _HEAD)
    head, whole = next(parts)
    if len(head) != _HEAD or head[0] != _HEAD or whole:
        raise _not_ours(name)
    cipher, prefix = _cipher(key, head[1 : 1 + _SALT], name), head[1 + _SALT :]
    for number, (segment, last) in enumerate(parts):
        try:
            yield cipher.decrypt(_nonce(prefix, number, last), segment, None)
        except InvalidTag as err:
            raise _not_ours(name) from err


def _not_ours(name: str) -> StoreError:
    return StoreError(
        "this cannot be decrypted: the key is another one, or the bytes were changed",
        where=name,
        fix="give the key that the backup was made with; if it is that one, take another backup",
    )


def _cipher(key: bytes, salt: bytes, name: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, name.encode()).derive(key))


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _cut(
    pieces: Iterable[bytes], first: int, later: int, later_first: int = 0
) -> Iterator[tuple[bytes, bool]]:
    """Pieces of exactly these sizes and whether each is the last, which may be shorter or empty."""
    held, sizes = bytearray(), iter([first, *([later_first] if later_first else [])])
    wanted = next(sizes)
    for piece in pieces:
        held += piece
        while len(held) > wanted:  # more follows, so this one is not the last
            yield bytes(held[:wanted]), False
            del held[:wanted]
            wanted = next(sizes, later)
    yield bytes(held), True
