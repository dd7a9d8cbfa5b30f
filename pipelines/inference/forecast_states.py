"""What a forecast says of units whose newest counts are held, unconfirmed or missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipelines.data.usable import UNCONFIRMED
from pipelines.errors import StoreError
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Residual
from pipelines.inference.predict import predict_proba

_UNIT = ["municipality_code", "horizon_weeks"]


@dataclass(frozen=True)
class UnitStates:
    """What a dataset version says of such units.

    Attributes:
        states: data/usable.STATE_SCHEMA.
        unconfirmed: sample rows of the origin in which unconfirmed counts are in force; sample_id
            and covariates are read. Empty if there is none.
    """

    states: pd.DataFrame
    unconfirmed: pd.DataFrame


def with_states(
    table: pd.DataFrame,
    bundle: Bundle,
    examples_by_horizon: Mapping[int, Examples],
    known: UnitStates | None,
) -> pd.DataFrame:
    """The forecast with a word for each such unit.

    Held and not reported: no probability and no alarm, never one from older weeks instead.
    Unconfirmed: `probability` is that with the count that looks too high, `probability_without`
    that without it, and the unit stands first.

    Args:
        table: forecast.forecast_table, made without held counts.
        examples_by_horizon: the rows it was made from.
    """
    if known is None or known.states.empty:
        return table
    named = known.states.rename(columns={"unit_id": "municipality_code"})
    keys = pd.MultiIndex.from_frame(table[_UNIT])
    found = named.drop_duplicates(_UNIT).set_index(_UNIT).reindex(keys)
    state = found["state"].fillna("").to_numpy(dtype=object)
    out = table.assign(state=state, why=found["why"].fillna("").to_numpy(dtype=object))
    out = _two_probabilities(out, bundle, examples_by_horizon, known.unconfirmed)
    silent = ~out["state"].isin(["", UNCONFIRMED])
    out["probability"] = out["probability"].mask(silent)
    out["outbreak_expected"] = out["outbreak_expected"].astype("boolean").mask(silent)
    out["image_used"], out["text_used"] = out["image_used"] & ~silent, out["text_used"] & ~silent
    first = out.assign(later=out["state"] != UNCONFIRMED)
    ordered = first.sort_values(["later", *_UNIT], kind="stable", ignore_index=True)
    return ordered.drop(columns="later")


def _two_probabilities(
    table: pd.DataFrame,
    bundle: Bundle,
    examples_by_horizon: Mapping[int, Examples],
    rows: pd.DataFrame,
) -> pd.DataFrame:
    out = table.copy()
    for horizon, model in bundle.models.items():
        at = (out["state"] == UNCONFIRMED) & (out["horizon_weeks"] == horizon)
        if not at.any():
            continue
        chosen = _in_force(examples_by_horizon[horizon], rows, out.loc[at])
        probability = pd.Series(predict_proba(model, chosen), index=chosen.unit_id)
        codes = out.loc[at, "municipality_code"]
        out.loc[at, "probability_without"] = out.loc[at, "probability"]
        out.loc[at, "probability"] = codes.map(probability)
        out.loc[at, "outbreak_expected"] = out.loc[at, "probability"] >= model.decision_threshold
        out.loc[at, "text_used"] = False
        if isinstance(model.forecaster, Residual):
            out.loc[at & ~out["image_used"], "alert_rung"] = model.forecaster.base_kind
    return out


def _in_force(examples: Examples, rows: pd.DataFrame, wanted: pd.DataFrame) -> Examples:
    """The rows of these units with the covariates that unconfirmed counts give.

    Their prompts would have to be embedded anew: they are left out, as prompts outside the text
    window are.
    """
    origin = examples.calendar.week_no(str(wanted["origin_week"].iloc[0]))
    codes = wanted["municipality_code"].to_numpy(dtype=object)
    mine = examples.take((examples.origin_week_no == origin) & np.isin(examples.unit_id, codes))
    absent = sorted(set(mine.sample_id) - set(rows["sample_id"]))
    if absent:
        fix = "run the snapshot step and what follows again"
        raise StoreError(f"the dataset holds no row of {absent[0]} with its count", fix=fix)
    own = rows.set_index("sample_id").loc[list(mine.sample_id), list(mine.covariate_names)]
    text = replace(mine.text, row=np.full(len(mine), -1, dtype=np.int32))
    return replace(mine, covariates=own.to_numpy(dtype=np.float32), text=text)
