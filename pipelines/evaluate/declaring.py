"""A profile's data with the covariates of a recipe: what was declared later is none of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pipelines.data_config import DataConfig
from pipelines.input_config import InputConfig


def declaring(data: DataConfig, known: Collection[str]) -> Mapping[str, Any]:
    """`data` as plain values, with neither inputs' covariates nor indices beyond those known."""
    raw = data.model_dump(mode="json")
    named = [name for name in data.scenes.indices if f"scene_{name}" in known]
    inputs = [_input(one, known) for one in data.inputs]
    return {**raw, "inputs": inputs, "scenes": {**raw["scenes"], "indices": named}}


def _input(one: InputConfig, known: Collection[str]) -> Mapping[str, Any]:
    undeclared = set(one.covariates) - set(known)
    columns = {our: column for our, column in one.columns.items() if our not in undeclared}
    series = [name for name in one.series if name not in undeclared]
    return {**one.model_dump(mode="json"), "columns": columns, "series": series}
