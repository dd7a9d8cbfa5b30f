"""What a fused head starts from: the best tabular forecaster, chosen and fitted once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bases import BASED, CUTS, crooked, with_trees

from pipelines.arrays import Float64s
from pipelines.config import Profile, load_profile
from pipelines.errors import StoreError
from pipelines.fusion.bundle import Bundle, load_verified_bundle, write_bundle
from pipelines.fusion.calibration import Platt
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Forecaster
from pipelines.fusion.fused import FusedForecaster, load_fused
from pipelines.fusion.horizon import Calibration, HorizonModel
from pipelines.models.baselines import Persistence
from pipelines.models.boosting import Boosting
from pipelines.storage import write_json
from pipelines.testing.rows import make_examples
from pipelines.training.recipe import FittedRecipe, train_recipe, train_recipes
from pipelines.weeks import CDC

Rows = dict[int, Examples]
Recipes = dict[str, FittedRecipe]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return {h: crooked(h) for h in CUTS}


@pytest.fixture(scope="module")
def trained(rows: Rows) -> Recipes:
    return train_recipes(rows, ("linear", "boosting", "early"), with_trees(), CUTS)


def _bare(rows: Examples) -> Examples:
    return rows.take(~(rows.image.mask | rows.text.mask))


def test_a_head_starts_from_the_trees_where_they_are_clearly_better(trained: Recipes) -> None:
    choice = trained["early"].base
    assert choice is not None
    assert choice.kind == "boosting" and "the best of 2 on validation" in choice.reason
    assert np.mean(choice.brier["boosting"]) < np.mean(choice.brier["linear"]) - 0.05
    assert len(choice.brier["linear"]) == 3
    assert trained["boosting"].base is None


def test_a_head_starts_from_the_linear_model_where_the_trees_are_no_better() -> None:
    plain = {4: make_examples(4, planted=1.0)}
    choice = train_recipe(plain, "early", with_trees(horizons=(4,)), {4: CUTS[4]}).base
    assert choice is not None and choice.kind == "linear", choice


def test_rows_without_vectors_are_answered_just_as_by_the_base(
    trained: Recipes, rows: Rows
) -> None:
    for horizon, own in rows.items():
        head, trees = (trained[name].models[horizon] for name in ("early", "boosting"))
        assert head.vector_widths is not None
        np.testing.assert_array_equal(head.probability(_bare(own)), trees.probability(_bare(own)))
        assert (head.logit(own) != trees.logit(own)).any()


def test_a_head_over_trees_beats_them_where_the_vectors_hold_more(
    trained: Recipes, rows: Rows
) -> None:
    unseen = rows[4].take((rows[4].target_week_no > CUTS[4]) & rows[4].text.mask)
    brier = {
        name: float(np.mean((trained[name].models[4].probability(unseen) - unseen.label) ** 2))
        for name in ("linear", "boosting", "early")
    }
    assert brier["early"] < brier["boosting"] - 0.01 < brier["linear"] - 0.01, brier


def test_scores_of_the_inner_seasons_stand_beside_the_bases(trained: Recipes) -> None:
    scores, trees = trained["early"].validation[4], trained["boosting"].validation[4]
    assert scores["base_brier"] == pytest.approx(trees["brier"])
    assert scores["linear_brier"] == trees["linear_brier"]
    assert "base_brier" not in trees


def test_the_base_may_be_fixed_to_the_linear_model(rows: Rows) -> None:
    own, cut = {4: rows[4]}, {4: CUTS[4]}
    fixed = train_recipe(own, "early", with_trees(horizons=(4,), base="linear"), cut)
    alone = train_recipe(own, "early", with_trees(("linear", "early"), horizons=(4,)), cut)
    assert fixed.base is not None and fixed.base.reason == "linear: the profile asks for it"
    np.testing.assert_array_equal(
        fixed.models[4].probability(rows[4]), alone.models[4].probability(rows[4])
    )


def test_a_base_is_fitted_once_for_itself_and_for_every_head(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []
    fit = Boosting.fit

    def counted(train: Examples, *others: Any) -> Forecaster:
        fitted.append(len(train))
        return fit(train, *others)

    monkeypatch.setattr(Boosting, "fit", staticmethod(counted))
    own, cut = {4: rows[4]}, {4: CUTS[4]}
    train_recipes(own, ("boosting", "early", "late_joint"), with_trees(horizons=(4,)), cut)
    # All rows and three seasons; and for the heads parts of each: the first knows two years only.
    assert len(fitted) == 4 + (3 + 2 + 3 + 3), fitted


def test_a_head_is_trained_on_log_odds_of_models_that_did_not_see_the_row(rows: Rows) -> None:
    from pipelines.training.base_choice import TabularFits
    from pipelines.training.inner import linear_stage
    from pipelines.training.start import Start

    profile = with_trees(horizons=(4,))

    def logits(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
        start = Start.of(linear_stage(examples, profile, CUTS[4]))
        base = TabularFits({4: start}, profile).base("boosting", 4)
        return base.logit(), base.logit_before(2)

    year = np.array([CDC.epi_year(int(week)) for week in rows[4].target_week_no])
    first = year == year.min()
    turned = replace(rows[4], label=np.where(first, 1 - rows[4].label, rows[4].label))
    train = rows[4].target_week_no <= CUTS[4]
    for before, after in zip(logits(rows[4]), logits(turned), strict=True):
        known = np.isfinite(before)
        assert known[first[train]].all()
        np.testing.assert_array_equal(before[first[train]], after[first[train]])
        assert (before[known & ~first[train]] != after[known & ~first[train]]).any()


def test_labels_after_the_cut_choose_no_base_and_change_no_head(
    trained: Recipes, rows: Rows
) -> None:
    flipped = {
        h: replace(r, label=np.where(r.target_week_no > CUTS[h], 1 - r.label, r.label))
        for h, r in rows.items()
    }
    again = train_recipe(flipped, "early", with_trees(), CUTS)
    assert again.base == trained["early"].base
    np.testing.assert_array_equal(
        again.models[4].probability(rows[4]), trained["early"].models[4].probability(rows[4])
    )


def test_a_bundle_over_trees_is_stored_verified_and_answers_alike(
    trained: Recipes, rows: Rows, make_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    models = trained["early"].models
    limits = {h: model.decision_threshold for h, model in models.items()}
    meta = make_bundle(rows[4], "early", decision_thresholds=limits).meta
    folder = write_bundle(Bundle(meta, models), tmp_path / "bundle")
    again = load_verified_bundle(folder)
    assert sorted(p.name for p in (folder / "h04/base").iterdir()) == [
        "boosting.json",
        "boosting.txt",
    ]
    assert again.lone_row
    for horizon, own in rows.items():
        np.testing.assert_array_equal(
            again.models[horizon].probability(own), models[horizon].probability(own)
        )


def test_a_head_without_an_epoch_is_its_base_in_files_and_answers(
    trained: Recipes, rows: Rows, tmp_path: Path
) -> None:
    trees = trained["boosting"].models[4]
    head = FusedForecaster("early", trees.forecaster, None, "boosting")
    head.save(tmp_path)
    again = replace(trees, forecaster=load_fused("early", tmp_path))
    assert again.vector_widths is None
    np.testing.assert_array_equal(again.probability(rows[4]), trees.probability(rows[4]))


@pytest.mark.parametrize("kind", ["early", "linear"])
def test_a_base_that_no_head_starts_from_is_refused(
    kind: str, trained: Recipes, tmp_path: Path
) -> None:
    trained["early"].models[4].forecaster.save(tmp_path)
    write_json(tmp_path / "base.json", {"kind": kind})
    with pytest.raises(StoreError, match="which no head starts from"):
        load_fused("early", tmp_path)


def test_a_base_of_probabilities_alone_answers_bare_rows_to_the_last_digit(
    trained: Recipes, rows: Rows
) -> None:
    """Persistence says 0 or 1, which have no log odds."""
    over_trees = trained["early"].models[4].forecaster
    assert isinstance(over_trees, FusedForecaster)
    head = FusedForecaster("early", Persistence(), over_trees.fused, "persistence")
    for calibration in (Calibration(), Calibration(Platt(0.8, 0.1), Platt(1.2, 0.0))):
        model = HorizonModel(4, head, calibration)
        base = HorizonModel(4, Persistence(), Calibration(calibration.every))
        bare = _bare(rows[4])
        np.testing.assert_array_equal(model.probability(bare), base.probability(bare))
    assert set(np.unique(HorizonModel(4, head).probability(_bare(rows[4])))) == {0.0, 1.0}


def test_the_choice_is_json(trained: Recipes) -> None:
    choice = trained["early"].base
    assert choice is not None
    json.dumps(choice.to_json(), allow_nan=False)


def test_a_recipe_names_its_bases_only_where_there_is_a_choice() -> None:
    alone, beside, fixed = (
        with_trees(("linear", "early")),
        with_trees(),
        with_trees(base="linear"),
    )
    assert alone.recipe_id("early") == fixed.recipe_id("early") != beside.recipe_id("early")
    assert beside.recipe("early")["bases"] == [{"kind": "boosting", "settings": {"rounds": 80}}]
    assert "bases" not in alone.recipe("early") and "bases" not in beside.recipe("boosting")
    assert "base" not in alone.recipe("early")["train"]
    assert _sample("train.candidates", BASED).recipe("linear") == _sample().recipe("linear")


def _sample(*change: object) -> Profile:
    return load_profile("sample", **({str(change[0]): change[1]} if change else {}))


@dataclass(frozen=True)
class _Given:
    """A base of log odds that are handed in, under a calibration."""

    fitted: Forecaster
    own: Float64s
    out_of_fold: Float64s
    calibration: Platt
    kind: str = "given"

    def logit(self) -> Float64s:
        return self.own

    def logit_before(self, season: int) -> Float64s:
        return self.own


def test_a_head_adds_the_same_to_cautious_log_odds_once_these_are_calibrated(rows: Rows) -> None:
    """A base that is four times too cautious, and the same one calibrated beforehand."""
    from pipelines.training.fused import HeadConfig, out_of_fold, refit
    from pipelines.training.inner import linear_stage

    profile = with_trees(horizons=(4,))
    train, folds = linear_stage(rows[4], profile, CUTS[4]).for_fit()
    cautious, plain = Platt(4.0, 0.2), Platt()
    config = HeadConfig(profile.train, 0.0, 2)
    made = []
    for logit, calibration in (
        (folds.linear_logit, cautious),
        (cautious.logit(folds.linear_logit), plain),
    ):
        over = replace(folds, base=_Given(folds.linear, logit, logit, calibration))
        fused = refit("early", train, over, config)
        assert fused is not None
        made.append((fused.residual(train), out_of_fold("early", train, over, config)))
    (small, first), (whole, second) = made
    assert np.abs(whole).max() > 0.1
    np.testing.assert_allclose(4.0 * small, whole, atol=1e-5)
    np.testing.assert_allclose(cautious.logit(first), second, atol=1e-5)
