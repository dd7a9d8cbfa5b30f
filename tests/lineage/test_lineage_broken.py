"""Links that do not hold: each is named with where and what to do, and the walk goes on."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from support.planted_lineage import FIRST_TRACE, Store

from pipelines.lineage import Trace, trace
from pipelines.registry.lookup import connect
from pipelines.run import Run, open_run
from pipelines.storage import read_json, shared, write_json

Damage = Callable[..., Path]


def _faults(found: Trace) -> str:
    return " | ".join(f"{b.what} @ {b.where} -> {b.fix}" for b in found.broken)


def test_a_whole_store_has_no_broken_link_by_name_or_by_content(store: Store) -> None:
    for what in ("2018-12-04", "2019-01-02", FIRST_TRACE, "champion"):
        assert _faults(trace(what, store.paths, by_content=True)) == ""


def test_a_dataset_that_is_gone_is_named_and_the_walk_reaches_its_drop(
    store: Store, damage: Damage
) -> None:
    dataset = f"artifacts/datasets/{store.datasets['first']}"
    damage(dataset)
    found = trace(FIRST_TRACE, store.paths, "up")
    assert f"dataset version {store.datasets['first']} is missing @ {dataset}" in _faults(found)
    assert any(key.startswith("drop:2018-12-04") for key in found.up)
    assert "denguard pull" in _faults(found)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("artifacts/features/{feature}", "feature version {feature} is missing"),
        ("artifacts/forecasts/{forecast}", "forecast version {forecast} is missing"),
        ("artifacts/decisions/first.json", "decision of run first is missing"),
        ("artifacts/reports/first/report.html", "report of run first is missing"),
        (
            "artifacts/runs/first/validation/issues.json",
            "validation report of run first is missing",
        ),
        ("artifacts/candidates/c48", "bundle {bundle} is missing"),
        ("data/drops/2018-12-04", "drop 2018-12-04 is missing"),
        (
            "artifacts/versions/samples-{dataset}.dvc",
            "DVC's sidecar of dataset version {dataset} is absent",
        ),
        (
            "artifacts/versions/index.json",
            "dataset version {dataset} is not in the index of versions",
        ),
    ],
)
def test_what_is_gone_is_named(store: Store, damage: Damage, name: str, what: str) -> None:
    ids = {
        "dataset": store.datasets["first"],
        "feature": store.features["first"],
        "bundle": store.bundles["first"],
        "forecast": store.forecasts["first"],
    }
    damage(name.format(**ids))
    found = trace("2018-12-04", store.paths)
    assert what.format(**ids) in _faults(found)
    assert all(link.where and link.fix for link in found.broken)
    assert {f"report:{run}" for run in ("first", "second", "third")} <= found.down


@pytest.mark.parametrize("kind", ["samples", "features"])
def test_a_version_that_the_index_has_with_other_content_is_named(store: Store, kind: str) -> None:
    known = store.datasets if kind == "samples" else store.features
    index = store.paths.artifacts / "versions" / "index.json"
    listed: Any = read_json(index)
    listed["versions"][f"{kind}-{known['first']}"]["md5"] = "0.dir"
    write_json(index, listed)
    assert f"version {known['first']} is not in the index" in _faults(
        trace("run first", store.paths)
    )


@pytest.mark.parametrize("index", ["{", '{"versions": ["samples"]}', '{"versions": {"a": 7}}'])
def test_an_index_that_is_damaged_is_named_once_and_hides_nothing(
    store: Store, damage: Damage, index: str
) -> None:
    damage("artifacts/versions/index.json", index)
    found = trace("run first", store.paths)
    assert _faults(found).count("the index of versions cannot be read") == 1
    assert f"dataset version {store.datasets['first']} is not in the index" in _faults(found)


def test_broken_links_of_a_kind_are_named_by_id(store: Store) -> None:
    runs = store.paths.artifacts / "runs"
    for number in range(12):
        shutil.copytree(runs / "second", runs / f"weekly-{number:02d}")
    named = [link.what for link in trace("2018-12-04", store.paths, "down").broken]
    assert named == [f"decision of run weekly-{number:02d} is missing" for number in range(12)]


def test_only_links_of_the_walk_are_named(store: Store, damage: Damage) -> None:
    damage(f"artifacts/datasets/{store.datasets['third']}")
    damage("artifacts/candidates/c52/bundle/bundle.json", "{")
    assert trace(FIRST_TRACE, store.paths, "up").broken == ()
    assert trace("champion", store.paths, "up").broken != ()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("data/drops/2018-12-04/metadata.csv", "drop 2018-12-04 is damaged"),
        ("artifacts/candidates/c48/bundle/golden.json", "bundle {bundle} is damaged"),
        ("artifacts/datasets/{dataset}/rows.txt", "dataset version {dataset} is damaged"),
        ("artifacts/features/{feature}/rows.parquet", "feature version {feature} is damaged"),
        ("artifacts/features/{feature}/shards/space/{shard}.parquet", "a damaged shard {shard}"),
        ("artifacts/forecasts/{forecast}/forecast.csv", "forecast version {forecast} is damaged"),
    ],
)
def test_other_content_is_found_only_if_contents_are_compared(
    store: Store, damage: Damage, name: str, what: str
) -> None:
    ids = {
        "dataset": store.datasets["first"],
        "feature": store.features["first"],
        "bundle": store.bundles["first"],
        "forecast": store.forecasts["first"],
        "shard": hashlib.sha256(store.datasets["first"].encode()).hexdigest(),
    }
    damage(name.format(**ids), "changed")
    assert trace("2018-12-04", store.paths).broken == ()
    found = trace("2018-12-04", store.paths, by_content=True)
    assert len(found.broken) == 1
    assert what.format(**ids) in _faults(found)


def test_a_description_that_cannot_be_read_is_named(store: Store, damage: Damage) -> None:
    damage("artifacts/candidates/c48/bundle/bundle.json", '{"meta": {"head"')
    found = trace(store.bundles["first"], store.paths)
    assert f"the description of bundle {store.bundles['first']} cannot be read" in _faults(found)
    assert f"features:{store.features['first']}" in found.up, "the run says it too"


def test_a_forecast_whose_parquet_is_torn_is_named(store: Store, damage: Damage) -> None:
    damage(f"artifacts/forecasts/{store.forecasts['first']}/forecast.parquet", "PAR1")
    assert "cannot be read" in _faults(trace(store.forecasts["first"], store.paths))


def test_a_drop_that_a_run_saw_with_other_content_than_the_accepted_one_is_named(
    store: Store, damage: Damage
) -> None:
    damage(
        "artifacts/runs/second/ingest.json",
        '{"drops": [{"received_date": "2018-12-04", "sha256": "0123456789abcdef"}]}',
    )
    found = trace("2018-12-04", store.paths)
    assert "was seen with 2 contents" in found.note
    assert "had content 0123456789abcdef in this run" in _faults(found)


def test_a_prediction_of_a_bundle_that_the_registry_no_longer_has_is_named(store: Store) -> None:
    client = connect(store.paths)
    client.delete_registered_model_alias("denguard", "previous")
    client.delete_model_version("denguard", "1")
    found = trace(FIRST_TRACE, store.paths)
    assert (
        f"prediction {FIRST_TRACE} was made by bundle {store.bundles['first']}, which is not in "
        "the registry" in _faults(found)
    )
    assert any(key.startswith("drop:2018-12-04") for key in found.up)
    assert "model version 1 is not in the registry" in _faults(trace("2018-12-04", store.paths))


def test_a_registry_that_is_gone_is_named_once_and_files_say_the_rest(
    store: Store, damage: Damage
) -> None:
    damage("artifacts/mlflow/mlflow.db")
    found = trace(FIRST_TRACE, store.paths)
    assert [link.what for link in found.broken if "registry" in link.what] == [
        "the registry does not answer: there is no registry yet"
    ]
    assert len(found.broken) == 1
    assert any(key.startswith("drop:2018-12-04") for key in found.up)


def test_a_registry_that_does_not_listen_ends_within_its_limits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    found = trace(FIRST_TRACE, store.paths)
    assert "the registry does not answer" in _faults(found)
    assert any(key.startswith("drop:2018-12-04") for key in found.up)


def _mlflow_run(store: Store) -> tuple[MlflowClient, str]:
    client = connect(store.paths)
    return client, client.get_model_version("denguard", "1").run_id


def test_an_mlflow_run_that_names_other_features_than_its_bundle_is_named(store: Store) -> None:
    client, run_id = _mlflow_run(store)
    client.set_tag(run_id, "feature_version", "ffff")
    assert f"MLflow run {run_id} names feature version ffff" in _faults(
        trace("version 1", store.paths)
    )


def test_without_any_copy_of_the_bundle_its_mlflow_run_leads_to_the_features(
    store: Store, damage: Damage
) -> None:
    damage("artifacts/candidates")
    for run in ("first", "second", "third"):
        shutil.rmtree(store.paths.artifacts / "runs" / run)
    found = trace("version 1", store.paths, "up")
    assert f"dataset:{store.datasets['first']}" in found.up
    assert "the registry holds it" in _faults(found)


def test_a_version_number_that_means_another_bundle_in_the_registry_is_named(store: Store) -> None:
    connect(store.paths).set_model_version_tag("denguard", "1", "bundle_id", store.bundles["third"])
    found = trace(store.forecasts["first"], store.paths)
    assert f"model version 1 is bundle {store.bundles['third']} in the registry" in _faults(found)


@pytest.mark.parametrize("record", ['{"drops": [{"sha256": 1}]}', '{"drops": 7}', "not JSON"])
def test_a_run_whose_records_make_no_sense_is_named_and_the_others_are_walked(
    store: Store, damage: Damage, record: str
) -> None:
    damage("artifacts/runs/second/ingest.json", record)
    assert "run" in _faults(trace("second", store.paths))
    assert trace("third", store.paths).broken == ()


def test_what_another_machine_holds_is_not_gone(
    store: Store, damage: Damage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two homes share a store: this one lost its folders, the walk reads what it needs there."""
    before = trace(store.forecasts["first"], store.paths)
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path / "shared"))
    for run_id in ("first", "second", "third"):
        run = _share_records(store, run_id)
        for name in _handed_over(store, run_id):
            run.name(store.paths.home / name)
    for name in ("runs", "datasets", "features", "candidates", "forecasts", "decisions", "reports"):
        damage(f"artifacts/{name}")
    damage("data/drops")
    found = trace(store.forecasts["first"], store.paths)
    assert _faults(found) == ""
    assert (found.up, found.down) == (before.up, before.down)
    assert found.graph.nodes[f"dataset:{store.datasets['first']}"].facts["held_by"] == str(
        tmp_path / "shared"
    )


def _share_records(store: Store, run_id: str) -> Run:
    """The run, with its records handed over as its steps would have."""
    folder = store.paths.artifacts / "runs" / run_id
    sharing = shared(store.paths)
    assert sharing is not None
    for path in folder.glob("*.json"):
        sharing.write_record(path.relative_to(store.paths.home).as_posix(), read_json(path))
    return open_run(run_id)


def _handed_over(store: Store, run_id: str) -> list[str]:
    week = store.forecasts[run_id][6:8]
    drops = [f"data/drops/{path.name}" for path in store.paths.drops.iterdir()]
    return [
        *drops,
        f"artifacts/runs/{run_id}/validation/issues.json",
        f"artifacts/datasets/{store.datasets[run_id]}",
        f"artifacts/features/{store.features[run_id]}",
        f"artifacts/candidates/c{week}",
        f"artifacts/decisions/{run_id}.json",
        f"artifacts/forecasts/{store.forecasts[run_id]}",
        f"artifacts/reports/{run_id}/report.html",
    ]


def test_a_version_without_its_bundles_id_is_named(store: Store) -> None:
    connect(store.paths).delete_model_version_tag("denguard", "1", "bundle_id")
    faults = _faults(trace("version 1", store.paths))
    assert "model version 1 does not say which bundle it is @ denguard" in faults


def test_an_mlflow_run_that_is_gone_is_named(store: Store) -> None:
    _, run_id = _mlflow_run(store)
    database = store.paths.artifacts / "mlflow" / "mlflow.db"
    with closing(sqlite3.connect(database)) as held, held:
        held.execute("update runs set run_uuid = ? where run_uuid = ?", ("f" * 32, run_id))
    faults = _faults(trace("version 1", store.paths))
    assert f"MLflow run {run_id} could not be read" in faults
