"""The whole cycle three times: new, unchanged, and with four more weeks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.homes import Home, next_drop

from pipelines import steps
from pipelines.client import Client
from pipelines.storage import manifest_of

pytestmark = pytest.mark.e2e


def test_the_first_run_leaves_a_champion_a_forecast_and_a_report(cycle: Home) -> None:
    assert cycle.output("first", "gate")["decision"] == "promote"
    assert cycle.output("first", "deploy")["deployed"] is True
    forecast = cycle.path / str(cycle.output("first", "forecast")["forecast"])
    assert {p.name for p in forecast.iterdir()} == {
        "forecast.parquet",
        "forecast.csv",
        "forecast.json",
    }
    report = cycle.path / str(cycle.output("first", "report")["report"])
    first_line = str(cycle.output("first", "gate")["first_line"])
    assert "the linear head" in first_line
    assert first_line.split(" (")[0] in report.read_text(encoding="utf-8")


def test_a_second_run_on_unchanged_input_embeds_nothing_and_says_why_it_keeps(cycle: Home) -> None:
    before, champion = cycle.store(), cycle.champion_bundle()
    cycle.run_cycle_here("second")
    shards = cycle.output("second", "plan_embedding")["shards"]
    made = [cycle.output("second", f"embed_{shard:03d}") for shard in shards]
    assert made
    assert not any(m["encoder_started"] or m["embedded"] for m in made)
    assert cycle.store() == before
    assert cycle.champion_bundle() == champion
    decision = cycle.output("second", "gate")
    assert decision["decision"] == "keep"
    assert "Nothing new" in " ".join(decision["reasons"])
    assert (
        cycle.output("second", "forecast")["forecast"]
        == cycle.output("first", "forecast")["forecast"]
    )


@pytest.mark.slow
def test_a_drop_with_four_more_weeks_embeds_only_what_is_new_or_was_revised(
    finished: Home, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    subprocess.run(["cp", "-a", str(finished.path), str(home.path)], check=True, timeout=120)
    next_drop(home.path / "data" / "drops", tmp_path)
    before = home.store()

    home.run_cycle_here("third")

    listed = json.loads(
        (home.path / str(home.output("third", "plan_embedding")["new_inputs"])).read_text()
    )
    assert listed["image"] == ["drops/2019-01-02/images/5001/image_2018-12-16.tiff"]
    # w48 keeps what was known at its origin: the first drop came that week, with the old count
    revised = {f"05001 2018-w{week}" for week in (45, 46, 47)}
    fresh = {f"{unit} 2018-w{week}" for unit in ("05001", "76001") for week in (49, 50, 51, 52)}
    assert set(listed["text"]) == revised | fresh
    shards = home.output("third", "plan_embedding")["shards"]
    assert sum(home.output("third", f"embed_{s:03d}")["embedded"] for s in shards) == 12
    assert before.items() <= home.store().items(), "a stored shard changed"
    assert home.output("third", "gate")["decision"] == "promote"
    assert "fresher data" in " ".join(home.output("third", "gate")["reasons"])

    analyst = Client(str(home.path / "artifacts" / "remote"))
    bulletin = analyst.pull("forecasts", "2018-w48", tmp_path / "pulled")
    assert manifest_of(bulletin) == manifest_of(
        finished.path / str(finished.output("first", "forecast")["forecast"])
    )
    vectors = manifest_of(analyst.pull("embeddings", "2018-w48", tmp_path / "pulled"))
    made = manifest_of(finished.path / str(finished.output("first", "features")["features"]))
    assert {n for n in made if n.startswith("shards/")} < vectors.keys()
    assert all(vectors[n] == sha for n, sha in made.items() if n.startswith("shards/"))
    _lineage_is_whole_both_ways(home)


def _lineage_is_whole_both_ways(home: Home) -> None:
    code, output = home.denguard("trace", "2018-12-04", "--json", "--verify")
    down = json.loads(output)
    assert (code, down["broken"]) == (0, [])
    runs = {path.name for path in (home.path / "artifacts" / "runs").iterdir()}
    assert {f"report:{run}" for run in runs} <= set(down["down"])

    code, output = home.denguard("trace", "2018-w52/05001/4", "--json", "--verify")
    up = json.loads(output)
    assert (code, up["broken"]) == (0, [])
    drops = {key.partition("@")[0] for key in up["up"] if key.startswith("drop:")}
    assert drops == {"drop:2018-12-04", "drop:2019-01-02"}
    features = home.output("third", "features")["feature_version"]
    assert {f"features:{features}", "validation:third", "decision:third"} <= set(up["up"])


@pytest.mark.slow
def test_what_the_first_run_published_is_byte_equal_after_later_runs(finished: Home) -> None:
    dataset = finished.path / str(finished.output("first", "snapshot")["dataset"])
    before = manifest_of(dataset)
    finished.run_cycle_here("again")
    assert manifest_of(dataset) == before


@pytest.mark.slow  # every kind of it is in tests/hostile/drop
def test_a_critical_drop_stops_the_run_and_changes_nothing(
    finished: Home, tmp_path: Path, new_home: Callable[[str], Home]
) -> None:
    home = Home(tmp_path / "home")
    subprocess.run(["cp", "-a", str(finished.path), str(home.path)], check=True, timeout=120)
    bad = next_drop(home.path / "data" / "drops", tmp_path) / "metadata.csv"
    bad.chmod(0o644)
    header, _, rest = bad.read_text(encoding="utf-8").partition("\n")
    bad.write_text(header.replace("Municipality code", "Town code") + "\n" + rest, encoding="utf-8")
    guarded = (
        "accepted.json",
        "mlflow",
        "bundles",
        "datasets",
        "embeddings",
    )
    before = {name: _state(home.path / "artifacts" / name) for name in guarded}
    made = manifest_of(home.path / "artifacts" / "forecasts")

    code, output = home.denguard("run", "--profile", "ci", "--horizon", "4", "--run-id", "bad")

    assert code == 2
    assert "2019-01-02/metadata.csv row 1" in output
    assert "Municipality code" in output
    assert "What to do" in output
    assert {name: _state(home.path / "artifacts" / name) for name in guarded} == before
    after = manifest_of(home.path / "artifacts" / "forecasts")  # and the one in this run's place
    assert made.items() < after.items()


def _state(path: Path) -> object:
    return path.read_bytes() if path.is_file() else manifest_of(path)


def test_a_step_run_again_does_only_what_is_missing(
    cycle: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_HOME", str(cycle.path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = written(cycle.path)

    shards = cycle.output("first", "plan_embedding")["shards"]
    again = [steps.embed_shard("first", shard) for shard in shards]
    steps.features("first")
    steps.train("first")
    for year in steps.backtest_years("first"):
        steps.backtest("first", year)

    assert not any(shard.encoder_started or shard.embedded for shard in again)
    assert written(cycle.path) == before


def written(home: Path) -> dict[Path, tuple[int, int]]:
    """Vectors, features, candidates and replayed years: file -> inode and time of writing, ns."""
    made = ("embeddings/store", "features", "candidates", "backtests")
    files = [p for name in made for p in (home / "artifacts" / name).rglob("*") if p.is_file()]
    assert {p.relative_to(home / "artifacts").parts[0] for p in files} == {
        "embeddings",
        "features",
        "candidates",
        "backtests",
    }
    return {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in files}
