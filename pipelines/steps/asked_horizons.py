"""Horizons that a person asks of one run, held against those that the champion forecasts.

A run makes rows for its own horizons alone. If the gate keeps the champion, it is the champion that
forecasts them: one that knows none of them would leave the week without a forecast, after hours.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError
from pipelines.run.params import RecordedParams, RunParams, profile_of

log = logging.getLogger(__name__)


def require_forecastable(params: RunParams, paths: DeploymentPaths) -> None:
    """Check a run's horizons before anything is made.

    Raises:
        ConfigError: the champion forecasts none of them.
        RegistryError: who is champion is not known.
    """
    if params.horizons is None:  # the profile's: it may be changed, and then the champion as well
        return
    from pipelines.registry.champion import describe_champion_with_retries

    found = describe_champion_with_retries(
        paths, profile_of(RecordedParams(**dict(params))).model_name
    ).champion
    if found is None:  # there is none, or it cannot be read: the gate and the forecast say so
        return
    require_some(found.horizons_weeks, params.horizons, found.version)
    if lacking := sorted(set(params.horizons) - set(found.horizons_weeks)):
        log.warning(
            "the champion, version %s, does not forecast %s; while it serves, nothing is forecast "
            "so far ahead",
            found.version,
            _weeks(lacking),
        )


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
