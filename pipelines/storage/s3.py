"""A bucket as a store: S3 as AWS, MinIO and Ceph speak it.

Credentials and address come from the environment alone, under the names every AWS tool reads
(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS_MAX_ATTEMPTS, ...). Every call has
timeouts, a bounded number of tries, and an error that says what to do. boto3 is imported in here
alone, and this module only when an s3:// address is used.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
from collections.abc import Callable, Collection
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from pipelines.errors import StoreError
from pipelines.storage.remote import require_readable

T = TypeVar("T")
THREADS = 8  # of one publish or materialise
_TRIES = 5  # of one call, with growing pauses of at most 20 s
_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S = 5, 60
_ONE_PUT_BYTES = 16 << 20  # held in memory; larger files go in parts
_PIECE_BYTES = 1 << 16  # of a stream: at most so much is lost when it breaks
_BROKEN_STREAM = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_PAST_ITS_END = {"416", "InvalidRange"}
_IN_TROUBLE = (429, 500, 502, 503, 504)  # a server says so of itself; 507 is a full one
_AGAIN = "try again; it goes on where it stopped"
_REASONS = {
    "NoSuchBucket": ("there is no such bucket", "make the bucket, or correct the address"),
    "AccessDenied": ("the store does not allow it", "give these credentials the right to list, read and write the bucket"),
    "403": ("the store does not allow it", "give these credentials the right to list, read and write the bucket"),
    "InvalidAccessKeyId": ("the store does not know these credentials", "correct AWS_ACCESS_KEY_ID"),
    "SignatureDoesNotMatch": ("the store does not accept these credentials", "correct AWS_SECRET_ACCESS_KEY"),
    "BadDigest": ("a file was damaged on its way to the store", _AGAIN),
}  # fmt: skip


class S3:
    """Objects below s3://bucket/prefix.

    Args:
        keys: access key and secret of another identity than the environment's, which `acts_as`
            names.
    """

    def __init__(self, uri: str, keys: tuple[str, str] | None = None) -> None:
        self.uri, self._keys = uri, keys
        self.acts_as = keys[0] if keys else ""
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        if not self._bucket:
            raise StoreError("the address names no bucket", where=uri, fix="use s3://bucket/prefix")

    def size(self, key: str) -> int | None:
        def ask() -> int:
            return int(self._client.head_object(**self._at(key))["ContentLength"])

        return self._call(ask, key, none_if=_ABSENT)

    def put(self, path: Path, key: str, sha256: str) -> None:
        self._call(lambda: self._put(path, key, sha256), key)

    def write(self, key: str, raw: bytes) -> None:
        self._call(lambda: self._client.put_object(**self._at(key), Body=raw), key)

    def read(self, key: str) -> bytes | None:
        def get() -> bytes:
            answer = self._client.get_object(**self._at(key))
            require_readable(int(answer["ContentLength"]), f"{self.uri}/{key}")
            return bytes(answer["Body"].read())

        return self._call(get, key, none_if=_ABSENT)

    def part(self, key: str, start: int, stop: int) -> bytes:
        return self._call(lambda: self._part(key, start, stop), key, _PAST_ITS_END) or b""

    def names(self, prefix: str) -> set[str]:
        start = f"{self._prefix}{prefix.rstrip('/')}/"

        def ask() -> set[str]:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=start, Delimiter="/"
            )
            return {
                item["Key"][len(start) :] for page in pages for item in page.get("Contents", [])
            }

        return self._call(ask, prefix) or set()

    def keys(self, prefix: str) -> set[str]:
        start = f"{self._prefix}{prefix.rstrip('/')}/" if prefix else self._prefix

        def ask() -> set[str]:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=start
            )
            return {
                item["Key"][len(self._prefix) :]
                for page in pages
                for item in page.get("Contents", [])
            }

        return self._call(ask, prefix) or set()

    def delete(self, key: str) -> None:
        self._call(lambda: self._client.delete_object(**self._at(key)), key)

    @property
    def _client(self) -> Any:
        named = os.environ.get("AWS_ACCESS_KEY_ID")
        return _client(os.environ.get("AWS_ENDPOINT_URL"), named, self._keys)

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{key}"}

    def _put(self, path: Path, key: str, sha256: str) -> None:
        if path.stat().st_size > _ONE_PUT_BYTES:  # each part carries a checksum of its own
            self._client.upload_file(
                str(path), **self._at(key), Config=TransferConfig(max_concurrency=4)
            )
            return
        raw = path.read_bytes()
        digest = hashlib.sha256(raw)
        if digest.hexdigest() != sha256:
            raise StoreError("a file changed while it was published", where=str(path), fix=_AGAIN)
        checksum = base64.b64encode(digest.digest()).decode()  # the server checks it too
        self._client.put_object(**self._at(key), Body=raw, ChecksumSHA256=checksum)

    def _part(self, key: str, start: int, stop: int) -> bytes:
        """What one answer gives before its stream ends or breaks: the caller asks on from there."""
        arrived = bytearray()
        for left in reversed(range(_TRIES)):
            try:
                asked = self._client.get_object(**self._at(key), Range=f"bytes={start}-{stop - 1}")
                while piece := asked["Body"].read(min(_PIECE_BYTES, stop - start - len(arrived))):
                    arrived += piece
            except _BROKEN_STREAM:
                if not arrived and not left:
                    raise
            if arrived:
                break
        return bytes(arrived)

    def _call(
        self, ask: Callable[[], T], key: str, none_if: Collection[str] = frozenset()
    ) -> T | None:
        """Make one call; S3's errors become StoreErrors that say what to do."""
        try:
            return ask()
        except (BotoCoreError, ClientError, Boto3Error) as err:
            cause = err.__context__ if isinstance(err, Boto3Error) and err.__context__ else err
            if _code(cause) in none_if:
                return None
            raise _explained(cause, f"{self.uri}/{key}") from err


@lru_cache(maxsize=4)
def _client(
    endpoint: str | None,
    key_id: str | None,  # noqa: ARG001 (part of the cache's key)
    keys: tuple[str, str] | None,
) -> Any:
    """One client for each address and identity; safe to share between threads."""
    logging.getLogger("botocore.credentials").setLevel(logging.WARNING)  # one line a step
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        retries={
            "mode": "standard",
            "total_max_attempts": int(os.environ.get("AWS_MAX_ATTEMPTS", _TRIES)),
        },
        max_pool_connections=2 * THREADS,
    )
    own = {"aws_access_key_id": keys[0], "aws_secret_access_key": keys[1]} if keys else {}
    return boto3.session.Session(**own).client("s3", endpoint_url=endpoint, config=config)


def _code(err: BaseException) -> str:
    return (
        str(err.response.get("Error", {}).get("Code", "")) if isinstance(err, ClientError) else ""
    )


def _status(err: BaseException) -> int:
    answer = err.response.get("ResponseMetadata", {}) if isinstance(err, ClientError) else {}
    return int(answer.get("HTTPStatusCode", 0))


def _explained(err: BaseException, where: str) -> StoreError:
    if isinstance(err, NoCredentialsError | PartialCredentialsError):
        return StoreError(
            "there are no credentials for the store",
            where=where,
            fix="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role",
        )
    if isinstance(err, ConnectionError | HTTPClientError):
        return StoreError(
            "the store does not answer",
            where=where,
            fix=f"check AWS_ENDPOINT_URL, the network and the server, then {_AGAIN}",
            away=True,
        )
    code = _code(err)
    if code in _REASONS:
        what, fix = _REASONS[code]
        return StoreError(f"{what} ({code})", where=where, fix=fix)
    if code in _ABSENT:
        return StoreError(
            "an object is not in the store", where=where, fix="run the step that made it again"
        )
    reason = str(err).splitlines()[0][:300]
    return StoreError(
        f"the store refused: {reason}",
        where=where,
        fix=f"wait until the server takes requests again, then {_AGAIN}",
        away=_status(err) in _IN_TROUBLE,
    )
