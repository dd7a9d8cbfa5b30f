"""What PostgreSQL keeps of a password, so that no statement holds the password itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

_ITERATIONS = 4096  # PostgreSQL's own
_SALT_BYTES = 16


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """`SCRAM-SHA-256$...` of an ASCII password, as ALTER ROLE takes it in the password's place."""
    salt = salt or os.urandom(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ITERATIONS)
    stored = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    server = _hmac(salted, b"Server Key")
    salt64, stored64, server64 = (
        base64.b64encode(part).decode() for part in (salt, stored, server)
    )
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt64}${stored64}:{server64}"


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, "sha256").digest()
