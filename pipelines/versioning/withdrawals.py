"""What a remote lists as withdrawn: small files withdrawn/<name>.json beside its versions.

A version never changes, so a mark lies apart from it: it names the versions that it is about. A
forecast that was withdrawn is passed over by `latest`, and so is what was made from a withdrawn
drop while something of its kind was not.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError, VersioningError
from pipelines.run.withdrawn import Withdrawn
from pipelines.storage.remote import remote
from pipelines.versioning.entry import Kind, Version, VersionId
from pipelines.versioning.find import parents_of
from pipelines.versioning.parents import walk
from pipelines.versioning.publish import remote_uri
from pipelines.versioning.source import Source

log = logging.getLogger(__name__)
FOLDER = "withdrawn"


class Mark(BaseModel):
    """One withdrawal, as a remote tells it.

    Attributes:
        name: of the drop, or of the forecast version.
        versions: a drop's: the versions that hold it; a forecast's: its own.
    """

    model_config = ConfigDict(frozen=True)

    what: Literal["drop", "forecast"]
    name: str
    by: str
    reason: str
    at: str
    versions: tuple[VersionId, ...]

    def words(self) -> str:
        """For a sentence."""
        return (
            f"{self.what} {self.name} was withdrawn on {self.at[:10]} by {self.by}: {self.reason}"
        )


def write_mark(paths: DeploymentPaths, record: Withdrawn, versions: Sequence[str]) -> Mark:
    """Say on the deployment's remote what was withdrawn; said already, nothing is written.

    Raises:
        VersioningError: the remote does not take it.
    """
    mark = Mark(
        what=record.what,
        name=record.name,
        by=record.by,
        reason=record.reason,
        at=record.at,
        versions=tuple(sorted(versions)),
    )
    key, raw = f"{FOLDER}/{record.what}-{record.name}.json", mark.model_dump_json(indent=1).encode()
    try:
        store = remote(remote_uri(paths))
        if store.read(key) != raw:
            store.write(key, raw)
    except StoreError as err:
        raise VersioningError(
            f"{record.what} {record.name} is withdrawn here, but the remote could not be told: "
            f"{err.what}",
            where=err.where,
            fix="run the same command again",
        ) from err
    return mark


def read_marks(source: Source) -> list[Mark]:
    """Every withdrawal that a remote tells of; one that cannot be read is named in the log."""
    found = []
    for name in sorted(source.names(FOLDER)):
        try:
            found.append(Mark.model_validate_json(source.read(f"{FOLDER}/{name}") or b""))
        except ValidationError:
            log.warning(
                "a note of something withdrawn cannot be read: %s/%s/%s", source.uri, FOLDER, name
            )
    return found


def passed_over(catalogue: Mapping[str, Version], marks: Sequence[Mark]) -> dict[str, Mark]:
    """Versions that `latest` does not mean: withdrawn forecasts, and reports that show one."""
    own = {name: mark for mark in marks if mark.what == "forecast" for name in mark.versions}
    shows = {
        v.id: own[p]
        for v in catalogue.values()
        if v.kind == "report"
        for p in v.parents
        if p in own
    }
    return {**own, **shows}


def made_from_withdrawn(catalogue: Mapping[str, Version], marks: Sequence[Mark]) -> dict[str, Mark]:
    """Versions that rest on a withdrawn drop, of each kind that has better ones.

    Better: another was published since, or one week alone rests on the drop, so the one before is
    not much older. Bundles are left out: the champion is the newest of them, whatever it learnt
    from, until the gate or a person lets another one serve.
    """
    drops = [mark for mark in marks if mark.what == "drop"]
    found = {
        v.id: resting[0]
        for v in catalogue.values()
        if drops and v.kind != "bundle" and (resting := marks_of(catalogue, drops, v))
    }
    kinds = {catalogue[name].kind for name in found}
    better = {kind for kind in kinds if _has_better(catalogue, found, kind)}
    return {name: mark for name, mark in found.items() if catalogue[name].kind in better}


def _has_better(catalogue: Mapping[str, Version], found: Mapping[str, Mark], kind: Kind) -> bool:
    others = [v for v in catalogue.values() if v.kind == kind and v.id not in found]
    resting = [catalogue[name] for name in found if catalogue[name].kind == kind]
    since = max(datetime.fromisoformat(found[v.id].at) for v in resting)
    later = any(datetime.fromisoformat(v.published_at) > since for v in others)
    return later or (bool(others) and len({v.as_of_week for v in resting}) == 1)


def marks_of(
    catalogue: Mapping[str, Version], marks: Sequence[Mark], version: Version
) -> list[Mark]:
    """What is to be told of a version: it, or something that it was made from, was withdrawn."""
    rests_on = walk([version.id], lambda name: parents_of(catalogue, name))
    return [mark for mark in marks if not rests_on.isdisjoint(mark.versions)]
