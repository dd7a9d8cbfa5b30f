"""Horizons that a person asks of one run, held against those that the champion forecasts.

A run makes rows for its own horizons alone. If the gate keeps the champion, it is the champion that
forecasts them: one that knows none of them would leave the week without a forecast, after hours.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, StoreError
from pipelines.run.params import RecordedParams, RunParams, profile_of
from pipelines.storage import read_json

log = logging.getLogger(__name__)


def require_forecastable(params: RunParams, paths: DeploymentPaths) -> None:
    """Check a run's horizons before anything is made.

    Raises:
        ConfigError: the champion forecasts none of them.
        RegistryError: who is champion is not known.
    """
    if params.horizons is None:  # the profile's: it may be changed, and then the champion as well
        return
    found = _champions(paths, profile_of(RecordedParams(**dict(params))).model_name)
    if found is None:  # there is none, or it cannot be read: the gate and the forecast say so
        return
    version, horizons = found
    require_some(horizons, params.horizons, version)
    if lacking := sorted(set(params.horizons) - set(horizons)):
        log.warning(
            "the champion, version %s, does not forecast %s; while it serves, nothing is forecast "
            "so far ahead",
            version,
            _weeks(lacking),
        )


def _champions(paths: DeploymentPaths, model_name: str) -> tuple[str, list[int]] | None:
    """The champion's version and its horizons in weeks, read without loading it."""
    from pipelines.fusion.bundle_files import DESCRIPTION
    from pipelines.registry.named import sqlite_file
    from pipelines.registry.retries import with_retries
    from pipelines.registry.served import bundle_folder, serving_version

    database = sqlite_file(paths.tracking_uri)
    if database is not None and not database.is_file():  # nothing was ever registered here
        return None
    named = with_retries(lambda: serving_version(paths, model_name))
    if named is None:
        return None
    try:
        meta: Any = read_json(bundle_folder(named, paths, model_name) / DESCRIPTION)["meta"]
        return named.version, [int(horizon) for horizon in meta["horizons_weeks"]]
    except (StoreError, KeyError, TypeError) as err:
        log.warning("the champion's horizons cannot be read: %s", err)
        return None


def require_some(has: Iterable[int], asked: Iterable[int], version: str) -> None:
    """Raise ConfigError if a champion forecasts none of these horizons, in weeks."""
    if set(has) & set(asked):
        return
    raise ConfigError(
        f"the champion, version {version}, forecasts {_weeks(has)}, and this run is for "
        f"{_weeks(asked)}: while it serves there would be no forecast",
        where="horizons",
        fix=(
            f"ask for at least one of the champion's horizons too ({_weeks(has)}), or leave "
            "horizons out; a new model takes others up only after the gate has promoted it"
        ),
    )


def _weeks(horizons: Iterable[int]) -> str:
    *first, last = sorted(set(map(int, horizons)))
    named = f"{', '.join(map(str, first))} and {last}" if first else str(last)
    return f"{named} {'week' if not first and last == 1 else 'weeks'} ahead"
