"""Reads a remote as an analyst does: only its address, every call with retries."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from pipelines.errors import ConfigError, StoreError, VersioningError
from pipelines.storage.remote import remote

log = logging.getLogger(__name__)
T = TypeVar("T")
VARIABLE = "DENGUARD_DVC_REMOTE"
FOLDER = "versions"
_PAUSES_S = (0.5, 1.0, 2.0, 4.0)  # on top of what the store's own client tries
_FOR_GOOD = (PermissionError, FileNotFoundError, NotADirectoryError, IsADirectoryError)
_HOPELESS = {"NoCredentialsError", "PartialCredentialsError", "InvalidEndpointError"}


def address(given: str | None) -> str:
    """The remote's address: as given, else DENGUARD_DVC_REMOTE; folders become absolute paths.

    Raises:
        ConfigError: neither says anything.
    """
    text = (given or os.environ.get(VARIABLE, "")).strip()
    if not text:
        raise ConfigError(
            "it is not said where the versions are",
            fix=f"use --remote FOLDER or --remote s3://bucket/prefix, or set {VARIABLE}",
        )
    if text.startswith("file://"):
        text = unquote(text.removeprefix("file://"))
    return text.rstrip("/") if "://" in text else str(Path(text).expanduser().absolute())


def object_key(md5: str) -> str:
    """Where DVC keeps the object with this hash."""
    return f"files/md5/{md5[:2]}/{md5[2:]}"


class Source:
    """A remote to read from.

    Args:
        uri: what `address` gave.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        try:
            self._store = remote(uri)
        except StoreError as err:
            raise VersioningError(err.what, where=err.where, fix=err.fix, away=err.away) from err

    def read(self, key: str) -> bytes | None:
        """An object's bytes, or None if there is none."""
        return self._tried(lambda: self._store.read(key), key)

    def size(self, key: str) -> int | None:
        """An object's bytes by count, or None if there is none."""
        return self._tried(lambda: self._store.size(key), key)

    def part(self, key: str, start: int, stop: int) -> bytes | None:
        """Bytes [start, stop) of an object; fewer if it ends before, None if there is none."""

        def ask() -> bytes | None:
            try:
                return self._store.part(key, start, stop)
            except StoreError as err:
                if isinstance(err.__cause__, FileNotFoundError) or _status(err.__cause__) == 404:
                    return None
                raise

        return self._tried(ask, key)

    def names(self, folder: str = FOLDER) -> set[str]:
        """Files directly in a folder of the remote, versions/ if none is named."""
        return self._tried(lambda: self._store.names(folder), folder)

    def _tried(self, ask: Callable[[], T], key: str) -> T:
        for pause_s in (*_PAUSES_S, None):
            try:
                return ask()
            except StoreError as err:
                if pause_s is None or _for_good(err.__cause__):
                    where = err.where or f"{self.uri}/{key}"
                    raise VersioningError(
                        err.what, where=where, fix=err.fix, away=err.away
                    ) from err
                log.info("%s; trying again in %.1f s", err.what, pause_s)
                time.sleep(pause_s)
        raise AssertionError("unreachable")


def _for_good(cause: BaseException | None) -> bool:
    """Whether trying again cannot help."""
    hopeless = isinstance(cause, _FOR_GOOD) or type(cause).__name__ in _HOPELESS
    return hopeless or _status(cause) in range(400, 500)


def _status(cause: BaseException | None) -> int:
    """HTTP status of a store's refusal; 0 if it gave none."""
    answer = getattr(cause, "response", None) or {}
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
