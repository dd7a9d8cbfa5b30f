"""`denguard prune`: what nothing needs goes, what serves, is published or pinned stays whole."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.five_runs import AGES, NOW, SHORT, age, copied, plant, share
from support.outputs import leave
from support.planted_lineage import Planter, Store
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import DeploymentPaths, load_profile
from pipelines.errors import BusyError, ConfigError, StoreError
from pipelines.lineage import trace
from pipelines.ops.prune.pins import pin, unpin
from pipelines.ops.prune.plan import Plan, plan
from pipelines.ops.prune.removal import prune
from pipelines.registry.lookup import connect
from pipelines.retention_config import RetentionConfig
from pipelines.run import Run, RunParams
from pipelines.run.events import append_event, read_events
from pipelines.run.lock import hold
from pipelines.run.outputs import RegisterOutput
from pipelines.storage import manifest_of, read_json, shared, write_atomic, write_json
from pipelines.storage.kept import write_in_use
from pipelines.storage.remote import Folder
from pipelines.storage.transfer import Manifest


def move_mlflow(home: Path, ages: dict[str, int]) -> None:
    """Let MLflow's runs have begun so long ago, with their files in this home."""
    import sqlite3

    with sqlite3.connect(home / "artifacts" / "mlflow" / "mlflow.db") as database:
        for run, uri in database.execute("select run_uuid, artifact_uri from runs").fetchall():
            there = home / "artifacts" / "mlflow" / "artifacts" / run / "artifacts"
            assert there.is_dir(), uri
            database.execute(
                "update runs set artifact_uri = ?, start_time = ? where run_uuid = ?",
                (there.as_uri(), int(NOW.timestamp() * 1000), run),
            )
        for name, weeks in ages.items():
            began = (NOW - timedelta(weeks=weeks)).timestamp()
            database.execute(
                "update runs set start_time = ? where name = ?", (int(began * 1000), name)
            )


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home = tmp_path_factory.mktemp("five-runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENGUARD_HOME", str(home))
        for variable in ("MLFLOW_TRACKING_URI", "DENGUARD_DVC_REMOTE", "DENGUARD_ARTIFACTS_URI"):
            patch.delenv(variable, raising=False)
        yield plant(home)


@pytest.fixture
def store(planted: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    home = tmp_path / "home"
    monkeypatch.setenv("DENGUARD_HOME", str(home))
    for variable in ("MLFLOW_TRACKING_URI", "DENGUARD_DVC_REMOTE", "DENGUARD_ARTIFACTS_URI"):
        monkeypatch.delenv(variable, raising=False)
    return copied(planted, home)


def going(found: Plan, room: str) -> set[str]:
    return {one.name.removeprefix(f"artifacts/{room}/") for one in found.rooms().get(room, [])}


def there(store: Store, room: str) -> set[str]:
    return {path.name for path in (store.paths.artifacts / room).iterdir()}


def some(store: dict[str, str], *runs: str) -> set[str]:
    return {store[run] for run in runs}


def test_a_list_comes_first_and_touches_nothing(store: Store) -> None:
    before = manifest_of(store.paths.home)
    found = plan(store.paths, SHORT, NOW)
    assert going(found, "datasets") == some(store.datasets, "oldest", "refused")
    assert found.bytes == sum(one.bytes for one in found.items) > 0
    assert all(one.why and one.bytes >= 0 for one in found.items)
    assert manifest_of(store.paths.home) == before


def test_what_is_old_and_needed_by_nothing_goes_and_the_rest_is_whole(store: Store) -> None:
    kept = ("older", "before", "newest")
    prune(store.paths, SHORT, NOW)
    assert there(store, "datasets") == some(store.datasets, *kept)
    assert there(store, "features") == some(store.features, *kept)
    assert there(store, "candidates") == {"c42", "c43", "c44"}
    for what in ("champion", "previous", *some(store.forecasts, *kept)):
        assert trace(what, store.paths, by_content=True, direction="up").broken == ()


def test_a_forecast_and_its_report_outlive_what_they_rested_on_and_trace_says_so(
    store: Store,
) -> None:
    prune(store.paths, SHORT, NOW)
    assert there(store, "forecasts") == set(store.forecasts.values())
    assert there(store, "reports") == set(AGES)
    found = trace(store.forecasts["oldest"], store.paths)
    assert found.broken == ()
    day = next(read_events(store.paths, "pruned"))["at"][:10]
    nodes = found.graph.nodes
    assert nodes[f"features:{store.features['oldest']}"].facts["pruned"] == day
    assert nodes[f"dataset:{store.datasets['oldest']}"].facts["pruned"] == day
    assert nodes["validation:oldest"].facts["pruned"] == day
    assert "pruned" not in nodes[f"forecast:{store.forecasts['oldest']}"].facts


def test_what_was_lost_otherwise_is_still_a_broken_link(store: Store) -> None:
    prune(store.paths, SHORT, NOW)
    shutil.rmtree(store.paths.artifacts / "features" / store.features["newest"])
    assert ["is missing" in link.what for link in trace("champion", store.paths, "up").broken] == [
        True
    ]


def test_runs_lose_their_tables_first_then_all_but_the_records_behind_a_forecast(
    store: Store,
) -> None:
    prune(store.paths, SHORT.model_copy(update={"tables_weeks": 1}), NOW)
    runs = store.paths.artifacts / "runs"
    tables = {run for run in AGES if (runs / run / "validation" / "tables").is_dir()}
    checked = {run for run in AGES if (runs / run / "validation" / "issues.json").is_file()}
    assert tables == {"newest"}
    assert checked == {"older", "before", "newest"}
    assert all((runs / run / "forecast.json").is_file() for run in AGES)


def test_forecasts_may_have_a_retention_too_and_then_their_runs_go(store: Store) -> None:
    prune(store.paths, SHORT.model_copy(update={"forecasts": 55}), NOW)
    assert there(store, "forecasts") == some(store.forecasts, *set(AGES) - {"oldest"})
    assert there(store, "reports") == there(store, "runs") == set(AGES) - {"oldest"}


def test_versions_that_went_are_off_the_index_and_the_others_on_it(store: Store) -> None:
    from pipelines.versioning import read_index

    prune(store.paths, SHORT, NOW)
    kept = {f"samples-{store.datasets[run]}" for run in ("older", "before", "newest")}
    assert {name for name in read_index(store.paths) if name.startswith("samples-")} == kept


def test_what_is_pinned_stays_with_all_that_it_rests_on_until_it_is_unpinned(store: Store) -> None:
    pin(store.paths, store.forecasts["oldest"], "Ana", "asked for by the court")
    found = plan(store.paths, SHORT, NOW)
    assert going(found, "features") == some(store.features, "refused")
    assert f"features-{store.features['oldest']}" not in going(found, "versions")
    prune(store.paths, SHORT, NOW)
    assert trace(store.forecasts["oldest"], store.paths, "up", by_content=True).broken == ()
    unpin(store.paths, store.forecasts["oldest"])
    assert going(plan(store.paths, SHORT, NOW), "features") == some(store.features, "oldest")


def test_a_pinned_report_keeps_the_forecast_that_it_shows_and_what_that_rests_on(
    store: Store,
) -> None:
    short = SHORT.model_copy(update={"forecasts": 55})
    assert going(plan(store.paths, short, NOW), "forecasts") == some(store.forecasts, "oldest")
    pin(store.paths, "report:oldest", "Ana", "asked for by the court")
    found = plan(store.paths, short, NOW)
    assert going(found, "forecasts") == going(found, "reports") == set()
    assert going(found, "features") == some(store.features, "refused")


def test_a_pin_needs_a_reason_and_something_to_pin(store: Store) -> None:
    with pytest.raises(ConfigError, match="a reason"):
        pin(store.paths, "champion", "Ana", " ")
    with pytest.raises(ConfigError, match="nothing here is called"):
        pin(store.paths, "no-such-thing", "Ana", "why not")
    with pytest.raises(ConfigError, match="nothing is pinned"):
        unpin(store.paths, "champion")


def nobody_serves(store: Store) -> None:
    """So that neither an alias nor the audit keeps anything."""
    from pipelines.registry.lookup import connect

    for alias in ("champion", "previous"):
        connect(store.paths).delete_registered_model_alias("denguard", alias)
    (store.paths.artifacts / "audit" / "audit.jsonl").unlink(missing_ok=True)


@pytest.mark.parametrize(("weeks", "also"), [(40, ()), (20, ("older",))])
def test_what_a_published_forecast_rests_on_has_a_retention_of_its_own(
    store: Store, weeks: int, also: tuple[str, ...]
) -> None:
    nobody_serves(store)
    found = plan(store.paths, SHORT.model_copy(update={"versions_weeks": weeks}), NOW)
    assert going(found, "features") == some(store.features, "oldest", "refused", *also)


def test_what_an_alias_names_stays_at_any_age(store: Store) -> None:
    from pipelines.registry.lookup import connect

    nobody_serves(store)
    client = connect(store.paths)
    for alias in ("champion", "challenger", "previous", "superseded"):
        assert "c40" in going(plan(store.paths, SHORT, NOW), "candidates")
        client.set_registered_model_alias("denguard", alias, "1")
        found = plan(store.paths, SHORT, NOW)
        assert going(found, "features") == some(store.features, "refused"), alias
        assert "c40" not in going(found, "candidates")
        client.delete_registered_model_alias("denguard", alias)


def test_model_versions_and_their_runs_go_from_a_registry_of_the_homes_own(store: Store) -> None:
    from mlflow.entities import ViewType

    from pipelines.registry.lookup import connect, fetch_bundle

    client = connect(store.paths)
    client.set_model_version_tag("denguard", "2", "rolled_back", "alarms that nobody understood")
    move_mlflow(store.paths.home, {"oldest": 60, "refused": 50, "older": 30})
    runs = {v.version: v.run_id for v in client.search_model_versions("name = 'denguard'")}
    prune(store.paths, SHORT, NOW)
    left = {str(v.version) for v in client.search_model_versions("name = 'denguard'")}
    assert left == {"2", "3", "4", "5"}, "what was taken out of service stays known as such"
    files = {path.name for path in (store.paths.artifacts / "mlflow" / "artifacts").iterdir()}
    assert files == {run for version, run in runs.items() if str(version) != "1"}
    experiment = client.get_experiment_by_name("denguard").experiment_id
    assert len(client.search_runs([experiment], run_view_type=ViewType.ACTIVE_ONLY)) == 4
    for version in ("3", "4", "5"):
        shutil.rmtree(store.paths.artifacts / "bundles", ignore_errors=True)
        fetch_bundle(version, paths=store.paths)
    found = trace(store.forecasts["oldest"], store.paths)
    assert found.broken == ()
    assert "pruned" in found.graph.nodes["model_version:denguard/1"].facts


def test_where_the_audit_says_a_rollback_went_stays(store: Store) -> None:
    from pipelines.registry import audit

    facts = {"model_name": "denguard", "bundle_id": "b", "run_id": None, "by": "Ana", "reason": "r"}
    audit.append(store.paths, action="rollback", from_version="5", to_version="1", **facts)
    audit.append(store.paths, action="promote", from_version="4", to_version="5", **facts)
    assert going(plan(store.paths, SHORT, NOW), "features") == some(store.features, "refused")


def test_the_accepted_dataset_and_its_features_stay_at_any_age(store: Store) -> None:
    path = store.paths.artifacts / "accepted.json"
    write_json(path, {**read_json(path), "dataset_version": store.datasets["refused"]})
    found = plan(store.paths, SHORT, NOW)
    assert going(found, "datasets") == some(store.datasets, "oldest")
    assert going(found, "features") == some(store.features, "oldest")


def test_ages_are_counted_up_to_the_newest_run_so_that_a_clock_that_is_ahead_deletes_nothing(
    store: Store,
) -> None:
    late = plan(store.paths, SHORT, NOW + timedelta(weeks=1000))
    assert [one for one in late.items if one.room != "leftovers"] == list(
        plan(store.paths, SHORT, NOW).items
    )


def test_the_newest_runs_stay_whole_whatever_their_stamps_say(store: Store) -> None:
    for run in ("before", "older", "refused"):
        for made in (
            f"datasets/{store.datasets[run]}",
            f"features/{store.features[run]}",
            f"runs/{run}",
        ):
            age(store.paths.home, f"artifacts/{made}", 500)
    retention = SHORT.model_copy(update={"at_least_runs": 4})
    kept = plan(store.paths, retention, NOW)
    assert len(going(kept, "datasets")) == 1


def test_a_registry_that_does_not_answer_means_that_nothing_goes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store.paths.home}/gone/mlflow.db")
    with pytest.raises(StoreError, match="cannot be known what is needed: the registry"):
        prune(store.paths, SHORT, NOW)
    assert there(store, "datasets") == set(store.datasets.values())


def test_a_damaged_record_or_file_of_pins_means_that_nothing_goes(store: Store) -> None:
    record = store.paths.artifacts / "runs" / "older" / "snapshot.json"
    whole = record.read_text()
    record.write_text("{")
    with pytest.raises(StoreError, match="the record of snapshot cannot be read"):
        plan(store.paths, SHORT, NOW)
    record.write_text(whole)
    write_json(store.paths.artifacts / "pins.json", {"pins": {"champion": {"nodes": 7}}})
    with pytest.raises(StoreError, match="file of pins is damaged"):
        plan(store.paths, SHORT, NOW)


def test_while_a_run_is_at_work_nothing_goes(store: Store) -> None:
    with hold(store.paths, "weekly"), pytest.raises(BusyError, match="weekly"):
        prune(store.paths, SHORT, NOW)
    assert there(store, "datasets") == set(store.datasets.values())


def test_what_goes_is_announced_before_it_is_touched(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.ops.prune import removal

    def refuse(path: Path) -> None:
        raise OSError(28, "no space", str(path))

    monkeypatch.setattr(removal, "remove", refuse)
    with pytest.raises(OSError, match="no space"):
        prune(store.paths, SHORT, NOW)
    announced = {name for event in read_events(store.paths, "pruned") for name in event["names"]}
    assert f"artifacts/datasets/{store.datasets['oldest']}" in announced
    assert there(store, "datasets") == set(store.datasets.values())


def prune_until_killed(store: Store, folders: int) -> int:
    """Prune in a process of its own that kill -9 ends inside the deletion of that many-th
    folder."""
    from pipelines.ops.prune import removal

    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left, delete = [folders], removal._delete

    def half(path: Path) -> None:
        left[0] -= path.is_dir()
        if path.is_dir() and left[0] == 0:
            next(p for p in sorted(path.rglob("*")) if p.is_file()).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        delete(path)

    removal._delete = half
    try:
        prune(store.paths, SHORT, NOW)
    finally:
        os._exit(1)


@pytest.mark.parametrize("folders", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_kill_9_leaves_nothing_half_under_its_name_and_the_next_call_finishes(
    store: Store, tmp_path: Path, folders: int
) -> None:
    home = store.paths.home
    whole = Path(shutil.copytree(home, tmp_path / "whole"))
    undisturbed = manifest_of(whole)
    assert prune_until_killed(store, folders) == -signal.SIGKILL
    halves = [
        p
        for room in ("datasets", "features", "candidates", "runs")
        for p in (home / "artifacts" / room).glob(".*.pruned")
    ]
    assert len(halves) == 1
    for room in ("datasets", "features", "candidates"):
        for folder in (home / "artifacts" / room).glob("[!.]*"):
            found = {
                f"artifacts/{room}/{folder.name}/{n}": s for n, s in manifest_of(folder).items()
            }
            assert found == {
                n: undisturbed[n]
                for n in undisturbed
                if n.startswith(f"artifacts/{room}/{folder.name}/")
            }
    prune(store.paths, SHORT, NOW)
    assert not list((home / "artifacts").rglob(".*.pruned"))
    assert trace("champion", store.paths, "up", by_content=True).broken == ()
    assert plan(store.paths, SHORT, NOW).items == ()
    assert there(store, "features") == some(store.features, "older", "before", "newest")


def test_the_files_of_a_run_of_mlflow_whose_deletion_was_cut_off_go_at_the_next_call(
    store: Store,
) -> None:
    files = store.paths.artifacts / "mlflow" / "artifacts"
    half, other = files / f".{'1a' * 16}.pruned", files / ".notes.pruned"
    for folder in (half, other):
        write_atomic(folder / "artifacts" / "gate.json", "{}")
    prune(store.paths, SHORT, NOW)
    assert not half.exists() and other.exists()


def test_leftovers_of_killed_writers_go_after_a_day_and_no_file_of_a_drop_does(
    store: Store,
) -> None:
    home, old = store.paths.home, (NOW - timedelta(days=2)).timestamp()
    over = [
        "artifacts/datasets/.abc.k3_x9a2b/part",
        "artifacts/runs/newest/.gate.json.k3_x9a2b",
        "data/drops/.2018-12-04.abcdefgh/drop.yaml",
        "artifacts/bundles/.fetch-k3_x9a2b/b",
    ]
    stay = [
        "artifacts/datasets/.young.k3_x9a2b/part",
        "data/drops/2018-10-10/.notes.abcdefgh",
        "artifacts/versions/data-x/2018-10-10/.notes.abcdefgh",
    ]
    for name in (*over, *stay):
        path = write_atomic(home / name, "begun")
        stamp = NOW.timestamp() if "young" in name else old
        os.utime(path, (stamp, stamp))
        os.utime(path.parent, (stamp, stamp))
    prune(store.paths, SHORT, NOW)
    assert [name for name in over if (home / name).exists()] == []
    assert [name for name in stay if not (home / name).exists()] == []


def test_what_a_run_of_another_machine_made_stays_before_it_forecasts(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path / "shared"))
    folder, sharing = store.paths.artifacts / "runs" / "oldest", shared(store.paths)
    assert sharing is not None
    for step in ("ingest", "validate", "snapshot", "features", "train", "gate"):
        record = folder / f"{step}.json"
        sharing.write_record(record.relative_to(store.paths.home).as_posix(), read_json(record))
    sharing.share(store.paths.artifacts / "decisions" / "oldest.json")
    shutil.rmtree(folder)
    assert going(plan(store.paths, SHORT, NOW), "features") == some(store.features, "refused")


def held_in_the_store(uri: Path) -> set[str]:
    """SHA-256 of all that is published, by the manifests."""
    files = [
        Manifest.model_validate_json(p.read_bytes()).files
        for p in (uri / "manifests").rglob("*.json")
    ]
    return {content.sha256 for held in files for content in held.values()}


@pytest.mark.parametrize("deletions", [None, 9])
def test_what_goes_here_goes_in_the_shared_store_with_the_objects_that_only_it_holds(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deletions: int | None
) -> None:
    uri, delete, left = tmp_path / "shared", Folder.delete, [deletions or 0]
    share(store, monkeypatch, uri)

    def refuse(self: Folder, key: str) -> None:
        left[0] -= self.uri == str(uri)
        if left[0] < 0 and self.uri == str(uri):
            raise StoreError("the share is gone")
        delete(self, key)

    if deletions is not None:
        monkeypatch.setattr(Folder, "delete", refuse)
        with pytest.raises(StoreError, match="the share is gone"):
            prune(store.paths, SHORT, NOW)
        monkeypatch.setattr(Folder, "delete", delete)
    prune(store.paths, SHORT, NOW)
    published = {p.stem for p in (uri / "manifests" / "artifacts" / "datasets").glob("*.json")}
    assert published == some(store.datasets, "older", "before", "newest")
    assert {p.name for p in (uri / "objects").rglob("*") if p.is_file()} == held_in_the_store(uri)
    found = trace(store.forecasts["oldest"], store.paths)
    assert found.broken == ()
    assert "pruned" in found.graph.nodes[f"dataset:{store.datasets['oldest']}"].facts
    shutil.rmtree(store.paths.artifacts / "features")  # of what stays, another machine finds all
    assert trace("champion", store.paths, "up").broken == ()


KEPT = {
    "readings": ("cache/readings", "{}"),
    "judged": ("cache/judged", "{}"),
    "checked": ("cache/checked", "{}"),
    "snapshots": ("cache/snapshots", "{}"),
    "metrics": ("cache/metrics", "{}"),
    "pictures": ("cache/pictures", "{}"),
    "refits": ("refits/denguard", "recipe/{}"),
}


@pytest.mark.parametrize("room", KEPT)
def test_of_what_is_kept_by_content_the_newest_runs_and_what_was_used_lately_stay(
    store: Store, room: str
) -> None:
    folder, form = KEPT[room]
    root = store.paths.artifacts / folder
    for name, weeks in (("used", 30), ("lately", 3), ("unused", 30)):
        write_json(root / form.format(name) / "facts.json", {})
        age(store.paths.home, f"artifacts/{folder}/{form.format(name)}", weeks)
    assert going(plan(store.paths, SHORT, NOW), room) == set(), "nobody knows which are used"
    write_in_use(root, [form.format("used")])
    prune(store.paths, SHORT, NOW)
    assert {path.parent.name for path in root.rglob("facts.json")} == {"used", "lately"}


@pytest.mark.parametrize("room", KEPT)
def test_a_record_of_uses_that_cannot_be_read_lets_nothing_go(store: Store, room: str) -> None:
    root = store.paths.artifacts / KEPT[room][0]
    root.mkdir(parents=True)
    write_atomic(root.with_name(f"{root.name}.json"), "damaged")
    with pytest.raises(StoreError):
        prune(store.paths, SHORT, NOW)


def test_backtests_go_when_no_kept_run_was_judged_by_them(store: Store) -> None:
    for name in ("kept", "old"):
        write_atomic(store.paths.artifacts / "backtests" / f"{name}.parquet", name)
        age(store.paths.home, f"artifacts/backtests/{name}.parquet", 30)
    write_json(
        store.paths.artifacts / "runs" / "before" / "backtest_2017.json",
        {"year": 2017, "candidates": "artifacts/backtests/kept.parquet"},
    )
    age(store.paths.home, "artifacts/runs/before", 1)
    prune(store.paths, SHORT, NOW)
    assert there(store, "backtests") == {"kept.parquet"}


def test_the_command_lists_then_does_it(store: Store) -> None:
    profile = write_atomic(
        store.paths.home / "profiles" / "short.yaml",
        "profile: short\ndata: {source: sample}\nretention: {tables_weeks: 2, runs_weeks: 10, "
        "versions_weeks: 40, at_least_runs: 2}\n",
    )
    runner = CliRunner()
    listed = runner.invoke(app, ["prune", "--profile", str(profile)])
    assert listed.exit_code == 0, listed.output
    assert "datasets: 2, " in listed.output and "nothing was touched" in listed.output
    assert len(there(store, "datasets")) == 5
    done = runner.invoke(app, ["prune", "--profile", str(profile), "--yes"])
    assert done.exit_code == 0, done.output
    assert len(there(store, "datasets")) == 3
    assert "Nothing goes" in runner.invoke(app, ["prune", "--profile", str(profile)]).output


def test_the_command_pins_says_so_and_takes_one_order_at_a_time(store: Store) -> None:
    runner = CliRunner()
    arguments = [
        "prune",
        "--pin",
        store.forecasts["oldest"],
        "--by",
        "Ana",
        "--reason",
        "asked by the court",
    ]
    assert "stay" in runner.invoke(app, arguments).output
    listed = runner.invoke(app, ["prune"]).output
    assert f"pinned: {store.forecasts['oldest']}, by Ana on " in listed
    assert ": asked by the court" in listed
    assert isinstance(runner.invoke(app, [*arguments, "--yes"]).exception, ConfigError)


def test_retention_does_not_become_shorter_for_what_matters_longer() -> None:
    with pytest.raises(ValueError, match="must not become shorter"):
        RetentionConfig(runs_weeks=30, versions_weeks=20)
    with pytest.raises(ValueError, match="must not become shorter"):
        RetentionConfig(forecasts=50)


def test_a_name_that_is_made_again_is_no_longer_pruned(store: Store) -> None:
    name = f"artifacts/datasets/{store.datasets['newest']}"
    append_event(store.paths, "pruned", {"room": "datasets", "names": [name], "bytes": 1})
    found = trace("champion", store.paths, "up")
    assert found.broken == ()
    assert not any("pruned" in node.facts for node in found.nodes())


@pytest.fixture(scope="module")
def unserved(planted: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Nobody serves. A person let the first run's bundle serve; the second one's was refused, so
    that it forecast by the first one's."""
    home = Path(shutil.copytree(planted.paths.home, tmp_path_factory.mktemp("unserved") / "home"))
    store = replace(planted, paths=DeploymentPaths(home=home), forecasts=dict(planted.forecasts))
    nobody_serves(store)
    move_mlflow(home, AGES)
    refused, maker = open_refused(store), Planter(store.paths)
    maker.store.bundles["refused"] = store.bundles["oldest"]
    maker.bulletin(refused, "2018-w41", store.datasets["refused"], "1")
    shutil.rmtree(home / "artifacts" / "forecasts" / store.forecasts["refused"])
    store.forecasts.update(maker.store.forecasts)
    waiting = {"version": None, "waiting_version": "1"}
    leave(replace(refused, run_id="oldest"), RegisterOutput, **waiting)
    age(home, "artifacts/runs/oldest", AGES["oldest"])
    for name in ("runs/refused", "reports/refused", f"forecasts/{store.forecasts['refused']}"):
        age(home, f"artifacts/{name}", AGES["refused"])
    for name in ("reports/older", f"forecasts/{store.forecasts['older']}"):
        age(home, f"artifacts/{name}", 500)  # as if an earlier run had made the very same
    return store


def open_refused(store: Store) -> Run:
    """The second run, with an MLflow run and no model version, as a refused one has."""
    run = Run("refused", RunParams(profile="ci"), load_profile("ci"), store.paths)
    run.finish(RegisterOutput(version=None, mlflow_run=recorded(store)["refused"]))
    connect(store.paths).delete_model_version("denguard", "2")
    return run


def recorded(store: Store) -> dict[str, str]:
    """Run -> its run of MLflow."""
    client = connect(store.paths)
    experiment = client.get_experiment_by_name("denguard").experiment_id
    return {run.info.run_name: run.info.run_id for run in client.search_runs([experiment])}


def kept_of(store: Store, found: Plan) -> dict[str, set[str]]:
    """Old run -> rooms in which what it made stays whole."""
    ids, deleted = recorded(store), {name for one in found.items for name in one.name.split()}
    kept = {}
    for number, run in enumerate(("oldest", "refused", "older")):
        made = {
            "datasets": store.datasets[run],
            "features": store.features[run],
            "candidates": f"c{40 + number}",
            "forecasts": store.forecasts[run],
            "reports": run,
            "runs": run,
        }
        paths = {room: f"artifacts/{room}/{name}" for room, name in made.items()}
        assert all((store.paths.home / path).is_dir() for path in paths.values())
        parts = {**paths, "mlflow": f"mlflow_run:{ids[run]}"}
        kept[run] = {
            room for room, path in parts.items() if deleted.isdisjoint((path, f"{path}/validation"))
        }
    return kept


DATA = {"datasets", "runs"}
FORECAST = {*DATA, "features", "forecasts"}
TRAINED = {*DATA, "features", "candidates", "mlflow"}
WHOLE = {*TRAINED, "forecasts", "reports"}
FORGETFUL = RetentionConfig(
    tables_weeks=2, runs_weeks=10, versions_weeks=10, forecasts=10, at_least_runs=2
)
NEEDED: dict[str, dict[str, set[str]]] = {  # what is pinned -> what stays of each run
    "model_version:denguard/1": {"oldest": TRAINED},
    "bundle:{bundles[oldest]}": {"oldest": TRAINED},
    "forecast:{forecasts[refused]}": {"oldest": TRAINED, "refused": FORECAST},
    "report:refused": {"oldest": TRAINED, "refused": WHOLE - {"mlflow"}},
    "features:{features[refused]}": {"refused": {*DATA, "features"}},
    "dataset:{datasets[refused]}": {"refused": DATA},
}


@pytest.mark.parametrize("what", NEEDED)
def test_what_is_needed_stays_with_all_that_it_rests_on_and_nothing_else_does(
    unserved: Store, what: str
) -> None:
    pin(unserved.paths, what.format(**vars(unserved)), "Ana", "asked for by the court")
    kept = kept_of(unserved, plan(unserved.paths, FORGETFUL, NOW))
    (unserved.paths.artifacts / "pins.json").unlink()
    nothing: dict[str, set[str]] = {"oldest": set(), "refused": set(), "older": set()}
    assert kept == nothing | NEEDED[what]


def test_all_that_the_newest_runs_made_stays_whatever_its_age(unserved: Store) -> None:
    kept = kept_of(
        unserved, plan(unserved.paths, FORGETFUL.model_copy(update={"at_least_runs": 4}), NOW)
    )
    assert kept == {"oldest": TRAINED, "refused": WHOLE, "older": WHOLE}


def test_a_forecast_is_as_young_as_the_youngest_run_that_made_it(unserved: Store) -> None:
    longer = FORGETFUL.model_copy(update={"versions_weeks": 40, "forecasts": 45})
    kept = kept_of(unserved, plan(unserved.paths, longer, NOW))
    assert kept == {"oldest": set(), "refused": set(), "older": WHOLE}
