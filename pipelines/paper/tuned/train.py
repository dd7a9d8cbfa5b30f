"""Trainings behind the tuned table: each turn chooses on its validation rows and reads its test
rows once, at the choices.

Ways compared: plain (rate alone), each part of the alignment alone at that rate, all of them, and
each modality alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict

import numpy as np

from pipelines.arrays import Float64s
from pipelines.contracts import Modality
from pipelines.fusion.examples import ModalityVectors
from pipelines.paper.cells import Cell, parts_of, train_cell
from pipelines.paper.config import StudyConfig, TunedConfig
from pipelines.paper.groups import REG_NEEDS, alone_of
from pipelines.paper.prepared import Prepared
from pipelines.paper.protocols import parts_by_group
from pipelines.paper.result_rows import Records, selection_mean
from pipelines.paper.tuned.search import ORDER, Choice, Part, Setting, search
from pipelines.paper.vectors import study_rows
from pipelines.training.rows import FusedRows

log = logging.getLogger(__name__)
PLAIN, ALL = "plain", "all"
# Way -> the part that it tunes beside the rate.
PARTS: Mapping[str, Part] = {
    "lambda": "lambda_shift",
    "noise": "noise_sigma",
    "reg": "alignment_weight",
}
WAYS = (PLAIN, *PARTS, ALL, "image", "text")  # in the order of the table


class Way(TypedDict):
    """A choice of one turn, and what its trainings call on the turn's test rows.

    `predicted`: (S, T) classes of S seeds; see search.Choice for the rest.
    """

    setting: Mapping[str, float]
    reason: str
    tried: int
    gain: float
    selection_f1: float
    predicted: Sequence[Sequence[int]]


class Turn(TypedDict):
    """The test rows of a turn, as positions among the usable rows, and its ways."""

    test: Sequence[int]
    ways: Mapping[str, Way]


class Trainer:
    """Trainings of one approach and fusion in one turn, each found again if it was made."""

    def __init__(
        self, cell: Cell, rows: FusedRows, prepared: Prepared, study: StudyConfig, of: TunedConfig
    ) -> None:
        self.cell, self.rows, self.prepared, self.study, self.of = cell, rows, prepared, study, of

    def records(self, setting: Setting) -> Records:
        """Records of a setting, one a seed."""
        own = setting.model_dump(exclude={"learning_rate"})
        cell = self.cell.model_copy(update=own)
        loop = self.study.loop.model_copy(update={"learning_rate": setting.learning_rate})
        study = self.study.model_copy(update={"loop": loop})
        seeds = [cell.model_copy(update={"seed": seed}) for seed in self.of.seeds]
        return [train_cell(one, self.rows, self.prepared, study) for one in seeds]

    def score(self, setting: Setting) -> Float64s:
        """(S,) validation macro F1 over the seeds."""
        return np.array([record["selection_f1"] for record in self.records(setting)])

    def way(self, choice: Choice) -> Way:
        """A choice with the classes that its trainings call on the turn's test rows."""
        records = self.records(choice.setting)
        return {
            "setting": choice.setting.model_dump(),
            "reason": choice.reason,
            "tried": choice.tried,
            "gain": choice.gain,
            "selection_f1": selection_mean(records),
            "predicted": [record["predicted"] for record in records],
        }

    def only(self, modality: Modality) -> Trainer:
        """The same trainings with the other modality masked."""
        cell = self.cell.model_copy(update={"only": modality})
        return Trainer(cell, self.rows, self.prepared, self.study, self.of)


def turned(prepared: Prepared, turn: int) -> Prepared:
    """The same rows with another fold of whole groups as the test part; turn 0 changes nothing."""
    if turn == 0:
        return prepared
    parts = parts_by_group(prepared.rows, prepared.about["name"], turn)
    return replace(prepared, rows=prepared.rows.assign(part=parts))


def train_tuned(
    fusion: str,
    spaces: tuple[str, str],
    vectors: tuple[ModalityVectors, ModalityVectors],
    prepared: Prepared,
    study: StudyConfig,
) -> list[Turn]:
    """One record a turn: {test: positions among the usable rows, ways: {way: choice and
    predictions}}; none under the paper's protocol or without `tuned` in the study.

    Args:
        vectors: raw image and text vectors of the usable rows.
    """
    if study.tuned is None or prepared.protocol != "safe":
        return []
    rows = study_rows(prepared, *vectors, stretched=True)
    cell = Cell(spaces=spaces, fusion=fusion, seed=0, stretched=True)
    turns: list[Turn] = []
    for turn in range(study.tuned.turns):
        of = turned(prepared, turn)
        ways = _ways(Trainer(cell, rows, of, study, study.tuned), alone_of(fusion, study))
        turns.append({"test": np.flatnonzero(parts_of(of) == "test").tolist(), "ways": ways})
        log.info("%s, tuned: turn %d of %d", fusion, turn + 1, study.tuned.turns)
    return turns


def _ways(trainer: Trainer, alone: tuple[Modality, ...]) -> dict[str, Way]:
    """Every way of one turn."""
    first = Setting(learning_rate=trainer.of.learning_rate[0])
    plain = search(first, ("learning_rate",), trainer.score, trainer.of)
    parts = {way: p for way, p in PARTS.items() if way != "reg" or trainer.cell.fusion == REG_NEEDS}
    found = {PLAIN: trainer.way(plain)}
    for way, part in parts.items():
        found[way] = trainer.way(search(plain.setting, (part,), trainer.score, trainer.of))
    every = tuple(p for p in ORDER if p == "learning_rate" or p in parts.values())
    found[ALL] = trainer.way(search(first, every, trainer.score, trainer.of))
    for modality in alone:
        masked = trainer.only(modality)
        found[modality] = masked.way(search(first, ("learning_rate",), masked.score, masked.of))
    return found
