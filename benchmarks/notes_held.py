"""How much of the planted tone of notes lies in the vectors of an encoder, for notes_beside.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from support.planted_notes import phrasing_of

from pipelines.arrays import Float32s, Float64s
from pipelines.data.tables import Tables
from pipelines.embed.base import Encoder
from pipelines.fusion.examples import Examples

ALPHAS = np.logspace(-3, 2, 11)


def share_held(rows: Examples, tone: Float64s, years: Sequence[int]) -> float:
    """R2 of a ridge regression of the tone on unit vectors, each test year from those before."""
    has = rows.text.row >= 0
    unit = _unit(rows.text.table[rows.text.row[has]])
    year = np.array([rows.calendar.epi_year(week) for week in rows.origin_week_no[has]])
    wanted, found = tone[has], np.full(int(has.sum()), np.nan)
    for test in years:
        model = RidgeCV(ALPHAS).fit(unit[year < test], wanted[year < test])
        found[year == test] = model.predict(unit[year == test])
    return _r2(wanted[year >= years[0]], found[year >= years[0]])


def unseen(encoders: Mapping[str, Encoder], planted: Sequence[Tables]) -> str:
    """R2 of the tone of single notes whose phrasing was not among those learned from."""
    texts = sorted({text for tables in planted for text in tables.notes["text"]})
    told = [(text, *found) for text in texts if (found := phrasing_of(text))]
    tone = np.array([one[1] for one in told], dtype=np.float64)
    group = pd.factorize(np.array([one[2] for one in told], dtype=object))[0]
    shares = []
    for name, encoder in encoders.items():
        unit, out = _unit(encoder.encode([one[0] for one in told])), np.empty(len(tone))
        for left_out in np.unique(group):
            seen = group != left_out
            out[~seen] = RidgeCV(ALPHAS).fit(unit[seen], tone[seen]).predict(unit[~seen])
        shares.append(f"{name} {_r2(tone, out):.2f}")
    what = f"{len(texts)} distinct notes; {len(told)} telling ones in {group.max() + 1} phrasings"
    return f"{what}: R2 of the tone, each phrasing from the others: {', '.join(shares)}"


def _unit(vectors: Float32s) -> Float64s:
    out: Float64s = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return out


def _r2(wanted: Float64s, found: Float64s) -> float:
    return 1 - float(((wanted - found) ** 2).sum() / ((wanted - wanted.mean()) ** 2).sum())
