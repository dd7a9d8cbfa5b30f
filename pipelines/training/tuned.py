"""What a forecaster is fitted with: its settings, and what it chose on inner seasons."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.candidate_config import forecaster_kind
from pipelines.config import Profile
from pipelines.contracts import HeadKind
from pipelines.errors import TrainingError
from pipelines.fusion.forecaster import Tunes, Tuning, forecaster_class
from pipelines.training.start import Start


def tuned(name: HeadKind, starts: Mapping[int, Start], profile: Profile) -> Tuning:
    """What is chosen at the primary horizon for all of them.

    Raises:
        TrainingError: it chooses something, and the primary horizon is absent.
    """
    settings, kind = forecaster_kind(name).settings, forecaster_class(name)
    config = (
        profile.train
        if settings is None
        else settings.model_validate(profile.train.candidate(name).settings)
    )
    if not isinstance(kind, Tunes):
        return Tuning(config, lambda_reason=f"the {name} head reads no vectors")
    primary = profile.evaluate.primary_horizon_weeks
    require_primary(name, starts, primary)
    return kind.tune(starts[primary].train, starts[primary].folds, config)


def require_primary(name: HeadKind, starts: Mapping[int, Start], primary: int) -> None:
    """Raise TrainingError if the primary horizon, where choices are made, has no rows."""
    if primary not in starts:
        raise TrainingError(
            f"the primary horizon, {primary} weeks, has no rows",
            where=f"head {name}",
            fix="build samples for it; lambda and epochs are chosen there",
        )
