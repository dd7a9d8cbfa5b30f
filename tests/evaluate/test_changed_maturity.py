"""A place that declares another `data.maturity`: its champion stays comparable, or a person
decides.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.outputs import candidate, describe_champion, serving

from pipelines.config import Profile, load_profile
from pipelines.data.maturing import mature
from pipelines.data.rows import sample_rows
from pipelines.data.samples import resolve_as_of
from pipelines.data.tables import Tables, ordered
from pipelines.evaluate.backtest import backtest_year, write_predictions
from pipelines.evaluate.decision import Candidate, Champion, Decision
from pipelines.evaluate.gate import decide
from pipelines.evaluate.gate_inputs import EvaluationFiles, champion_profile, run_gate
from pipelines.evaluate.in_memory import tabular_examples
from pipelines.evaluate.own_rows import of_both, own_rows
from pipelines.fusion.examples import Examples
from pipelines.recipes import recipe_id
from pipelines.run.outputs import ServingModel
from pipelines.storage import write_json
from pipelines.weeks import CDC

UNITS, YEARS = ("05001", "05360", "08001", "23001"), (2015, 2016, 2017, 2018)
DROP = {"method": "drop", "weeks": 4}
Rows = dict[int, Examples]


def profile_with(maturity: dict[str, Any]) -> Profile:
    return load_profile(
        "sample",
        **{
            "data.maturity": maturity,
            "evaluate.horizons_weeks": (4,),
            "evaluate.municipalities": None,
            "evaluate.test_years": YEARS,
            "labels.min_reference_cases": 1,
            "data.text_window.municipalities": (),
            "train.candidates": ("linear",),
            "gate.min_blocks": 8,
            "gate.min_origins": 4,
        },
    )


@pytest.fixture(scope="module")
def none() -> Profile:
    return profile_with({"method": "none"})


@pytest.fixture(scope="module")
def dropping() -> Profile:
    return profile_with(DROP)


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Four towns, 2011-w01 to 2018-w40, a wave a year; one vintage of each week."""
    noise = np.random.default_rng(1)
    weeks = np.arange(CDC.week_no("2011-w01"), CDC.week_no("2018-w40") + 1)
    mean = np.exp(2.5 + 1.2 * np.sin(weeks / 8.3) + 0.3 * np.sin(weeks / 31.0))
    rows = [
        pd.DataFrame(
            {
                "unit_id": unit,
                "week_no": weeks.astype("int32"),
                "cases": noise.poisson(mean).astype("float64"),
                "received_date": date(2018, 10, 10),
            }
        )
        for unit in UNITS
    ]
    empty = Tables.empty()
    units = pd.DataFrame({"unit_id": UNITS, "name": UNITS}).reindex(columns=empty.units.columns)
    return replace(empty, cases=ordered("cases", pd.concat(rows)), units=units)


def rows_of(tables: Tables, profile: Profile) -> Rows:
    known = mature(tables, profile.data.maturity)
    return tabular_examples(known, profile, resolve_as_of(known, profile, None), (4,))[0]


def champion(profile: Profile) -> ServingModel:
    """The linear head, promoted under this profile."""
    recipe = json.loads(json.dumps(profile.recipe("linear")))
    return serving(
        version="3",
        bundle_id="old",
        head="linear",
        recipe_id=recipe_id(recipe),
        recipe=recipe,
        as_of_week="2018-w39",
        dataset_version="d1",
    )


def test_the_champions_recipe_keeps_its_own_maturity(none: Profile, dropping: Profile) -> None:
    found = champion_profile(champion(none), dropping)
    assert found is not None
    assert found[0].recipe_id("linear") == none.recipe_id("linear")


@pytest.mark.parametrize("turned", [False, True])
def test_its_own_rows_are_those_that_a_run_of_its_profile_makes(
    tables: Tables, none: Profile, dropping: Profile, turned: bool
) -> None:
    theirs, ours = (dropping, none) if turned else (none, dropping)
    found = champion_profile(champion(theirs), ours)
    assert found is not None
    own, wanted = own_rows(tables, found[0], CDC.week_no("2018-w40"))[4], rows_of(tables, theirs)[4]
    assert own.sample_id.tolist() == wanted.sample_id.tolist()
    np.testing.assert_array_equal(own.covariates, wanted.covariates)
    np.testing.assert_array_equal(own.label, wanted.label)
    as_of = int(wanted.origin_week_no.max())
    table = sample_rows(mature(tables, theirs.data.maturity), theirs, UNITS, as_of)
    same = table.set_index("sample_id").loc[list(own.sample_id), list(own.covariate_names)]
    np.testing.assert_array_equal(own.covariates, same.to_numpy(dtype=np.float32))


def judged(tables: Tables, theirs: Profile, ours: Profile) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Backtests of this run's candidate with baselines, and of the champion's recipe."""
    run, own = rows_of(tables, ours), own_rows(tables, theirs, CDC.week_no("2018-w40"))
    candidates = pd.concat([backtest_year(run, ours, ["linear"], year) for year in YEARS])
    champions = pd.concat(
        [of_both(backtest_year(own, theirs, ["linear"], year, ()), own, run) for year in YEARS]
    )
    return candidates, champions


@pytest.fixture(scope="module")
def change(tables: Tables, none: Profile, dropping: Profile) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of a place that begins to drop its newest weeks."""
    return judged(tables, none, dropping)


def test_both_recipes_are_judged_on_the_weeks_that_both_have(
    change: Any, tables: Tables, none: Profile, dropping: Profile
) -> None:
    candidates, champions = change
    newest = CDC.week_no("2018-w36")  # what the new maturity takes as unknown is no outcome of it
    assert champions["target_week_no"].max() == newest
    assert set(champions["sample_id"]) <= set(candidates["sample_id"])
    back, forth = judged(tables, dropping, none)
    assert back["target_week_no"].max() == newest + 4 and forth["target_week_no"].max() == newest


def held(
    change: Any, theirs: Profile, ours: Profile, folder: Any, *, tried: bool = True
) -> Decision:
    """What the gate of a run says after the change."""
    candidates, champions = change
    now = describe_champion(champion(theirs), named=None)
    new = candidate(
        bundle_id="new",
        recipe_id=ours.recipe_id("linear"),
        as_of_week="2018-w36",
        dataset_version="d2",
    )
    scores = {"horizons": {"4": {"heads": {"linear": {"brier": 0.2}}}}}
    files = EvaluationFiles(
        [write_predictions(candidates, folder / "c.parquet")],
        [write_predictions(champions, folder / "o.parquet")] if tried else [],
        write_json(folder / "m.json", scores),
    )
    return run_gate({"linear": new}, now, now, files, ours)


def test_after_a_change_the_new_recipe_is_compared_and_may_serve(
    change: Any, none: Profile, dropping: Profile, tmp_path: Any
) -> None:
    found = held(change, none, dropping, tmp_path)
    assert (found.decision, found.waits_for_person) == ("promote", False)
    assert any("treats the newest weeks otherwise (data.maturity)" in r for r in found.reasons)


def test_where_the_old_recipe_has_no_row_a_person_decides(
    change: Any, none: Profile, dropping: Profile, tmp_path: Any
) -> None:
    found = held(change, none, dropping, tmp_path, tried=False)
    assert (found.decision, found.waits_for_person) == ("keep", True)
    assert "it differs in data.maturity" in found.reasons[-1]
    assert "`denguard promote new --by NAME --reason TEXT`" in found.reasons[-1]


BASELINES = {"prevalence": 0.05, "persistence_calibrated": 0.03}
NEW = Candidate("linear", "new", "recipe-new", "2018-w44")
OLD = Champion(
    "linear", "old", "recipe-old", "2018-w48", "3", untrainable=("data.maturity", "embed")
)


def test_weeks_that_are_declared_unknown_make_nothing_older(planted: Any) -> None:
    rows, ours = (
        planted({"linear": 0.0, **BASELINES}),
        load_profile("sample", **{"data.maturity": DROP}),
    )
    assert decide(rows, [NEW], OLD, ours).waits_for_person
    older = replace(NEW, as_of_week="2018-w43")
    assert "older data never replace" in decide(rows, [older], OLD, ours).reasons[-1]


def test_what_would_be_no_first_champion_does_not_wait_for_a_person(planted: Any) -> None:
    ours = load_profile("sample", **{"data.maturity": DROP})
    found = decide(planted({"linear": 0.04, **BASELINES}), [NEW], OLD, ours)
    assert (found.decision, found.waits_for_person) == ("keep", False)
    assert "would not be a first champion either" in found.reasons[-1]
