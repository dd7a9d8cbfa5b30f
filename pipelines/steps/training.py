"""From features to what a decision needs: candidates, and past years predicted by their recipes."""

from __future__ import annotations

import logging
from pathlib import Path

from pipelines.config import Profile, TestYears
from pipelines.contracts import HeadKind, content_id
from pipelines.errors import StoreError
from pipelines.run import open_run
from pipelines.run import outputs as out
from pipelines.run.progress import Progress
from pipelines.steps.decorator import step
from pipelines.steps.spaces import champions_features

log = logging.getLogger(__name__)


@step
def train(run_id: str) -> out.TrainOutput:
    """Train a candidate bundle for each head, and note who the champion is now."""
    from pipelines.registry.champion import describe_champion_with_retries
    from pipelines.training.candidates import train_candidates

    run = open_run(run_id)
    folder = run.path(run.output(out.FeaturesOutput).features)
    root = run.paths.artifacts / "candidates"
    heads = run.profile.train.names
    progress, candidates = Progress("candidates trained", len(heads)), {}
    for made in train_candidates(folder, heads, run.profile, root, run.params.force):
        candidates[made.head] = made.model_copy(update={"folder": run.name(Path(made.folder))})
        progress.advance()
    # Who serves is not a result of training: kept apart, so that train.json follows from inputs.
    run.finish(describe_champion_with_retries(run.paths, run.profile.model_name))
    return run.finish(out.TrainOutput(candidates=candidates))


def backtest_years(run_id: str) -> list[int]:
    """Test years of this run, one mapped task each: those of a profile's list, else the
    snapshot's."""
    run = open_run(run_id)
    wanted = run.profile.evaluate.test_years
    if isinstance(wanted, TestYears):
        named = run.output(out.SnapshotOutput).test_years
        if named is None:
            raise StoreError(
                "the snapshot was made by an earlier version, which named no test years",
                where=run.name(run.folder),
                fix="start a new run",
            )
        return list(named)
    return list(wanted)


@step
def backtest(run_id: str, year: int) -> out.BacktestOutput:
    """Predictions of one test year: heads, baselines, and the champion's recipe if it differs."""
    from pipelines.evaluate.backtest import write_predictions
    from pipelines.evaluate.gate_inputs import champion_profile
    from pipelines.evaluate.kept_backtests import backtest_to
    from pipelines.features.read import load_horizons
    from pipelines.steps.champions_backtest import champions_backtest

    run = open_run(run_id)
    folder = run.path(run.output(out.FeaturesOutput).features)
    profile, heads = run.profile, run.profile.train.names
    champion = run.output(out.ChampionOutput).champion
    theirs = champions_features(run, champion)
    rival = champion_profile(champion, profile, theirs is not None)
    recipes: dict[str, tuple[Profile, tuple[HeadKind, ...]]] = {"candidates": (profile, heads)}
    if rival is not None:
        recipes["champion"] = rival
    made: dict[str, str] = {}
    for who, (recipe, which) in recipes.items():
        read = theirs if theirs is not None and who == "champion" else folder
        name = content_id(
            {
                "features": read.name,
                "year": year,
                "recipes": [recipe.recipe_id(h) for h in which],
                "municipalities": profile.evaluate.municipalities,
            }
        )
        path = run.paths.artifacts / "backtests" / f"{name}.parquet"
        if run.params.force or not path.is_file():
            examples = load_horizons(read, profile.evaluate.horizons_weeks)
            if who == "champion":
                predictions = champions_backtest(run, examples, recipe, which, year)
                if predictions is None:
                    continue
                write_predictions(predictions, path)
            else:
                backtest_to(path, examples, recipe, which, year, run.params.force)
        else:
            log.info("%s: predictions of these recipes, features and year exist", who)
        made[who] = run.name(path)
    return run.finish(out.BacktestOutput.model_validate({"year": year, **made}), year)
