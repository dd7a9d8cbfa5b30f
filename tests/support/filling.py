"""Counts that fill: vintages of weekly drops, each newest week thinned by units to a share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd

from pipelines.data.tables import Tables
from pipelines.weeks import CDC


def thinned(tables: Tables, shares: Sequence[float], seed: int = 10) -> Tables:
    """Every week as three or more drops had it: binomial thinning, a later count holds the earlier.

    A drop comes two days after its newest week's end and holds every week up to it.
    """
    noise = np.random.default_rng(seed)
    final = tables.cases.sort_values(["unit_id", "week_no"], ignore_index=True)
    ends = {week: CDC.week_end(week) for week in final["week_no"].unique()}
    counts = [np.nan_to_num(final["cases"].to_numpy(np.float64)).astype(np.int64)]
    for later, share in zip([1.0, *shares[:0:-1]], shares[::-1], strict=True):
        counts.append(noise.binomial(counts[-1], share / later))
    vintages = []
    for age, count in enumerate(counts[::-1]):
        days = final["week_no"].map(ends).to_numpy()
        came = [day + timedelta(days=2 + 7 * age) for day in days]
        known = np.where(final["cases"].isna(), np.nan, count)
        vintages.append(final.assign(cases=known, received_date=came))
    newest = ends[int(final["week_no"].max())] + timedelta(days=2)
    every = pd.concat(vintages, ignore_index=True)
    return replace(tables, cases=every[every["received_date"] <= newest].reset_index(drop=True))


def made(units: int = 12, weeks: int = 160, seed: int = 3, mean: float = 20.0) -> Tables:
    """Units whose epidemics come together, without climate or scenes; final counts in one drop."""
    noise = np.random.default_rng(seed)
    first = CDC.week_no("2014-w01")
    wave = np.exp(0.9 * np.sin(np.arange(weeks) / 9.0) + np.cumsum(noise.normal(0, 0.12, weeks)))
    size = mean * np.exp(noise.normal(0, 0.8, units))
    cases = noise.negative_binomial(5.0, 5.0 / (5.0 + size[:, None] * wave / wave.mean()))
    names = [f"U{k:02d}" for k in range(units)]
    rows = pd.DataFrame(
        {
            "unit_id": np.repeat(names, weeks),
            "week_no": np.tile(np.arange(first, first + weeks), units),
            "cases": cases.ravel().astype(np.float64),
            "received_date": CDC.week_end(first + weeks),
        }
    )
    table = pd.DataFrame({"unit_id": names, "name": names, "population_2010": 1e5})
    return replace(Tables.empty(), cases=rows, units=table)
