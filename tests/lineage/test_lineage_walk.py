"""Both ways through a store with three runs."""

from __future__ import annotations

import pytest
from support.planted_lineage import FIRST_TRACE, FORECAST_TRACE, THIRD_TRACE, Store

from pipelines.errors import ConfigError
from pipelines.lineage import trace
from pipelines.lineage.graph import FLOW, RELATIONS, Graph, Node


def _up(store: Store, what: str) -> set[str]:
    return {n.key for n in trace(what, store.paths, "up").nodes()}


def _of(nodes: set[str], kind: str) -> set[str]:
    return {key.partition(":")[2] for key in nodes if key.startswith(f"{kind}:")}


def test_a_prediction_rests_on_its_bundle_version_data_and_validation_report(store: Store) -> None:
    found = _up(store, FIRST_TRACE)
    assert _of(found, "bundle") == {store.bundles["first"]}
    assert _of(found, "model_version") == {"denguard/1"}
    assert len(_of(found, "mlflow_run")) == 1
    assert _of(found, "features") == {store.features["first"]}
    assert _of(found, "dataset") == {store.datasets["first"]}
    assert _of(found, "validation") == {"first", "second"}, "both runs checked what became it"
    assert {name.partition("@")[0] for name in _of(found, "drop")} == {"2018-12-04"}


def test_the_later_prediction_rests_on_both_drops_and_on_nothing_of_the_first_model(
    store: Store,
) -> None:
    found = _up(store, THIRD_TRACE)
    assert {name.partition("@")[0] for name in _of(found, "drop")} == {"2018-12-04", "2019-01-02"}
    assert _of(found, "bundle") == {store.bundles["third"]}


def test_an_answer_from_a_published_forecast_rests_on_that_forecast(store: Store) -> None:
    found = _up(store, FORECAST_TRACE)
    assert _of(found, "forecast") == {store.forecasts["third"]}
    assert _of(found, "bundle") == {store.bundles["third"]}
    assert _of(_up(store, THIRD_TRACE), "forecast") == set()


def test_on_the_first_drop_rests_everything_and_on_the_second_only_the_third_run(
    store: Store,
) -> None:
    first = trace("2018-12-04", store.paths, "down")
    second = trace("2019-01-02", store.paths, "down")
    assert _of(set(first.down), "forecast") == set(store.forecasts.values())
    assert _of(set(first.down), "report") == {"first", "second", "third"}
    assert _of(set(first.down), "predictions") == set(store.bundles.values())
    assert _of(set(second.down), "run") == {"third"}
    assert _of(set(second.down), "forecast") == {store.forecasts["third"]}
    assert _of(set(second.down), "predictions") == {store.bundles["third"]}


def test_up_from_one_contains_another_exactly_if_down_from_that_contains_the_one(
    store: Store,
) -> None:
    graph = trace("2018-12-04", store.paths).graph
    assert len(graph.nodes) >= 25
    up = {key: graph.closure([key], "up") for key in graph.nodes}
    down = {key: graph.closure([key], "down") for key in graph.nodes}
    for one in graph.nodes:
        for other in graph.nodes:
            assert (other in up[one]) == (one in down[other]), (one, other)
        assert up[one] & down[one] == {one}, "nothing rests on itself"


def test_an_edge_against_the_flow_is_refused() -> None:
    graph = Graph()
    early, late = graph.add("drop", "2018-12-04"), graph.add("forecast", "2018-w48-x")
    with pytest.raises(ValueError, match="cannot be made from"):
        graph.link(late, early)


def test_every_edge_that_may_be_leads_down_the_pipeline() -> None:
    for child, parents in RELATIONS.items():
        assert all(FLOW.index(parent) < FLOW.index(child) for parent in parents), child


def test_a_forecast_row_says_its_answer_and_rests_on_what_its_version_rests_on(
    store: Store,
) -> None:
    row = trace(f"{store.forecasts['first']}/76001/4", store.paths)
    assert row.graph.nodes[row.starts[0]].facts["probability"] == 0.75
    assert set(row.up) - set(row.starts) == _up(store, store.forecasts["first"])
    assert _of(set(row.down), "report") == {"first", "second"}


def test_an_old_code_leads_to_the_row_of_its_unit_and_says_which_code_it_is_today(
    store: Store,
) -> None:
    found = trace("2018-w52/76999/4", store.paths)
    assert found.starts == (f"forecast_row:{store.forecasts['third']}/76001/4",)
    assert "76999 is 76001 today" in found.note
    with pytest.raises(ConfigError, match=r"no row 76001/9 \(76999 is 76001 today\)"):
        trace("2018-w52/76999/9", store.paths)


def test_a_week_means_its_newest_forecast_and_says_so(store: Store) -> None:
    found = trace("2018-w52/05001/4", store.paths)
    assert store.forecasts["third"] in found.starts[0]
    assert f"2018-w52 is forecast version {store.forecasts['third']}" in found.note


@pytest.mark.parametrize("what", ["champion", "version 2", "denguard/2", "model version 2"])
def test_a_model_version_has_several_names(store: Store, what: str) -> None:
    assert trace(what, store.paths, "up").starts == ("model_version:denguard/2",)


def test_everything_that_the_answer_names_can_be_asked_about(store: Store) -> None:
    """As JSON names it (the key) and as the text names it (the title)."""
    nodes: list[Node] = trace("2018-12-04", store.paths).nodes()
    for node in nodes:
        if node.kind != "predictions":
            assert trace(node.key, store.paths, "up").starts == (node.key,)
            assert trace(node.title, store.paths, "up").starts == (node.key,)
    assert {node.kind for node in nodes} >= set(FLOW) - {"forecast_row", "prediction"}


def test_a_version_is_found_by_its_beginning_its_embedding_version_and_its_name_in_dvc(
    store: Store,
) -> None:
    features = store.features["third"]
    for what in (features[:9], f"e{store.datasets['third'][1:]}", f"features-{features}"):
        assert trace(what, store.paths, "up").starts == (f"features:{features}",)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("2018-w48-nope/05001/4", "there is no forecast 2018-w48-nope"),
        ("2018-w48/05002/4", "has no row 05002/4"),
        ("2018-w48/05001/9", "weeks ahead are 4"),
        (
            "version 9",
            "model versions known here: model version 1 previous, model version 2 champion",
        ),
        ("challenger", "names no challenger"),
        ("2018-12-05", "nearest: 2018-12-04"),
        ("secnd", "nearest: second"),
        ("f" * 32, "a prediction's trace id"),
        ("../../etc/passwd", "nothing here is called"),
    ],
)
def test_a_name_that_is_unknown_is_answered_with_the_nearest_and_what_can_be_traced(
    store: Store, what: str, message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        trace(what, store.paths)
    assert message in str(refused.value)


def test_a_name_of_several_things_is_answered_with_all_of_them(store: Store) -> None:
    forecast = store.forecasts["first"]
    twin = store.paths.artifacts / "forecasts" / f"{forecast[:-2]}zz"
    twin.mkdir()
    with pytest.raises(ConfigError) as refused:
        trace(forecast[:-2], store.paths)
    assert twin.name in str(refused.value)
    assert forecast in str(refused.value)


def test_a_drop_that_no_run_has_read_is_known_and_nothing_rests_on_it(store: Store) -> None:
    folder = store.paths.drops / "2019-02-05"
    folder.mkdir()
    (folder / "drop.yaml").write_text("received_date: 2019-02-05\n")
    found = trace("2019-02-05", store.paths)
    assert found.broken == ()
    assert found.up == found.down == {"drop:2019-02-05"}
