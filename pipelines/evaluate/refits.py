"""A recipe as it would have been refitted at past origins, each refit trained once per content.

    <root>/<recipe>/<content>/h04/...      the models of one refit, as their forecaster saves them
                              refit.json   what belongs to them

The content of a refit is its recipe and every row that it may learn from, so that a week without
revisions trains nothing again, and a revised count trains what lies after it. A refit is made at
the last week of each block of the calendar: a year of weekly ones would cost thirteen times as much
and scores the same within 0.001 Brier.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Int32s, Int64s
from pipelines.candidate_config import forecaster_kind
from pipelines.config import Profile
from pipelines.contracts import HeadKind, content_id
from pipelines.data.splits import deploy_cut
from pipelines.errors import DenguardError
from pipelines.evaluate.bootstrap import calendar_blocks
from pipelines.evaluate.row_content import digest_of, row_hashes
from pipelines.fusion.bundle_files import horizon_folder
from pipelines.fusion.bundle_models import described_models, read_models
from pipelines.fusion.examples import Examples
from pipelines.fusion.horizon import HorizonModel
from pipelines.storage import discard, manifest_of, new_folder, read_json, write_json
from pipelines.storage.kept import note_use, write_in_use

if TYPE_CHECKING:
    from pipelines.training.inner import LinearFits

log = logging.getLogger(__name__)
Models = Mapping[int, HorizonModel]
_ABOUT = "refit.json"


class Refits:
    """Refits of one recipe on today's rows."""

    def __init__(
        self, rows: Mapping[int, Examples], head: HeadKind, profile: Profile, root: Path
    ) -> None:
        self.rows, self.head, self.profile = rows, head, profile
        self.recipe_id = profile.recipe_id(head)
        self.root, self.folder = root, root / self.recipe_id
        self._hashes = {
            h: row_hashes(own, forecaster_kind(head).reads_vectors) for h, own in rows.items()
        }
        self._used: set[str] = set()
        self._made: dict[int, Models | None] = {}
        self._fits: LinearFits | None = None

    def at(self, origin: int) -> Models | None:
        """The recipe's models of an origin week, by horizon; None where labels of one class or none
        were known then. Raises TrainingError if it cannot be trained all the same."""
        if origin not in self._made:
            self._made[origin] = self._find_or_train(origin)
        return self._made[origin]

    def discard_unused(self) -> None:
        """Remove kept refits of this recipe that were not used: their rows are not today's."""
        for folder in self.folder.glob("*"):
            if folder.name not in self._used and not folder.name.startswith("."):
                discard(folder)

    def record_used(self) -> None:
        """Note which kept refits were used: `denguard prune` removes the others later."""
        write_in_use(self.root, (f"{self.recipe_id}/{name}" for name in self._used))

    def _find_or_train(self, origin: int) -> Models | None:
        cut = deploy_cut(origin, self.profile.data.reporting_delay_weeks)
        known = {
            h: np.isfinite(own.label) & (own.target_week_no <= cut) for h, own in self.rows.items()
        }
        if not _enough(known, self.rows):
            return None
        name = content_id(
            {
                "recipe_id": self.recipe_id,
                "origin": origin,
                "rows": {str(h): digest_of(self._hashes[h][at]) for h, at in known.items()},
            }
        )
        self._used.add(name)
        return _kept(self.folder / name) or self._train(self.folder / name, known, cut)

    def _train(self, folder: Path, known: Mapping[int, Bools], cut: int) -> Models:
        from pipelines.training.inner import LinearFits
        from pipelines.training.recipe import train_recipe

        own = {h: self.rows[h].take(at) for h, at in known.items()}
        self._fits = self._fits or LinearFits(self.profile.train.linear_c)
        models = train_recipe(
            own, self.head, self.profile, dict.fromkeys(own, cut), self._fits
        ).models
        with new_folder(folder) as temp:
            for horizon, model in models.items():
                (temp / horizon_folder(horizon)).mkdir()
                model.forecaster.save(temp / horizon_folder(horizon))
            about = {
                "head": self.head,
                "files": manifest_of(temp),
                "models": described_models(self.head, models),
            }
            write_json(temp / _ABOUT, about)
        return models


def last_of_block(profile: Profile, origins: Int32s) -> Int64s:
    """(N,) the newest week, at or before each origin, that ends a block of the calendar."""
    found = {}
    for origin in np.unique(origins).tolist():
        week = int(origin)
        while not _ends_block(profile, week):
            week -= 1
        found[origin] = week
    return np.array([found[o] for o in origins.tolist()], dtype=np.int64)


def _ends_block(profile: Profile, week: int) -> bool:
    own, after = calendar_blocks(
        pd.Series([week, week + 1]), profile.gate.block_weeks, profile.calendar
    )
    return bool(own != after)


def _enough(known: Mapping[int, Bools], rows: Mapping[int, Examples]) -> bool:
    """Whether every horizon has labels of both classes to learn from."""
    return all(len(np.unique(rows[h].label[at])) > 1 for h, at in known.items())


def _kept(folder: Path) -> Models | None:
    """A refit that was kept, or None; a damaged one is discarded and trained again."""
    if not folder.is_dir():
        return None
    try:
        note_use(folder)
        about = read_json(folder / _ABOUT)
        files = {n: sha for n, sha in manifest_of(folder).items() if n != _ABOUT}
        if files == about.get("files"):
            return read_models(folder, about.get("models"), str(about.get("head")))
    except (DenguardError, OSError) as err:
        log.warning("a kept refit cannot be read and is trained again: %s", err)
    discard(folder)
    return None
