"""Registering once and moving aliases, on a real SQLite registry."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from pipelines.config import DeploymentPaths
from pipelines.contracts import CHALLENGER, CHAMPION, PREVIOUS
from pipelines.errors import RegistryError, StoreError
from pipelines.fusion.bundle import bundle_id, load_bundle
from pipelines.registry import register, tracking
from pipelines.registry.aliases import read_aliases, restore_champion, set_alias, set_champion
from pipelines.registry.lookup import connect, fetch_bundle, get_version, lookup
from pipelines.registry.register import register_bundle, registry_state

MakeBundle = Callable[..., Path]


def test_a_bundle_is_registered_with_its_run(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    bundle, receipt = make_bundle(), paths.home / "receipt.json"
    receipt.write_text("{}")

    version = register_bundle(
        bundle,
        "weekly",
        {"head": "linear"},
        {"brier_h04": 0.1, "skill": float("nan")},
        {"dataset_version": "d1"},
        {"receipt": receipt},
    )

    entry = get_version(version)
    run = connect().get_run(entry.run_id)
    assert (version, entry.bundle_id) == ("1", bundle_id(bundle))
    assert run.data.params["head"] == "linear"
    assert run.data.metrics == {"brier_h04": 0.1}
    assert run.data.tags["dataset_version"] == "d1"
    assert run.data.tags["metrics_not_finite"] == "skill"
    assert run.info.status == "FINISHED"
    assert [f.path for f in connect().list_artifacts(entry.run_id, "receipt")] == [
        "receipt/receipt.json"
    ]


def test_the_same_bundle_is_registered_once(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    first = register_bundle(make_bundle(), "weekly")
    state = registry_state()

    assert register_bundle(make_bundle(), "weekly again") == first
    assert registry_state() == state


def test_another_bundle_is_another_version(paths: DeploymentPaths, make_bundle: MakeBundle) -> None:
    versions = [register_bundle(make_bundle(bias), "weekly") for bias in (-1.0, -2.0)]

    assert versions == ["1", "2"]


def test_a_killed_registration_is_finished_by_the_next(
    paths: DeploymentPaths, make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(register, "_create_version", die)
        register_bundle(make_bundle(), "killed")
    version = register_bundle(make_bundle(), "again")

    client = connect()
    experiment = client.get_experiment_by_name("denguard")
    assert len(client.search_runs([experiment.experiment_id])) == 1
    assert load_bundle(fetch_bundle(version)).meta.head == "linear"


def test_a_killed_registration_is_finished_although_a_param_is_another_one_now(
    paths: DeploymentPaths, make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(register, "_create_version", die)
        register_bundle(make_bundle(), "killed", {"train.seed": 7, "head": "linear"})
    changed = {"train.seed": 8, "head": "linear", "epochs": 0}
    version = register_bundle(make_bundle(), "again", changed)

    run = connect().get_run(get_version(version).run_id)
    assert run.data.params == {"train.seed": "7", "head": "linear", "epochs": "0"}
    assert run.data.tags["params_kept"] == "train.seed"


def test_an_alias_that_names_nothing_is_none(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    register_bundle(make_bundle(), "weekly")

    assert lookup(CHAMPION) is None


def test_a_new_champion_leaves_the_old_one_as_previous(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    one, two = (register_bundle(make_bundle(bias), "weekly") for bias in (-1.0, -2.0))
    set_champion(one)

    before = set_champion(int(two))

    assert before == {CHAMPION: one, CHALLENGER: None, PREVIOUS: None}
    assert read_aliases() == {CHAMPION: two, CHALLENGER: None, PREVIOUS: one}


def test_the_champion_again_changes_nothing(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    one, two = (register_bundle(make_bundle(bias), "weekly") for bias in (-1.0, -2.0))
    set_champion(one)
    set_champion(two)

    set_champion(two)

    assert read_aliases()[PREVIOUS] == one


def test_restoring_puts_both_aliases_back(paths: DeploymentPaths, make_bundle: MakeBundle) -> None:
    one, two = (register_bundle(make_bundle(bias), "weekly") for bias in (-1.0, -2.0))
    set_champion(one)
    state = registry_state()

    restore_champion(set_champion(two))

    assert registry_state() == state


def test_a_challenger_does_not_serve(paths: DeploymentPaths, make_bundle: MakeBundle) -> None:
    version = register_bundle(make_bundle(), "weekly")

    set_alias(CHALLENGER, version)

    assert read_aliases() == {CHAMPION: None, CHALLENGER: version, PREVIOUS: None}


def test_a_version_that_does_not_exist_cannot_serve(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    register_bundle(make_bundle(), "weekly")
    state = registry_state()

    with pytest.raises(RegistryError, match="99"):
        set_champion("99")
    assert registry_state() == state


def test_a_fetched_bundle_is_the_registered_one(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    made = make_bundle()
    folder = fetch_bundle(register_bundle(made, "weekly"))

    assert folder == paths.artifacts / "bundles" / bundle_id(made)
    assert bundle_id(folder) == bundle_id(made)


def test_a_damaged_cached_bundle_is_fetched_again(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    made = make_bundle()
    version = register_bundle(made, "weekly")
    folder = fetch_bundle(version)
    (folder / "bundle.json").write_text("{}")

    assert bundle_id(fetch_bundle(version)) == bundle_id(made)


def test_a_bundle_damaged_in_the_registry_is_refused(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    version = register_bundle(make_bundle(), "weekly")
    stored = min((paths.artifacts / "mlflow").rglob("model/artifacts/bundle/*/linear.safetensors"))
    stored.write_bytes(b"damaged")

    with pytest.raises(StoreError, match="damaged"):
        fetch_bundle(version)
    assert not list((paths.artifacts / "bundles").iterdir())


def test_a_reader_does_not_make_a_registry(nowhere: DeploymentPaths) -> None:
    with pytest.raises(RegistryError, match="no registry yet"):
        lookup(CHAMPION)
    assert not (nowhere.artifacts / "mlflow").exists()


def test_first_use_from_parallel_processes_makes_one_registry(nowhere: DeploymentPaths) -> None:
    forked = multiprocessing.get_context("fork")  # they need not load MLflow anew
    several = [forked.Process(target=tracking.prepare) for _ in range(2)]
    for process in several:
        process.start()
    for process in several:
        process.join(timeout=200)

    assert [process.exitcode for process in several] == [0, 0]
    assert len(connect().search_experiments(filter_string="name = 'denguard'")) == 1


def test_mlflow_itself_can_load_and_predict(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    set_champion(register_bundle(make_bundle(), "weekly"))
    mlflow.set_tracking_uri(paths.tracking_uri)

    model = mlflow.pyfunc.load_model("models:/denguard@champion")
    plain = {"municipality_code": "05001", "horizon_weeks": 4, "log1p_cases_lag00": 3.0}
    answer = model.predict(pd.DataFrame([plain, {**plain, "horizon_weeks": 1}]))
    with_vectors = model.predict(
        pd.DataFrame([{**plain, "image": [0.5, 1.0]}, {**plain, "image": None}])
    )

    assert answer["probability"].between(0, 1).all()
    assert with_vectors["probability"].tolist() == [answer["probability"][0]] * 2


def test_mlflow_loads_versions_whose_copy_of_the_model_code_has_the_former_name(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    set_champion(register_bundle(make_bundle(), "weekly"))
    (code,) = (paths.artifacts / "mlflow").rglob("pyfunc_model.py")
    code.write_text(code.read_text().replace("load_verified_bundle", "load_sound"))
    mlflow.set_tracking_uri(paths.tracking_uri)
    assert mlflow.pyfunc.load_model("models:/denguard@champion").metadata is not None


def test_a_provisional_version_says_so_until_its_bundle_is_judged(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    version = register_bundle(make_bundle(), "weekly", provisional=True)
    assert get_version(version).provisional
    assert register_bundle(make_bundle(), "weekly again") == version
    assert not get_version(version).provisional
