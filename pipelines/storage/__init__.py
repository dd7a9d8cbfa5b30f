"""Storage: atomic local writes, and publish and materialise over a shared store.

Work is always local: a step writes a local file or folder, `publish` copies it to a store with its
manifest last, and `materialise` brings it to a local path, verified. A store is a folder that
several machines see, or s3://bucket/prefix.

files.py writes on this machine, room.py says which disk is full, parquet.py writes and reads
tables; lock.py lets one process at a time work; remote.py speaks to a store, bring.py brings one
file of it here, objects.py many; transfer.py publishes and fetches files and folders; sharing.py
lets several machines, each with its own home, work on one run.
"""

from pipelines.storage.files import (
    discard,
    folder_id,
    manifest_of,
    new_folder,
    read_json,
    sha256_file,
    sync_all,
    sync_folder,
    sync_tree,
    synced_later,
    write_atomic,
    write_json,
)
from pipelines.storage.room import full_disk, in_words
from pipelines.storage.sharing import Shared, shared
from pipelines.storage.transfer import materialise, publish

__all__ = [
    "Shared",
    "discard",
    "folder_id",
    "full_disk",
    "in_words",
    "manifest_of",
    "materialise",
    "new_folder",
    "publish",
    "read_json",
    "sha256_file",
    "shared",
    "sync_all",
    "sync_folder",
    "sync_tree",
    "synced_later",
    "write_atomic",
    "write_json",
]
