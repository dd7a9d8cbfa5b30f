"""Forecasters that break one promise each, for the tests of the conformance kit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Honest:
    """Breaks none: the training rate."""

    number: float = 0.5

    columns = ("unit_id",)
    lone_row = True

    @classmethod
    def fit(cls, train, folds, config):
        del folds, config
        return cls(float(train.label.mean()))

    def predict_proba(self, rows):
        return np.full(len(rows), self.number)

    def save(self, folder):
        (folder / "rate.txt").write_text(repr(self.number))

    @classmethod
    def load(cls, folder):
        return cls(float((folder / "rate.txt").read_text()))


class Peeks(Honest):
    def predict_proba(self, rows):
        return np.where(np.isnan(rows.label), 0.5, 0.9 * rows.label).astype(np.float64)


class Ranks(Honest):
    def predict_proba(self, rows):
        return np.linspace(0, 1, len(rows))


class Pickles(Honest):
    def save(self, folder):
        super().save(folder)
        (folder / "model.bin").write_bytes(b"\x80\x04rest")


class Forgets(Honest):
    @classmethod
    def load(cls, folder):
        del folder
        return cls(0.123)


class Falls(Honest):
    @classmethod
    def fit(cls, train, folds, config):
        if np.unique(train.label).size < 2:
            raise ValueError("one class")
        return super().fit(train, folds, config)
