"""The models of a past year, as they would have been before it began: trained, or kept.

A new week brings labels to the newest year that is replayed, so that its predictions are made
again; what lies before its cut is the same to the bit, and so are the models. They are kept in one
file a year and content:

    artifacts/backtests/<content>.zip   <head>/h04/...   as their forecaster saves them
                                        fold.json        what belongs to them
"""

from __future__ import annotations

import io
import logging
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from pipelines.config import Profile
from pipelines.contracts import HeadKind
from pipelines.encoder_config import Frozen
from pipelines.errors import DenguardError
from pipelines.fusion.bundle_files import horizon_folder
from pipelines.fusion.bundle_models import described_models, read_models
from pipelines.fusion.examples import Examples
from pipelines.fusion.horizon import HorizonModel
from pipelines.storage import read_json, synced_later, write_atomic, write_json
from pipelines.storage.kept import note_use

log = logging.getLogger(__name__)
_ABOUT = "fold.json"


@dataclass(frozen=True)
class FoldModels:
    """A recipe's models of one year, by horizon.

    Attributes:
        base: name of what a fused head adds to; "" of others.
    """

    models: Mapping[int, HorizonModel]
    lambda_shift: float
    base: str


ByHead = Mapping[HeadKind, FoldModels]
ByHorizon = Mapping[int, Examples]
# Rows, heads, profile and cuts as training.recipe.train_recipes takes them.
Training = Callable[[ByHorizon, Sequence[HeadKind], Profile, Mapping[int, int]], ByHead]


class _Entry(Frozen):
    lambda_shift: float
    base: str
    models: Mapping[str, object]


_ENTRIES = TypeAdapter(dict[str, _Entry])


def train_fold(
    examples: ByHorizon,
    heads: Sequence[HeadKind],
    profile: Profile,
    cuts: Mapping[int, int],
) -> ByHead:
    """Head -> its models. Raises TrainingError if a recipe cannot be trained."""
    from pipelines.training.recipe import train_recipes

    made = train_recipes(examples, heads, profile, cuts)
    return {
        head: FoldModels(one.models, one.lambda_shift, one.base.kind if one.base else "")
        for head, one in made.items()
    }


@dataclass(frozen=True)
class KeptFold:
    """The same, made once a content.

    Attributes:
        file: named by all that the models follow from.
        anew: train whatever is there.
    """

    file: Path
    anew: bool = False

    def __call__(
        self,
        examples: ByHorizon,
        heads: Sequence[HeadKind],
        profile: Profile,
        cuts: Mapping[int, int],
    ) -> ByHead:
        kept = None if self.anew else _read(self.file, heads)
        if kept is not None:
            log.info("the models of these recipes and rows exist")
            note_use(self.file)
            return kept
        made = train_fold(examples, heads, profile, cuts)
        _write(self.file, made)
        return made


def _write(file: Path, made: ByHead) -> None:
    with tempfile.TemporaryDirectory(prefix="denguard-fold-") as work:
        folder = Path(work)
        with synced_later(folder):  # never: the archive made of it is
            _lay_out(folder, made)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                archive.write(path, path.relative_to(folder))
    write_atomic(file, packed.getvalue())


def _lay_out(folder: Path, made: ByHead) -> None:
    about = {}
    for head, one in made.items():
        for horizon, model in one.models.items():
            own = folder / head / horizon_folder(horizon)
            own.mkdir(parents=True)
            model.forecaster.save(own)
        models = described_models(head, one.models)
        about[head] = {"lambda_shift": one.lambda_shift, "base": one.base, "models": models}
    write_json(folder / _ABOUT, about)


def _read(file: Path, heads: Sequence[HeadKind]) -> ByHead | None:
    """What was kept, or None; a damaged file is made again, as its checksums say."""
    if not file.is_file():
        return None
    with tempfile.TemporaryDirectory(prefix="denguard-fold-") as work:
        folder = Path(work)
        try:
            with zipfile.ZipFile(file) as archive:
                archive.extractall(folder)
            entries = _ENTRIES.validate_python(read_json(folder / _ABOUT))
            return {head: _models(folder / head, head, entries[head]) for head in heads}
        except (DenguardError, OSError, ValueError, KeyError, zipfile.BadZipFile) as err:
            log.warning("kept models of a past year cannot be read and are trained again: %s", err)
            return None


def _models(folder: Path, head: HeadKind, entry: _Entry) -> FoldModels:
    return FoldModels(read_models(folder, entry.models, head), entry.lambda_shift, entry.base)
