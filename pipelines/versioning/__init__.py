"""Versions for analysts: what a run publishes, listed, found and pulled with only an address.

A deployment keeps its versions in a DVC repository of its own, artifacts/versions/, apart from the
project's Git and DVC state, and pushes them to one remote (a folder or s3://). Beside DVC's objects
lie `versions/<id>.dvc`, `versions/<id>.json` and `versions/index.json`, so that the remote
suffices.

entry.py says what a version is; repository.py calls dvc; publish.py makes versions; catalogue.py
reads and writes the index; find.py answers "which one"; source.py reads a remote; pull.py brings a
version to a folder; tables.py reads its tables and writes CSV.
"""

from pipelines.versioning.entry import KINDS, Draft, Kind, Version
from pipelines.versioning.publish import add_versions, read_index, remote_uri
from pipelines.versioning.repository import repository

__all__ = [
    "KINDS",
    "Draft",
    "Kind",
    "Version",
    "add_versions",
    "read_index",
    "remote_uri",
    "repository",
]
