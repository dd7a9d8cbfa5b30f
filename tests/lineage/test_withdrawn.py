"""A withdrawn drop or forecast in a trace, and what a withdrawal says of all that rests on it."""

from __future__ import annotations

from support.planted_lineage import Store

from pipelines.lineage import render, trace
from pipelines.ops.withdrawing import withdraw_drop
from pipelines.run.withdrawn import withdraw


def _traced(store: Store, what: str) -> str:
    return "\n".join(render.lines(trace(what, store.paths)))


def test_a_trace_of_what_was_withdrawn_holds_and_says_so(store: Store) -> None:
    before = trace("2019-01-02", store.paths)
    withdraw(store.paths, "drop", "2019-01-02", "Ana", "the neighbour's figures")
    withdraw(store.paths, "forecast", store.forecasts["third"], "Ben", "wrong counts")
    after = trace("2019-01-02", store.paths)
    assert (after.up, after.down, after.broken) == (before.up, before.down, before.broken)
    output = " ".join(_traced(store, "2019-01-02").split())
    assert "by Ana: the neighbour's figures" in output and "by Ben: wrong counts" in output
    assert "withdrawn" not in _traced(store, store.forecasts["first"])


def test_a_withdrawal_names_all_that_rests_on_the_drop_and_the_champion_among_it(
    store: Store,
) -> None:
    done = withdraw_drop(store.paths, "2019-01-02", "Ana", "the neighbour's figures", "ci")
    assert done.downstream["dataset version"] == (store.datasets["third"],)
    assert done.downstream["feature version"] == (store.features["third"],)
    assert done.downstream["forecast version"] == (store.forecasts["third"],)
    assert done.downstream["report"] == ("third",)
    assert store.bundles["third"] in done.downstream["bundle"]
    (first, *_) = done.to_do
    assert "the champion, model version 2, was trained on it" in first
    assert "denguard run --profile ci" in first and "denguard rollback" in first


def test_a_drop_whose_champion_was_trained_without_it_blames_no_champion(store: Store) -> None:
    from support.planted_lineage import Planter

    Planter(store.paths).drop("2019-01-09")
    done = withdraw_drop(store.paths, "2019-01-09", "Ana", "a copy of last week", "ci")
    assert done.downstream == {} and not any("champion" in line for line in done.to_do)
