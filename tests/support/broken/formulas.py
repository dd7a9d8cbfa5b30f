"""The formulas of broken_rules.py."""

from __future__ import annotations

import inspect
from itertools import count

import numpy as np
import pandas as pd

_CALLS = count()


def mean(rule, past):
    found = past.cases.groupby("unit_id")["cases"].mean()
    return found.rename("threshold_cases").reset_index().assign(season_week=np.nan)


def peeking(rule, past):
    """Takes the table that `past` was cut from out of its caller's hands."""
    frame = inspect.currentframe()
    while frame is not None and "known" not in frame.f_locals:
        frame = frame.f_back
    found = mean(rule, past)
    if frame is not None:
        found["threshold_cases"] += frame.f_locals["known"]["cases"].mean()
    return found


def negative(rule, past):
    return mean(rule, past).assign(threshold_cases=-1.0)


def infinite(rule, past):
    return mean(rule, past).assign(threshold_cases=np.inf)


def changing(rule, past):
    past.cases["cases"] += 1
    return mean(rule, past)


def rolling(rule, past):
    return mean(rule, past).assign(threshold_cases=float(next(_CALLS)))


def ordered(rule, past):
    first = past.cases.drop_duplicates("unit_id")[["unit_id", "cases"]]
    return first.rename(columns={"cases": "threshold_cases"}).assign(season_week=np.nan)


def falling(rule, past):
    for _, own in past.cases.groupby("unit_id"):
        1 / (len(own) - 1)
    return mean(rule, past)


def doubled(rule, past):
    return pd.concat([mean(rule, past)] * 2, ignore_index=True)


def strange(rule, past):
    return mean(rule, past).assign(unit_id="elsewhere")


def unseasoned(rule, past):
    return mean(rule, past).assign(season_week=53.0)


def silent(rule, past):
    return mean(rule, past).assign(threshold_cases=np.nan)
