"""Drops in PhysioNet's layout, as the sample's profile reads them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pipelines.config import DataConfig, load_profile
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import make_drop
from pipelines.data.sources import Context, context_of
from pipelines.data.sources.satellitebench import bring

CONTEXT = context_of(load_profile("sample"))


def table_drop(
    table: Path, images: Path | None, drops: Path, info: DropInfo, until: str | None = None
) -> Path:
    """A drop of one metadata.csv and perhaps scenes."""
    return make_drop(partial(bring, [table], context=CONTEXT), images, drops, info, until)


def context_with(config: DataConfig) -> Context:
    """The sample's place with other settings of its data."""
    return Context(config, CONTEXT.calendar, CONTEXT.codes)
