"""What the endpoint keeps on disk, to go on where the registry is away, after a restart, too.

artifacts/serving/<model>.json           the champion as the registry last named it, and when
artifacts/serving/bundles/<bundle id>/   the last few bundles; each is checked before it is used
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.config import DeploymentPaths
from pipelines.errors import DenguardError
from pipelines.fusion.bundle_files import is_bundle
from pipelines.registry.named import Registered
from pipelines.registry.served import bundle_folder
from pipelines.storage import discard, read_json, write_json

log = logging.getLogger(__name__)
MOST_BUNDLES = 3
_WRITE_EVERY = timedelta(minutes=1)  # while nothing else changes
_YOUNG_S = 3600.0  # another worker may be about to take a bundle that is not in the list yet


class LastSeen(BaseModel):
    """The champion that the registry named last.

    Attributes:
        former: who served before it, as Champion.former.
        seen_at: when it did so for the last time, UTC.
        gone_at: when it named nobody any more; None while that has not happened.
        bundles: content ids, the newest first.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: str
    bundle_id: str
    run_id: str
    source: str
    provisional: bool = False
    adopted_rule: str | None = None
    former: Registered | None = None
    seen_at: datetime
    gone_at: datetime | None = None
    bundles: tuple[str, ...] = ()

    @property
    def registered(self) -> Registered:
        """As the registry named it."""
        return Registered(
            self.version,
            self.bundle_id,
            self.run_id,
            self.source,
            self.provisional,
            self.adopted_rule,
        )


class Kept:
    """One endpoint's folder. Workers share it: every write is whole, and says the same."""

    def __init__(self, paths: DeploymentPaths, model_name: str) -> None:
        self._paths, self._model_name = paths, model_name
        self._root = paths.artifacts / "serving"
        self._written: LastSeen | None = None
        self._said = ""

    def bundle(self, named: Registered) -> Path:
        """A version's bundle, undamaged; fetched if it is not here.

        Raises:
            RegistryError, StoreError: as registry.lookup.fetch_bundle.
        """
        return self.here(named) or bundle_folder(
            named, self._paths, self._model_name, self._root / "bundles"
        )

    def here(self, named: Registered) -> Path | None:
        """The same without a registry; None if it is not here, or damaged."""
        rooms = (self._root / "bundles", self._paths.artifacts / "bundles")
        folders = (room / named.bundle_id for room in rooms)
        return next((folder for folder in folders if is_bundle(folder, named.bundle_id)), None)

    def last(self) -> LastSeen | None:
        """Who was champion when somebody looked last; None if nobody knows."""
        path = self._file
        try:
            return LastSeen.model_validate(read_json(path)) if path.is_file() else None
        except (DenguardError, OSError, ValidationError) as err:
            log.warning("who was champion cannot be read from %s: %s", path, err)
            return None

    def seen(self, named: Registered, now: datetime, former: Registered | None = None) -> None:
        """The registry names this champion, whose bundle serves here."""
        before = self._written or self.last()
        same = (
            before is not None
            and (before.registered, before.former) == (named, former)
            and before.gone_at is None
        )
        if same and before is not None and now - before.seen_at < _WRITE_EVERY:
            return
        others = [one for one in (before.bundles if before else ()) if one != named.bundle_id]
        bundles = (named.bundle_id, *others)[:MOST_BUNDLES]
        self._write(LastSeen(**asdict(named), former=former, seen_at=now, bundles=bundles))
        if not same:
            self._let_go_of_others(bundles)

    def gone(self, now: datetime) -> None:
        """The registry answers and names nobody: after a restart none of these may serve."""
        before = self._written or self.last()
        if before is not None and before.gone_at is None:
            self._write(before.model_copy(update={"gone_at": now}))

    @property
    def _file(self) -> Path:
        return self._root / f"{self._model_name}.json"

    def _write(self, record: LastSeen) -> None:
        """A disk that takes nothing stops no endpoint; it is said once."""
        self._written = record
        try:
            write_json(self._file, record.model_dump(mode="json"))
        except (DenguardError, OSError) as err:
            if str(err) != self._said:
                log.error("a restart without the registry would find no champion: %s", err)
            self._said = str(err)

    def _let_go_of_others(self, bundles: tuple[str, ...]) -> None:
        for folder in (self._root / "bundles").glob("[!.]*"):
            try:
                if folder.name not in bundles and time.time() - folder.stat().st_mtime > _YOUNG_S:
                    discard(folder)
            except OSError as err:  # another worker does the same
                log.info("a bundle that is not needed stays: %s", err)
