"""The shape of a data set of the paper: one table of rows before any split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from pipelines.arrays import Bools, Float64s
from pipelines.contracts import Issue
from pipelines.errors import DropError

Protocol = Literal["paper", "safe"]
Part = Literal["train", "validation", "test", "unused"]
PROTOCOLS: tuple[Protocol, ...] = ("paper", "safe")

# One row = one sample of the full metadata, whether or not its image is on this disk.
STUDY_COLUMNS = (
    "sample_id",  # unique text
    "group_id",  # patient, lesion or municipality: never torn by the safe protocol's random splits
    "week_no",  # ordinal of pipelines.weeks where time matters, else -1
    "label",  # index into `classes`
    "image",  # path relative to the data folder, or None
    "text",  # prompt of this protocol, or None
)


@dataclass(frozen=True)
class Study:
    """A data set as one protocol sees it.

    Attributes:
        name: "ham10000".
        data: folder that `rows.image` is relative to.
        rows: STUDY_COLUMNS, in the metadata's order.
        classes: names; two classes are trained as one binary output, class 1 being the positive.
        needs_image: True: a row without its image is left out, because the data set promises one
            and this disk lacks it; False: such a row stays, its image modality missing.
        crop_px: side of the central square that is cut from every image first; None = whole image.
        persistence: (N,) class known before the row's week, NaN where not known; None without time.
        covariates: (N, K) numbers that the linear baseline reads, NaN where missing; None if none.
        given_split: (N,) parts as the data set itself brings them; None if it brings none.
        issues: what is wrong with the data, for a person.
        notes: what a reader of the tables must know, one sentence each.
    """

    name: str
    protocol: Protocol
    data: Path
    rows: pd.DataFrame
    classes: tuple[str, ...]
    needs_image: bool
    crop_px: int | None = None
    persistence: Float64s | None = None
    covariates: pd.DataFrame | None = None
    given_split: Sequence[Part] | None = None
    issues: Sequence[Issue] = ()
    notes: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        """Refuse a table that later code would misread. Raises DropError."""
        if tuple(self.rows.columns) != STUDY_COLUMNS:
            raise DropError(
                f"a study's columns are {list(self.rows.columns)}",
                where=self.name,
                fix=f"give {list(STUDY_COLUMNS)}",
            )
        if self.rows["sample_id"].duplicated().any():
            twice = self.rows.loc[self.rows["sample_id"].duplicated(), "sample_id"].iloc[0]
            raise DropError(
                f"sample {twice} comes twice",
                where=self.name,
                fix="keep one row of it in the metadata",
            )
        if not self.rows["label"].between(0, len(self.classes) - 1).all():
            raise DropError(
                "a label is none of the classes", where=self.name, fix=f"use {self.classes}"
            )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def usable(self) -> Bools:
        """(N,) rows that can be trained on or judged here."""
        if self.needs_image:
            return self.rows["image"].notna().to_numpy()
        return (self.rows["image"].notna() | self.rows["text"].notna()).to_numpy()
