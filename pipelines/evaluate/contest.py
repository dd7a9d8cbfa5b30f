"""Who stands in the gate: the candidates of this run and the champion's recipe.

Belongs here: turning step records into the gate's arguments. Does not belong here: the decision
(gate.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.config import Profile
from pipelines.contracts import HeadKind
from pipelines.errors import GateError
from pipelines.evaluate.backtest import read_predictions
from pipelines.evaluate.decision import Candidate, Champion, Decision
from pipelines.evaluate.gate import decide

Record = Mapping[str, Any]


def champion_profile(
    champion: Record | None, profile: Profile
) -> tuple[Profile, tuple[HeadKind, ...]] | None:
    """The profile that trains the champion's recipe on this run's features, and its head.

    None if there is nothing to train: no champion, a recipe that a candidate shares, or a fused
    champion whose encoders are not the ones these features were made with (the gate then keeps it
    and says that its predictions are absent).
    """
    if champion is None:
        return None
    shared = {profile.recipe_id(head) for head in profile.train.heads}
    recipe = champion["recipe"]
    other_vectors = (
        champion["head"] != "linear" and recipe["embed"] != profile.recipe("early")["embed"]
    )
    if champion["recipe_id"] in shared or other_vectors:
        return None
    raw = profile.model_dump(mode="json")
    raw["train"].update(recipe["train"])
    return Profile.model_validate(raw), (champion["head"],)


def hold(
    candidates: Mapping[str, Record],
    champion_before: Record | None,
    champion_now: Record | None,
    judged: Record,
    profile: Profile,
) -> Decision:
    """Let the gate decide on this run's candidates.

    Args:
        candidates: head -> record of training/candidates.py.
        champion_before: who served when the backtest was made; champion_now: who serves now.
        judged: output of the evaluate step.

    Raises:
        GateError: the champion changed since the backtest.
    """
    before, now = (None if c is None else c["bundle_id"] for c in (champion_before, champion_now))
    if before != now:
        raise GateError(f"the champion changed from {before} to {now} while this run compared itself with it", fix="run the train step and what follows again")  # fmt: skip
    standing = [
        Candidate(c["head"], c["bundle_id"], c["recipe_id"], c["as_of_week"])
        for c in candidates.values()
    ]
    predictions = read_predictions([Path(p) for p in judged["predictions"]])
    return decide(predictions, standing, _champion(champion_now, judged), profile)


def _champion(record: Record | None, judged: Record) -> Champion | None:
    if record is None:
        return None
    paths = [Path(p) for p in judged["champion_predictions"]]
    return Champion(
        head=record["head"],
        bundle_id=record["bundle_id"],
        recipe_id=record["recipe_id"],
        as_of_week=record["as_of_week"],
        version=record["version"],
        predictions=read_predictions(paths) if paths else None,
    )
