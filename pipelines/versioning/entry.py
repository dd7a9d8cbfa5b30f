"""What a version is: its kind, its name, its facts, and which names a remote may give its files.

A name in a record that could lead out of a folder is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.errors import VersioningError

Kind = Literal["data", "samples", "embeddings", "features", "forecasts", "bundle", "report"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WHAT: Mapping[Kind, str] = {
    "data": "the drops a dataset was made from, as received",
    "samples": "the sample table, its label thresholds and the clean tables behind it",
    "embeddings": "vectors of scenes and prompts, and which municipality and week they belong to",
    "features": "sample rows with labels and the keys of their vectors, ready to train on",
    "forecasts": "one row per municipality and horizon: the bulletin's numbers",
    "bundle": "a registered model with its receipt and the decision that let it serve",
    "report": "the run's report, HTML and JSON",
}
_WORD = r"[A-Za-z0-9][A-Za-z0-9_.+\-]{0,120}"
_ID = re.compile(rf"^({'|'.join(KINDS)})-({_WORD})$")
VersionId = Annotated[str, Field(pattern=_ID.pattern)]
FILE_MD5 = re.compile(r"^[0-9a-f]{32}$")
_ODD = re.compile(r"^[A-Za-z]:|[\\\x00-\x1f]")


class FileFacts(BaseModel):
    """One file of a version."""

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class Version(BaseModel):
    """One line of the index. It never changes once it is published."""

    model_config = ConfigDict(frozen=True)

    id: VersionId
    kind: Kind
    version: str = Field(description="the id without its kind, as step outputs name it")
    as_of_week: str | None = Field(None, description="origin week of the run that made it")
    run_id: str | None = Field(None, description="run that made it first; later runs may share it")
    parents: tuple[VersionId, ...] = Field((), description="versions it was made from")
    files: int = Field(ge=0)
    bytes: int = Field(ge=0)
    content_id: str | None = Field(None, description="hash of its files' names and SHA-256")
    md5: str = Field(pattern=r"^[0-9a-f]{32}\.dir$", description="DVC's directory object")
    manifest_sha256: str | None = Field(None, description="of the file list in <id>.json")
    published_at: str = Field("", description="UTC; tells versions of one week apart")
    facts: dict[str, str] = Field(default_factory=dict, description="other names it is known by")

    @model_validator(mode="after")
    def _named_after_its_kind(self) -> Version:
        if self.id != f"{self.kind}-{self.version}":
            raise ValueError("id, kind and version do not agree")
        return self


class Sidecar(BaseModel):
    """versions/<id>.json: a version's line of the index and the list of its files."""

    model_config = ConfigDict(frozen=True)

    version: Version
    manifest: dict[str, FileFacts]


@dataclass(frozen=True)
class Draft:
    """What a step wants to publish.

    Args:
        version: name by content; equal names must mean equal content.
        files: name inside the version -> the file on disk, or its bytes.
        link: hard links instead of copies, for files that nothing ever writes again (DVC makes
            them read-only).
    """

    kind: Kind
    version: str
    files: Mapping[str, Path | bytes]
    as_of_week: str
    run_id: str
    parents: tuple[str, ...] = ()
    link: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The version's id; refused if it could not be a file's name everywhere."""
        name = f"{self.kind}-{self.version}"
        if not _ID.match(name):
            raise VersioningError(
                f"{name!r} is no name for a version",
                fix="this is a defect of the step that publishes it",
            )
        return name


def parse_id(name: str) -> tuple[Kind, str] | None:
    """(kind, version) of an id, or None if it is none."""
    match = _ID.match(name)
    return (match[1], match[2]) if match else None  # type: ignore[return-value]


def manifest_hash(manifest: Mapping[str, FileFacts]) -> str:
    """SHA-256 over names, hashes and sizes of a version's files."""
    plain = {name: [facts.sha256, facts.bytes] for name, facts in sorted(manifest.items())}
    return hashlib.sha256(json.dumps(plain, separators=(",", ":")).encode()).hexdigest()


def is_safe_name(name: object) -> bool:
    """Whether a file's name stays inside its version's folder on every system."""
    text = name if isinstance(name, str) else ""
    path = PurePosixPath(text)
    if not text or path.is_absolute() or text != path.as_posix() or ".." in path.parts:
        return False
    return not _ODD.search(text)


def checked_name(name: object, where: str) -> str:
    """A file's name from a remote, as it is.

    Raises:
        VersioningError: it is absolute, has `..`, a drive, a backslash or a control character.
    """
    if not isinstance(name, str) or not is_safe_name(name):
        raise VersioningError(
            f"the remote names a file {name!r}, which could lead out of the folder; nothing was "
            "written",
            where=where,
            fix="do not use this remote until its owner has looked at it",
        )
    return name
