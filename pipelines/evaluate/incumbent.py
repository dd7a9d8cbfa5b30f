"""The champion's recipe as a profile, so that it can be backtested on this run's rows.

Belongs here: which differences between two recipes leave the rows and vectors of this run usable.
Does not belong here: the backtest and the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError

from pipelines.config import Profile, TrainConfig
from pipelines.contracts import HeadKind
from pipelines.errors import GateError

# Parts of a recipe that decide rows, labels or vectors. A linear head reads no vectors.
_ROWS = ("data.first_week", "data.reporting_delay_weeks", "labels")
_BY_HAND = "promote a version by hand"
_VECTORS = ("data.language", "data.text_window", "data.scenes", "embed", "primary_horizon_weeks")


def champion_profile(profile: Profile, recipe: Mapping[str, Any]) -> Profile:
    """This run's profile with the training choices of the champion's recipe, for its backtest.

    Args:
        recipe: `recipe` of the champion's bundle, which Profile.recipe(head) gave at its time.

    Raises:
        GateError: the champion's recipe needs other rows, labels or vectors than this run has, or
            cannot be read; the gate then keeps the champion.
    """
    head = next((h for h in get_args(HeadKind) if h == recipe.get("head")), None)
    if head is None:
        raise GateError("the champion's recipe names no known head", fix=_BY_HAND)
    own = profile.recipe(head)
    needed = _ROWS if head == "linear" else (*_ROWS, *_VECTORS)
    differing = [part for part in needed if _part(own, part) != _part(recipe, part)]
    if differing:
        raise GateError(f"the champion's recipe differs in {', '.join(differing)}, so it cannot be trained on this run's rows", fix=f"run once with the champion's settings, or {_BY_HAND}")  # fmt: skip
    try:
        train = TrainConfig.model_validate({**profile.train.model_dump(), **recipe["train"], "heads": (head,)})  # fmt: skip
    except (KeyError, TypeError, ValidationError) as err:
        raise GateError(f"the champion's recipe cannot be read: {err}", fix=_BY_HAND) from err
    return profile.model_copy(update={"train": train})


def _part(recipe: Mapping[str, Any], dotted: str) -> Any:
    value: Any = recipe
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
