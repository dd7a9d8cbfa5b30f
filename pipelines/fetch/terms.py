"""A data set's terms of use: what they say, and that a person accepted them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.errors import FetchError
from pipelines.storage import read_json, write_atomic, write_json

RECORD = "TERMS-ACCEPTED.json"
TEXT = "TERMS.txt"


@dataclass(frozen=True)
class Terms:
    """Terms of use as the publisher words them now, and where."""

    url: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()


def require_accepted(terms: Terms, dataset: str, folder: Path, accept: bool) -> None:
    """Go on only if a person accepted these very terms, now or for this folder before.

    Raises:
        FetchError: nobody did, the terms changed since, or the publisher states none.
    """
    if not terms.text.strip():
        raise FetchError(
            f"the server states no terms of use for {dataset}",
            where=terms.url,
            fix="nobody can accept what is not said; use the publisher's own server",
        )
    if accepted(terms, dataset, folder):
        return
    if accept:
        write_atomic(folder / TEXT, terms.text)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(
            folder / RECORD,
            {"dataset": dataset, "url": terms.url, "accepted_at": at, "text_sha256": terms.sha256},
        )
        return
    what = (
        "changed since they were accepted"
        if (folder / RECORD).is_file()
        else "are not accepted yet"
    )
    raise FetchError(
        f"the terms of use of {dataset} {what}",
        where=terms.url,
        fix="read the text above; if you accept it, run the same command again with --accept-terms",
    )


def accepted(terms: Terms, dataset: str, folder: Path) -> bool:
    """Whether a person accepted these very words for this folder."""
    record = folder / RECORD
    before = read_json(record) if record.is_file() else {}
    return before.get("dataset") == dataset and before.get("text_sha256") == terms.sha256
