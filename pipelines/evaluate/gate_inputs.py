"""The inputs of the gate: the candidates of this run, and the champion trained like them."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.candidate_config import forecaster_kind
from pipelines.config import Profile
from pipelines.contracts import HeadKind
from pipelines.encoder_config import EncoderConfig
from pipelines.errors import GateError, LabelRuleError
from pipelines.evaluate.backtest import read_predictions
from pipelines.evaluate.decision import (
    CHAMPION_NAMES,
    MATURITY,
    Candidate,
    Champion,
    Decision,
    Verdict,
    error_text,
    undecided,
)
from pipelines.evaluate.gate import UNDECIDABLE, decide
from pipelines.evaluate.new_weeks import NewWeeks
from pipelines.evaluate.withheld import LeavingOut
from pipelines.input_config import InputConfig
from pipelines.recipes import canonical
from pipelines.run.outputs import ChampionOutput, ServingModel, TrainedCandidate
from pipelines.storage import read_json

log = logging.getLogger(__name__)
Record = Mapping[str, Any]
# Parts of a recipe that decide rows, labels or vectors; not every forecaster reads vectors.
_ROWS = ("week", "data.first_week", "data.reporting_delay_weeks", "labels")
_VECTORS = (
    MATURITY,  # prompts name counts, and were embedded as this run knows them
    "language",
    "prompt",
    "data.text_window",
    "data.scenes",
    "embed",
    "primary_horizon_weeks",
)


@dataclass(frozen=True)
class EvaluationFiles:
    """Files of the evaluate step."""

    predictions: Sequence[Path]
    champion_predictions: Sequence[Path]
    metrics: Path


def champion_profile(
    champion: ServingModel | None, profile: Profile, its_vectors: bool = False
) -> tuple[Profile, tuple[HeadKind, ...]] | None:
    """The profile that trains the champion's recipe on this run's data, and its head.

    Its rows are this run's, but for a recipe with another `data.maturity`: own_rows.py makes those.
    None if there is nothing to train: no champion, a recipe that a candidate shares, or one that
    needs other rows, labels or vectors than this run has (a person decides then, see challenge.py).

    Args:
        its_vectors: this run holds those of the champion's encoders beside the profile's.
    """
    if champion is None:
        return None
    shared = {profile.recipe_id(head) for head in profile.train.names}
    recipe, head = champion.recipe, champion.head
    if champion.recipe_id in shared:
        return None
    if differing := untrainable(champion, profile, its_vectors):
        log.warning(
            "the champion's recipe cannot be trained on this run's rows: it differs in %s",
            ", ".join(differing),
        )
        return None
    theirs = canonical(recipe)
    raw = profile.model_dump(mode="json")
    # what a recipe does not name is at its default, and not what this run's profile says
    itself = {"kind": head, "settings": recipe.get("settings", {})}
    raw["data"]["inputs"] = [
        _declaring(one, theirs.get("covariates", ())) for one in profile.data.inputs
    ]
    raw["train"] = {**recipe.get("train", {}), "candidates": [itself, *recipe.get("bases", ())]}
    raw["data"]["maturity"] = _part(theirs, MATURITY) or {}
    trained = Profile.model_validate(raw)
    embed = recipe["embed"] if its_vectors else {}
    own = {m: EncoderConfig.model_validate(embed[m]) for m, _ in profile.encoders if m in embed}
    return trained.with_encoders(own), (head,)


def untrainable(champion: ServingModel, profile: Profile, its_vectors: bool = False) -> list[str]:
    """Parts of the champion's recipe that ask for other rows, labels or vectors than this run can
    have.
    """
    head = champion.head
    try:
        own, theirs = canonical(profile.recipe(head)), canonical(champion.recipe)
    except ValueError as err:
        log.warning("the champion's recipe cannot be read: %s", err)
        return ["what this version cannot read"]
    needed = [*_ROWS, *(_VECTORS if forecaster_kind(head).reads_vectors else ())]
    at_hand = ("embed",) if its_vectors else ()
    return [p for p in needed if p not in at_hand and _part(own, p) != _part(theirs, p)]


def has_own_rows(champion: ServingModel, profile: Profile) -> bool:
    """Whether its recipe treats the newest weeks otherwise than this run does."""
    own, theirs = canonical(profile.recipe(champion.head)), canonical(champion.recipe)
    return bool(_part(own, MATURITY) != _part(theirs, MATURITY))


def _declaring(one: InputConfig, known: Collection[str]) -> Record:
    """An input without covariates beyond those known: what was declared later is not the
    champion's.
    """
    undeclared = set(one.covariates) - set(known)
    columns = {our: column for our, column in one.columns.items() if our not in undeclared}
    series = [name for name in one.series if name not in undeclared]
    return {**one.model_dump(mode="json"), "columns": columns, "series": series}


def _part(recipe: Record, dotted: str) -> Any:
    value: Any = recipe
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def run_gate(
    candidates: Mapping[str, TrainedCandidate],
    before: ChampionOutput,
    now: ChampionOutput,
    files: EvaluationFiles,
    profile: Profile,
    new_weeks: NewWeeks | None = None,
    leaving_out: LeavingOut | None = None,
    its_vectors: bool = False,
) -> Decision:
    """Read what the gate needs and let it decide on this run's candidates.

    Args:
        before: who served when the backtest was made; now: who serves now.
        new_weeks: where the newest weeks lie; a weekly run always has them.
        leaving_out: makes a candidate's bundle without some horizons; a weekly run always has it.
        its_vectors: this run holds those of the champion's encoders beside the profile's.

    What cannot be read or compared raises nothing: the record says why the champion stays. If it is
    not known whether there is a champion, nothing is promoted.
    """
    named = _names(now)
    verdict: Verdict = "keep" if named or now.problem else "none"
    try:
        _require_known(before, now)
        _require_one_rule(now.champion, profile)
        champion = _champion(now.champion, files, candidates, profile, its_vectors)
        predictions = read_predictions(files.predictions)
        _require_scores(files.metrics, candidates, profile)
        trained = [
            Candidate(c.head, c.bundle_id, c.recipe_id, c.as_of_week, _data_of(c, now.champion))
            for c in candidates.values()
        ]
    except UNDECIDABLE as err:
        provisional = now.champion is not None and now.champion.provisional
        return undecided(error_text(err), profile, verdict, named, provisional)
    return decide(
        predictions,
        trained,
        champion,
        profile,
        rolled_back=now.rolled_back,
        new_weeks=new_weeks,
        leaving_out=leaving_out,
    )


def _data_of(candidate: TrainedCandidate, champion: ServingModel | None) -> str:
    """The candidate's dataset version; the champion's own if both are one model of one week.

    A new version of denguard may write the same data down in other words, under another name. That
    alone makes nothing that is worth a promotion.
    """
    if champion is not None and _model(champion) == _model(candidate) and all(_model(champion)):
        return champion.dataset_version
    return candidate.dataset_version


def _model(one: TrainedCandidate | ServingModel) -> tuple[str, str, str]:
    return one.recipe_id, one.as_of_week, one.weights_id


def _names(now: ChampionOutput) -> dict[str, str] | None:
    """The champion's identity as far as it is known."""
    if now.champion is not None:
        return {name: str(getattr(now.champion, name)) for name in CHAMPION_NAMES}
    unread = {"head": "unknown", "recipe_id": "", "as_of_week": ""}
    return None if now.named is None else {**unread, **now.named.to_json()}


def _require_known(before: ChampionOutput, now: ChampionOutput) -> None:
    for record in (now, before):
        if record.problem:
            raise GateError(
                record.problem,
                fix=(
                    "the champion stays; once that is mended, run the train step and what follows "
                    "again"
                ),
            )
    was, is_now = (None if r.champion is None else r.champion.bundle_id for r in (before, now))
    if was != is_now:
        raise GateError(
            f"the champion changed from {was} to {is_now} while this run compared itself with it",
            fix="run the train step and what follows again",
        )


def _require_one_rule(champion: ServingModel | None, profile: Profile) -> None:
    """Probabilities of two different events cannot be compared."""
    ours = profile.labels.rule_id
    theirs = (champion and champion.label_rule_id) or ours
    if theirs != ours:
        raise LabelRuleError(
            f"The champion forecasts outbreaks by label rule {theirs}, the profile asks for "
            f"{ours}: they answer different questions",
            fix=(
                "to change the rule for good, run `denguard adopt-rule --profile "
                f"{profile.profile} --by NAME --reason TEXT`, and the cycle again; else set "
                "labels.rule back"
            ),
        )


def _require_scores(path: Path, candidates: Collection[str], profile: Profile) -> None:
    """A candidate whose evaluation holds no Brier score at a horizon was not evaluated."""
    metrics: Any = read_json(path)
    for horizon in map(str, profile.evaluate.horizons_weeks):
        heads = metrics.get("horizons", {}).get(horizon, {}).get("heads", {})
        for head in candidates:
            score = heads.get(head, {}).get("brier")
            if not isinstance(score, float) or not math.isfinite(score):
                raise GateError(
                    f"the evaluation holds no Brier score of the {head} head at {horizon} weeks",
                    where=path.name,
                    fix="run the evaluate step again",
                )


def _champion(
    record: ServingModel | None,
    files: EvaluationFiles,
    candidates: Mapping[str, TrainedCandidate],
    profile: Profile,
    its_vectors: bool,
) -> Champion | None:
    if record is None:
        return None
    stranger = record.recipe_id not in {one.recipe_id for one in candidates.values()}
    differing = tuple(untrainable(record, profile, its_vectors)) if stranger else ()
    own_rows = stranger and not differing and has_own_rows(record, profile)
    predictions = _rows_of(files.champion_predictions)
    if own_rows and predictions is None:  # what was tried gave no row
        differing, own_rows = (MATURITY,), False
    return Champion(
        head=record.head,
        bundle_id=record.bundle_id,
        recipe_id=record.recipe_id,
        as_of_week=record.as_of_week,
        version=record.version,
        dataset_version=record.dataset_version,
        horizons_weeks=_served(record),
        predictions=predictions,
        provisional=record.provisional,
        untrainable=differing,
        own_rows=own_rows,
        withdrawn_drops=record.withdrawn_drops,
    )


def _served(record: ServingModel) -> tuple[int, ...]:
    """Horizons of its recipe, but for those that its bundle leaves out."""
    trained = tuple(record.recipe.get("horizons_weeks", ()))
    served = record.horizons_weeks
    return trained if served is None else tuple(h for h in trained if h in served)


def _rows_of(paths: Sequence[Path]) -> pd.DataFrame | None:
    """The champion's backtest rows, or None if its recipe was not trained or a file is absent."""
    return read_predictions(paths) if paths and all(p.is_file() for p in paths) else None
