"""The embedding store: vectors by content, in immutable Parquet shards that check themselves.

Layout of one vector space, under artifacts/embeddings/store/<space_id>/:

    space.json                  EncoderSpec and the library versions its vectors were checked with
    golden.json, golden/        some inputs of the space and their vectors (golden.py)
    <sha256 of the file>.parquet    key (hex text), vector (fixed-size list of float32); or key and
                                    why: inputs that can have no vector in this space
    brought.json                of whom vectors were taken that were made elsewhere (brought.py)
    quarantine/                 shards whose bytes do not hash to their name
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths
from pipelines.contracts import EncoderSpec, canonical_json
from pipelines.data.filecache import FileCache
from pipelines.errors import StoreError
from pipelines.storage import read_json, sha256_file, write_atomic, write_json
from pipelines.storage.big_rows import empty_rows, write_scattered
from pipelines.storage.parquet import table_bytes

log = logging.getLogger(__name__)
_WHY, _SHARD = "why", "shard"
_BROUGHT, _ORIGIN = "brought.json", b"origin"


def input_key(space_id: str, input_sha256: str, reading: str = "") -> str:
    """Key of an input in a vector space: equal inputs share it, other spaces do not.

    Args:
        reading: how a scene's values are read beyond the defaults (ScenePolicy.reading); a file
            that is read otherwise gives another vector.
    """
    text = ":".join([space_id, input_sha256, *([reading] if reading else [])])
    return hashlib.sha256(text.encode()).hexdigest()


def store_root(paths: DeploymentPaths) -> Path:
    """Folder that holds every vector space."""
    return paths.artifacts / "embeddings" / "store"


def own_store(paths: DeploymentPaths, spec: EncoderSpec) -> EmbeddingStore:
    """The deployment's store of a space: a shard is hashed when it is new or was written since."""
    hashed = FileCache(paths.artifacts / "cache" / "shards.json")
    return EmbeddingStore(store_root(paths), spec, hashed)


class EmbeddingStore:
    """Vectors of one space. Any number of processes may append at the same time.

    Args:
        root: folder of all spaces.
        spec: the encoder's spec; its space_id names the folder.
        hashed: remembers which shards were hashed as they are now; without it all are, once.
    """

    def __init__(self, root: Path, spec: EncoderSpec, hashed: FileCache | None = None) -> None:
        self.spec, self._hashed = spec, hashed
        self.folder = root / spec.space_id
        self._keys_of: dict[str, list[str]] = {}  # intact shards seen by this object
        self._without: dict[str, str] = {}  # key -> why it can have no vector, of the same shards

    # --- Reading --------------------------------------------------------------------------------
    def missing(self, keys: Iterable[str]) -> list[str]:
        """Those keys that no intact shard names, each once, in the order given."""
        held = {*self.locations(), *self._without}
        return [key for key in dict.fromkeys(keys) if key not in held]

    def without(self, keys: Iterable[str]) -> dict[str, str]:
        """Those keys that can have no vector in this space -> why, such as "other-bands"."""
        held = self.locations()
        return {k: self._without[k] for k in keys if k in self._without and k not in held}

    def locations(self) -> dict[str, Path]:
        """Key -> shard that holds it (the first by name). Corrupt shards go to quarantine."""
        found: dict[str, Path] = {}
        for path in self._shards():
            for key in self._keys_of[path.name]:
                found.setdefault(key, path)
        return found

    def load(self, keys: Sequence[str]) -> Float32s:
        """(n, width) vectors in the order of the keys.

        Raises:
            StoreError: some keys are not in the store; it says how many.
        """
        wanted = set(keys)
        located = self.locations()
        lost = sum(key not in located for key in wanted)
        if lost:
            raise absent_vectors(lost, len(wanted), self.folder)
        distinct = list(dict.fromkeys(keys))
        shards = {located[key] for key in distinct}
        return in_order(keys, distinct, read_vectors(shards, self.spec.width, distinct)[0])

    def _shards(self) -> Iterator[Path]:
        """Intact shards by name; each is looked at once by this object, a corrupt one set aside."""
        for path in sorted(self.folder.glob("*.parquet")):
            if path.name not in self._keys_of:
                keys = self._checked_keys(path)
                if keys is None:
                    continue
                self._keys_of[path.name] = keys
            yield path
        if self._hashed is not None:
            self._hashed.save()

    def _intact(self, path: Path) -> bool:
        """Whether its bytes hash to its name, or did when they were last written."""
        if self._hashed is not None and self._hashed.get(path, _SHARD) is not None:
            return True
        intact = sha256_file(path) == path.stem
        if intact and self._hashed is not None:
            self._hashed.put(path, _SHARD, {})
        return intact

    def _checked_keys(self, path: Path) -> list[str] | None:
        try:
            if self._intact(path):
                if _WHY in pq.read_schema(path).names:
                    both = pq.read_table(path, columns=["key", _WHY]).to_pydict()
                    self._without |= dict(zip(both["key"], both[_WHY], strict=True))
                    return []
                keys: list[str] = pq.read_table(path, columns=["key"])["key"].to_pylist()
                return keys
        except (OSError, pa.ArrowException) as err:
            log.warning("shard %s cannot be read: %s", path.name, err)
        self._set_aside(path)
        return None

    def _set_aside(self, path: Path) -> None:
        aside = self.folder / "quarantine" / path.name
        aside.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            path.replace(aside)
            log.warning(
                "shard %s is corrupt; moved to %s, its inputs will be embedded again",
                path.name,
                aside,
            )

    # --- Writing --------------------------------------------------------------------------------
    def append(
        self, keys: Sequence[str], vectors: Float32s, origin: Mapping[str, object] | None = None
    ) -> Path | None:
        """Write one immutable shard; None if there is nothing to write.

        Args:
            origin: of whom they are, if they were made elsewhere; the shard carries it.

        Raises:
            StoreError: a key twice, a vector of another width, or a value that is not finite.
        """
        if not len(keys):
            return None
        wrong = _reason_to_refuse(keys, vectors, self.spec.width)
        if wrong:
            raise StoreError(
                f"vectors refused: {wrong}",
                where=str(self.folder),
                fix="this is a defect of the caller",
            )
        return self._write(_shard_bytes(keys, vectors, origin))

    def note_without(self, why: dict[str, str]) -> Path | None:
        """Write key -> why it can have no vector here, so that nobody tries again."""
        if not why:
            return None
        table = pa.table(
            {"key": pa.array(why, pa.string()), _WHY: pa.array(why.values(), pa.string())}
        )
        return self._write(table_bytes(table, plain=True))

    def _write(self, raw: bytes) -> Path:
        path = self.folder / f"{hashlib.sha256(raw).hexdigest()}.parquet"
        if not path.exists():
            write_atomic(path, raw).chmod(0o444)  # immutable: feature folders hold hard links to it
        return path

    def note_brought(self, origin: Mapping[str, object]) -> None:
        """Write into brought.json of whom vectors are about to be stored."""
        path = self.folder / _BROUGHT
        known = read_json(path).get("origins", []) if path.is_file() else []
        origins = [*known, dict(origin)] if isinstance(known, list) else [dict(origin)]
        write_json(path, {"spec": asdict(self.spec), "origins": origins})

    # --- The space's record ---------------------------------------------------------------------
    def checked_versions(self) -> dict[str, str]:
        """Library versions that the vectors were last checked with; empty for a new space."""
        path = self.folder / "space.json"
        versions = read_json(path).get("library_versions", {}) if path.is_file() else {}
        return {str(k): str(v) for k, v in versions.items()} if isinstance(versions, dict) else {}

    def record_versions(self, versions: dict[str, str]) -> None:
        """Write space.json with these versions; nothing is written if it says so already."""
        if versions != self.checked_versions():
            record = {"spec": asdict(self.spec), "library_versions": versions}
            write_json(self.folder / "space.json", record)


def absent_vectors(lost: int, of: int, where: Path) -> StoreError:
    """The error for vectors that should have been embedded by now."""
    return StoreError(
        f"{lost} of {of} vectors are not in the embedding store",
        where=str(where),
        fix="run plan_embedding and embed again; only the missing ones are embedded",
    )


def brought_specs(root: Path) -> list[EncoderSpec]:
    """Specs of the spaces that hold vectors which were made elsewhere."""
    return [
        EncoderSpec(**read_json(path)["spec"])  # type: ignore[arg-type]  # written above
        for path in sorted(root.glob(f"*/{_BROUGHT}"))
    ]


def origin_of(shard: Path) -> Mapping[str, object] | None:
    """Of whom a shard's vectors are; None for those that were made here."""
    noted = (pq.read_schema(shard).metadata or {}).get(_ORIGIN)
    found: Mapping[str, object] | None = None if noted is None else json.loads(noted)
    return found


def in_order(keys: Sequence[str], distinct: Sequence[str], vectors: Float32s) -> Float32s:
    """(n, width) vectors of keys of which some come twice; themselves where none does."""
    if len(keys) == len(distinct):
        return vectors
    place = {key: at for at, key in enumerate(distinct)}
    return vectors[[place[key] for key in keys]]


def read_vectors(
    shards: Iterable[Path], width: int, keys: Sequence[str]
) -> tuple[Float32s, set[str]]:
    """(n, width) vectors in the order of the distinct keys, read where they stay; and the keys that
    no shard holds, whose rows mean nothing. Of shards with the same key the first by name counts.

    Raises:
        StoreError: a shard cannot be read or holds vectors of another width.
    """
    place = {key: at for at, key in enumerate(keys)}
    into = empty_rows(len(keys), width)
    for path in sorted(shards, key=lambda p: p.name):
        held, vectors = _read_shard(path, width)
        new = [(i, at) for i, key in enumerate(held) if (at := place.pop(key, -1)) >= 0]
        if new:
            here, there = np.array(new).T
            write_scattered(into, there, vectors[here])
    return into, set(place)


def _read_shard(path: Path, width: int) -> tuple[list[str], Float32s]:
    try:
        table = pq.read_table(path, columns=["key", "vector"])
        flat = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        vectors = flat.astype(np.float32, copy=False).reshape(table.num_rows, width)
        return table["key"].to_pylist(), vectors
    except (OSError, ValueError, pa.ArrowException) as err:
        raise StoreError(
            f"a shard cannot be read: {err}",
            where=str(path),
            fix="run plan_embedding and embed again",
        ) from err


def _shard_bytes(
    keys: Sequence[str], vectors: Float32s, origin: Mapping[str, object] | None = None
) -> bytes:
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1), pa.float32())
    column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    table = pa.table({"key": pa.array(list(keys), pa.string()), "vector": column})
    if origin is not None:
        table = table.replace_schema_metadata({_ORIGIN: canonical_json(dict(origin))})
    return table_bytes(table, plain=True)


def _reason_to_refuse(keys: Sequence[str], vectors: Float32s, width: int) -> str:
    if vectors.shape != (len(keys), width):
        return f"shape {vectors.shape} for {len(keys)} keys of width {width}"
    if len(set(keys)) != len(keys):
        return "a key comes twice"
    return "" if np.isfinite(vectors).all() else "a value is not finite"
