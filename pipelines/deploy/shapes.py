"""What a secret's value must look like: each check says what is wrong, never the value."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

Check = Callable[[str], str]  # value -> what is wrong with it, "" if nothing is

JWT_BYTES = 64  # HS512 wants so many; Airflow warns in every worker below it
_KEY_BYTES = 32
_NO_KEY = f"is not {_KEY_BYTES} bytes in url-safe base64"
_IN_A_URI = re.compile(r"[A-Za-z0-9._~=,-]*")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_URI_WORDS = "letters, digits and . _ ~ = , -"


def at_least(count: int) -> Check:
    """A password that may stand in an address, of so many characters or more."""

    def check(value: str) -> str:
        if not _IN_A_URI.fullmatch(value):
            return f"it holds a character that an address cannot; use {_URI_WORDS}"
        return "" if len(value) >= count else f"it is shorter than {count} characters"

    return check


def fernet_keys(value: str) -> str:
    """One key of Airflow, or `new,old` while it is being changed."""
    bad = [n for n, key in enumerate(value.split(","), 1) if _bytes_of(key.strip()) != _KEY_BYTES]
    which = f"key {bad[0]} of the list" if bad and "," in value else "it"
    return f"{which} {_NO_KEY}" if bad else ""


def sealing_key(value: str) -> str:
    """The key of backups; the padding of its base64 may be left out, as Airflow's may not."""
    padded = value + "=" * (-len(value) % 4)
    return "" if _bytes_of(padded) == _KEY_BYTES else f"it {_NO_KEY}"


def sha256_list(value: str) -> str:
    """Hashes of the endpoint's keys, separated by commas."""
    good = all(_SHA256.fullmatch(part.strip()) for part in value.split(","))
    return "" if good else "it is not a SHA-256 of 64 hexadecimal digits, or several with commas"


def certificate(value: str) -> str:
    """A certificate with its chain, in PEM."""
    return "" if "-----BEGIN CERTIFICATE-----" in value else "it is no certificate in PEM"


def private_key(value: str) -> str:
    """A certificate's key, in PEM and without a passphrase, which no server could ask for."""
    if "ENCRYPTED" in value:
        return "it asks for a passphrase, which no server can give"
    return "" if "PRIVATE KEY-----" in value else "it is no key in PEM"


def pair(value: str) -> str:
    """A certificate and its key in one file, in PEM."""
    return certificate(value) or private_key(value)


def one_line(value: str) -> str:
    """Anything that fits a line, such as an address; who uses it checks the rest."""
    return "it holds a line break" if "\n" in value or "\r" in value else ""


def _bytes_of(key: str) -> int:
    """How many bytes stand there in url-safe base64; -1 if it is none."""
    try:
        return len(base64.b64decode(key.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):  # ValueError: no ASCII
        return -1
