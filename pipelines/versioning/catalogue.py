"""The index of a remote: what is published there. It can always be made anew from what lies beside
it.

versions/<id>.json is written once for each version and never changes; index.json repeats its first
part for all of them, so that listing costs one read. Writers on several machines may publish at
once: whoever writes the index looks afterwards whether it misses a version, and then writes again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import yaml
from pydantic import ValidationError

from pipelines.errors import VersioningError
from pipelines.storage.remote import Remote
from pipelines.versioning.entry import Sidecar, Version, manifest_hash, parse_id
from pipelines.versioning.source import FOLDER, Source

log = logging.getLogger(__name__)
INDEX = f"{FOLDER}/index.json"
_REWRITES = 8  # of one publication, when others publish at the same moment
_NOT_AN_ENTRY = (
    ValueError,
    RecursionError,
    TypeError,
    KeyError,
    AttributeError,
    ValidationError,
    yaml.YAMLError,
)
_OWNER = "tell the remote's owner: publishing any version again, or `denguard reindex`, mends it"


def read_catalogue(source: Source) -> dict[str, Version]:
    """Every version of a remote by id. A lost or damaged index is made anew in memory.

    Raises:
        VersioningError: nothing is published there, or the remote does not answer.
    """
    listed = parse_index(source.read(INDEX))
    if listed is None:
        listed = scan(source, source.names())
        if listed:  # else the address is wrong, which is another story
            log.warning(
                "the index of %s is lost or damaged; its versions were read one by one", source.uri
            )
    if not listed:
        raise VersioningError(
            "no versions are published there",
            where=source.uri,
            fix="check the address: it is the DENGUARD_DVC_REMOTE of the deployment that publishes",
        )
    return listed


def scan(source: Source, names: Iterable[str]) -> dict[str, Version]:
    """Versions from their own files: `<id>.json`, else what `<id>.dvc` alone tells."""
    found = {}
    for name in sorted(
        {name.rpartition(".")[0] for name in names if name.endswith((".json", ".dvc"))}
    ):
        if parse_id(name) is None:
            continue
        try:
            sidecar = read_sidecar(source, name)
        except VersioningError as err:
            log.warning("%s", err)
            sidecar = None
        version = (
            sidecar.version if sidecar else _from_dvc(name, source.read(f"{FOLDER}/{name}.dvc"))
        )
        if version is not None:
            found[name] = version
    return found


def read_sidecar(source: Source, version_id: str) -> Sidecar | None:
    """A version's own record, or None if the remote has none.

    Raises:
        VersioningError: it is damaged, or it names another version.
    """
    raw = source.read(f"{FOLDER}/{version_id}.json")
    if raw is None:
        return None
    try:
        sidecar = Sidecar.model_validate_json(raw)
        if (
            sidecar.version.id == version_id
            and manifest_hash(sidecar.manifest) == sidecar.version.manifest_sha256
        ):
            return sidecar
    except _NOT_AN_ENTRY as err:
        log.debug("%s: %s", version_id, err)
    raise VersioningError(
        f"the record of {version_id} is damaged",
        where=f"{source.uri}/{FOLDER}/{version_id}.json",
        fix=_OWNER,
    )


def parse_index(raw: bytes | None) -> dict[str, Version] | None:
    """Versions of an index.json, or None if it is absent or damaged."""
    if raw is None:
        return None
    try:
        listed = {
            name: Version.model_validate(entry)
            for name, entry in json.loads(raw)["versions"].items()
        }
    except _NOT_AN_ENTRY as err:
        log.debug("index.json: %s", err)
        return None
    return listed if all(name == version.id for name, version in listed.items()) else None


def index_bytes(versions: Mapping[str, Version]) -> bytes:
    """An index.json: sorted, so that equal catalogues are equal bytes."""
    if not versions:
        return b'{\n "versions": {}\n}\n'
    entries = [
        f"  {json.dumps(name, ensure_ascii=False)}: {_entry(versions[name])}"
        for name in sorted(versions)
    ]
    return ('{\n "versions": {\n' + ",\n".join(entries) + "\n }\n}\n").encode()


def _entry(version: Version) -> str:
    return _indented(json.dumps(version.model_dump(mode="json"), sort_keys=True))


@lru_cache(maxsize=4096)
def _indented(compact: str) -> str:
    """One version in the index. Writing for people is slow, and a run writes the index ten times,
    of which all but five versions are as they were.
    """
    text = json.dumps(json.loads(compact), indent=1, sort_keys=True, ensure_ascii=False)
    return text.replace("\n", "\n  ")


def publish_records(
    store: Remote, source: Source, records: Mapping[str, tuple[Sidecar, str]]
) -> None:
    """Write `<id>.dvc`, `<id>.json` and then the index, after the objects they speak of.

    Args:
        records: id -> (its record, the text of its .dvc file).
    """
    for name, (sidecar, dvc_file) in records.items():
        store.write(f"{FOLDER}/{name}.dvc", dvc_file.encode())
        store.write(f"{FOLDER}/{name}.json", _sidecar_bytes(sidecar))
    update_index(store, source)


def update_index(store: Remote, source: Source) -> dict[str, Version]:
    """Update index.json to what is published, also while others write; return it."""
    listed: dict[str, Version] = {}
    wanted = None
    for _ in range(_REWRITES):
        before, names = source.read(INDEX), source.names()
        if wanted is None or before != wanted:  # else it is as it was just written
            listed = parse_index(before) or {}
        records = {name for name in names if name.endswith((".json", ".dvc"))} - {"index.json"}
        lost = {name for name in records if name.rpartition(".")[0] not in listed}
        if wanted is not None and before == wanted and not lost:
            return listed
        listed = {**listed, **scan(source, lost)}
        wanted = index_bytes(listed)
        if wanted == before:
            return listed
        store.write(INDEX, wanted)
    return listed


def _from_dvc(name: str, raw: bytes | None) -> Version | None:
    """What DVC's file alone tells of a version whose own record is lost."""
    try:
        out: dict[str, Any] = yaml.safe_load(raw or b"")["outs"][0]
        kind, version = parse_id(name) or ("", "")
        return Version.model_validate(
            {
                "id": name,
                "kind": kind,
                "version": version,
                "files": out["nfiles"],
                "bytes": out["size"],
                "md5": out["md5"],
            }
        )
    except _NOT_AN_ENTRY:
        log.warning("%s.dvc is damaged, and so is its record; the version is left out", name)
        return None


def _sidecar_bytes(sidecar: Sidecar) -> bytes:
    plain = sidecar.model_dump(mode="json")
    return (json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
