"""What a backup says it holds: one object, written last."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.storage.objects import Content

HOME = "home/"  # names of files of the home begin so; others have prefixes of their own
DATABASES = "databases/"


class Model(BaseModel):
    """A part of the record; an unknown key is damage."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Held(Content):
    """One file: its content, when it was written (ns since 1970), its mode.

    `same_as` names an earlier file of the record that it is a hard link of.
    """

    modified_ns: int
    mode: int
    same_as: str = ""


class DatabaseCopy(Model):
    """One database: `file` of the record holds it; revisions by their table; rows of few tables."""

    name: Literal["mlflow", "mlflow_auth", "airflow"]
    kind: Literal["sqlite", "postgresql"]
    file: str
    revisions: dict[str, str]
    rows: dict[str, int]


class StoreCopy(Model):
    """A store outside the home: key -> bytes. `copied`: its objects are among the files."""

    name: str
    uri: str
    sizes: dict[str, int]
    copied: bool


class Facts(Model):
    """What of one line must be the same after a restore; "" and 0 where there is none.

    Attributes:
        champion: version that serves; `bundle`: content id of its bytes, fetched from the registry.
        forecast: newest version; `forecast_bytes`: content id of its folder.
        audit_entries, audit_sha256: of the trail; `audit_broken`: where its chain does not hold.
        links, broken: of the newest forecast's trace by content.
        problem: what could not be asked, in one sentence.
    """

    champion: str = ""
    bundle: str = ""
    forecast: str = ""
    forecast_bytes: str = ""
    audit_entries: int = 0
    audit_sha256: str = ""
    audit_broken: str = ""
    links: int = 0
    broken: int = 0
    problem: str = ""


class Record(Model):
    """A backup.

    Attributes:
        name: UTC time of its beginning, such as 2026-11-30T060000Z.
        home: path of the home that it was made of.
        versions: distribution -> version that was installed.
        folders: name -> when it was written (ns since 1970); links: name -> target.
        facts: by name of the line, "" = the main one.
    """

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{6}Z$")]
    home: str
    versions: dict[str, str]
    files: dict[str, Held]
    folders: dict[str, int]
    links: dict[str, str]
    databases: tuple[DatabaseCopy, ...]
    stores: tuple[StoreCopy, ...]
    facts: dict[str, Facts]

    @property
    def bytes(self) -> int:
        """Of all files, each content once."""
        return sum({one.sha256: one.size for one in self.files.values()}.values())

    def below(self, prefix: str) -> dict[str, Held]:
        """Files whose names begin so, by the rest of the name."""
        return {
            name.removeprefix(prefix): one
            for name, one in self.files.items()
            if name.startswith(prefix)
        }
