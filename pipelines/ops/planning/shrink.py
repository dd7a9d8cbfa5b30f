"""What makes a run shorter, and by how much, where there is a deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pipelines.config import Profile
from pipelines.ops.planning.estimate import estimate
from pipelines.ops.planning.probes import Probes
from pipelines.ops.planning.work import Work, batches
from pipelines.train_config import TrainConfig


@dataclass(frozen=True)
class Saving:
    """A setting, what to write there, and the seconds that it saves by itself."""

    setting: str
    what: str
    seconds: float


def savings(profile: Profile, work: Work, probes: Probes) -> list[Saving]:
    """What helps, the most first; nothing that changes what a forecast is made of but in training
    and judging."""
    now = _total(work, probes)
    found = (
        Saving(setting, what, now - _total(change(work), probes))
        for setting, what, change in _changes(profile, work)
    )
    return sorted((one for one in found if one.seconds > 1.0), key=lambda one: -one.seconds)


def _total(work: Work, probes: Probes) -> float:
    return sum(step.seconds for step in estimate(work, probes))


def _changes(profile: Profile, work: Work) -> Iterator[tuple[str, str, Callable[[Work], Work]]]:
    train = profile.train
    if len(train.lambda_grid) > 1:
        alone = train.model_copy(update={"lambda_grid": (0.0,)})
        yield "train.lambda_grid", "[0.0]", lambda w: _trained(w, alone)
    if train.max_epochs > 2:
        half = train.model_copy(update={"max_epochs": train.max_epochs // 2})
        yield "train.max_epochs", str(half.max_epochs), lambda w: _trained(w, half)
    if work.test_years > 1:
        yield "evaluate.test_years", "one year", lambda w: replace(w, test_years=1)
    if work.prompts:
        yield (
            "data.text_window",
            "the newest year",
            lambda w: replace(w, prompts=min(w.prompts, w.prompts * 52 // w.weeks)),
        )
    if work.scenes:
        yield (
            "the drop's scenes",
            "the newest year",
            lambda w: replace(w, scenes=min(w.scenes, w.scenes * 52 // w.weeks)),
        )
    if work.horizons > 1:
        yield "evaluate.horizons_weeks", "one horizon", lambda w: replace(w, horizons=1)


def _trained(work: Work, train: TrainConfig) -> Work:
    return replace(work, batches=batches(train, work.vector_rows, work.horizons))
