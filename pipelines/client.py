"""The versions of a deployment, from Python: list, show, pull, and read a table.

    from pipelines.client import Client

    denguard = Client("s3://ministry/denguard")
    forecast = denguard.table("forecasts", "2018-w32")

Needs the remote's address alone: no DVC, MLflow or Airflow, and no deployment.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines.contracts import content_id
from pipelines.errors import VersioningError
from pipelines.versioning.catalogue import read_catalogue, read_sidecar
from pipelines.versioning.entry import KINDS, Kind, Sidecar, Version
from pipelines.versioning.find import find_version, made_since, newest_first
from pipelines.versioning.pull import pull_version
from pipelines.versioning.source import Source, address
from pipelines.versioning.withdrawals import (
    Mark,
    made_from_withdrawn,
    marks_of,
    passed_over,
    read_marks,
)

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
__all__ = ["KINDS", "Client", "Kind", "Version"]
Format = Literal["parquet", "csv"]


class Client:
    """A remote's versions.

    Args:
        remote: a folder or s3://bucket/prefix; None reads DENGUARD_DVC_REMOTE. Credentials and
            endpoint of S3 come from the usual AWS_* variables.
        cache: where `table` keeps what it pulled; None means DENGUARD_CACHE, else
            ~/.cache/denguard. Deleting it costs a download and nothing else.

    Raises:
        ConfigError: no remote is named.
        VersioningError: it is of a kind that is not known, or denguard[s3] is not installed.
    """

    def __init__(self, remote: str | None = None, cache: Path | None = None) -> None:
        self._source = Source(address(remote))
        base = cache or Path(os.environ.get("DENGUARD_CACHE", "~/.cache/denguard"))
        self._cache = base.expanduser() / content_id(self.remote)
        self._warned: set[str] = set()

    @property
    def remote(self) -> str:
        """The remote's address."""
        return self._source.uri

    def list(self, kind: Kind | None = None) -> Sequence[Version]:
        """Versions of a kind, or all, the newest origin week first."""
        _known(kind)
        return newest_first(v for v in self._catalogue.values() if kind in (None, v.kind))

    def find(self, kind: Kind, version: str = "latest") -> Version:
        """The version that is meant: by id, unique start of one, `latest`, origin week or run id.

        `latest` passes over what was withdrawn, or made from a withdrawn drop. What a person should
        know of the version found, such as that it was withdrawn, is logged as a warning;
        `withdrawals` gives it.

        Raises:
            VersioningError: none fits, or several do; it lists them.
        """
        _known(kind)
        found = find_version(self._catalogue, kind, version, self._passed_over)
        skipped = [v for v in self.list(kind) if v.id in self._passed_over]
        if version == "latest" and skipped and newest_first([skipped[0], found])[0] != found:
            self._warn(f"{found.id} is not the newest: {self._passed_over[skipped[0].id].words()}")
        kept = {v.id: v for v in self._catalogue.values() if v.id not in self._passed_over}
        if version == "latest" and (other := made_since(kept, found)):
            self._warn(
                f"{found.id} is of the newest week, but {other.id} (origin week "
                f"{other.as_of_week}, run {other.run_id}) was published after it and knows its "
                "drops: a look back, or newer weeks are declared unknown now and it counts; name "
                "the one you mean"
            )
        for mark in self.withdrawals(found):
            self._warn(f"{found.id}: {mark.words()}")
        return found

    def _warn(self, warning: str) -> None:
        """Once: a pull looks for its version twice."""
        if warning not in self._warned:
            self._warned.add(warning)
            log.warning("%s", warning)

    def withdrawals(self, version: Version) -> Sequence[Mark]:
        """Withdrawals that concern a version: of itself, or of something it was made from."""
        return marks_of(self._catalogue, self._marks, version)

    def show(self, kind: Kind, version: str = "latest") -> Sidecar:
        """A version's facts and its files with sizes and SHA-256. Raises as `find`."""
        found = self.find(kind, version)
        return read_sidecar(self._source, found.id) or Sidecar(version=found, manifest={})

    def pull(
        self,
        kind: Kind,
        version: str,
        to: Path | str,
        format: Format = "parquet",
        progress: Callable[[int, int], None] | None = None,
    ) -> Path:
        """Bring a version to `<to>/<id>/`, every file verified; return that folder.

        Args:
            format: "csv" also writes each table as CSV beside the version's own files.
            progress: called with bytes that are here and bytes of the version.

        Raises:
            VersioningError: as `find`, or the pull could not be finished; run it again and it goes
                on where it stopped.
        """
        folder = pull_version(self._source, self.find(kind, version), Path(to).absolute(), progress)
        if format == "csv":
            from pipelines.versioning.tables import write_csv

            write_csv(folder, kind)
        return folder

    def table(self, kind: Kind, version: str, name: str | None = None) -> pd.DataFrame:
        """One table of a version, pulled to the cache if it is not there.

        Args:
            name: which table; None takes the main one: `samples`, `rows` of features, `forecast`.
                Embeddings have `image` and `text`: one line per municipality and week.

        Raises:
            VersioningError: as `pull`, or the kind has no such table; it lists those there are.
        """
        from pipelines.versioning.tables import read_table

        frame: pd.DataFrame = read_table(
            self.pull(kind, version, self._cache), kind, name
        ).to_pandas()
        return frame

    @cached_property
    def _catalogue(self) -> dict[str, Version]:
        return read_catalogue(self._source)

    @cached_property
    def _marks(self) -> Sequence[Mark]:
        return read_marks(self._source)

    @cached_property
    def _passed_over(self) -> dict[str, Mark]:
        withdrawn = passed_over(self._catalogue, self._marks)
        kept = {name: v for name, v in self._catalogue.items() if name not in withdrawn}
        return {**made_from_withdrawn(kept, self._marks), **withdrawn}


def _known(kind: str | None) -> None:
    if kind is not None and kind not in KINDS:
        raise VersioningError(f"no kind {kind!r}", fix=f"use one of {', '.join(KINDS)}")
