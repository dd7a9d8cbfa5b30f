"""The road walked three times: new, unchanged, and with four more weeks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.roads import Home, next_drop

from pipelines.storage import manifest_of

pytestmark = pytest.mark.e2e


def test_the_first_run_leaves_a_champion_a_forecast_and_a_report(walked: Home) -> None:
    assert walked.output("first", "gate")["decision"] == "promote"
    assert walked.output("first", "deploy")["deployed"] is True
    forecast = walked.path / str(walked.output("first", "forecast")["forecast"])
    assert {p.name for p in forecast.iterdir()} == {
        "forecast.parquet",
        "forecast.csv",
        "forecast.json",
    }
    report = walked.path / str(walked.output("first", "report")["report"])
    first_line = str(walked.output("first", "gate")["first_line"])
    assert "the linear head" in first_line
    assert first_line.split(" (")[0] in report.read_text(encoding="utf-8")


def test_a_second_run_on_unchanged_input_embeds_nothing_and_says_why_it_keeps(walked: Home) -> None:
    before, champion = walked.store(), walked.champion_bundle()
    walked.road("second")
    shards = walked.output("second", "plan_embedding")["shards"]
    made = [walked.output("second", f"embed_{shard:03d}") for shard in shards]
    assert made
    assert not any(m["encoder_started"] or m["embedded"] for m in made)
    assert walked.store() == before
    assert walked.champion_bundle() == champion
    decision = walked.output("second", "gate")
    assert decision["decision"] == "keep"
    assert "Nothing new" in " ".join(decision["reasons"])
    assert (
        walked.output("second", "forecast")["forecast"]
        == walked.output("first", "forecast")["forecast"]
    )


def test_a_drop_with_four_more_weeks_embeds_only_what_is_new_or_was_revised(
    walked: Home, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    subprocess.run(["cp", "-a", str(walked.path), str(home.path)], check=True, timeout=120)
    next_drop(home.path / "data" / "drops", tmp_path)
    before = home.store()

    home.road("third")

    listed = json.loads(
        (home.path / str(home.output("third", "plan_embedding")["new_inputs"])).read_text()
    )
    assert listed["image"] == ["drops/2019-01-02/images/5001/image_2018-12-16.tiff"]
    revised = {f"05001 2018-w{week}" for week in (45, 46, 47, 48)}
    fresh = {f"{unit} 2018-w{week}" for unit in ("05001", "76001") for week in (49, 50, 51, 52)}
    assert set(listed["text"]) == revised | fresh
    shards = home.output("third", "plan_embedding")["shards"]
    assert sum(home.output("third", f"embed_{s:03d}")["embedded"] for s in shards) == 13
    assert before.items() <= home.store().items(), "a stored shard changed"
    assert home.output("third", "gate")["decision"] == "promote"
    assert "fresher data" in " ".join(home.output("third", "gate")["reasons"])


def test_what_the_first_run_published_is_byte_equal_after_later_runs(walked: Home) -> None:
    dataset = walked.path / str(walked.output("first", "snapshot")["dataset"])
    before = manifest_of(dataset)
    walked.road("again")
    assert manifest_of(dataset) == before


def test_a_critical_drop_stops_the_run_and_changes_nothing(
    walked: Home, tmp_path: Path, new_home: Callable[[str], Home]
) -> None:
    home = Home(tmp_path / "home")
    subprocess.run(["cp", "-a", str(walked.path), str(home.path)], check=True, timeout=120)
    bad = next_drop(home.path / "data" / "drops", tmp_path) / "metadata.csv"
    bad.chmod(0o644)
    header, _, rest = bad.read_text(encoding="utf-8").partition("\n")
    bad.write_text(header.replace("Municipality code", "Town code") + "\n" + rest, encoding="utf-8")
    guarded = (
        "accepted.json",
        "mlflow",
        "bundles",
        "datasets",
        "versions",
        "embeddings",
        "forecasts",
    )
    before = {name: _state(home.path / "artifacts" / name) for name in guarded}

    code, said = home.denguard("run", "--profile", "ci", "--horizon", "4", "--run-id", "bad")

    assert code == 2
    assert "2019-01-02/metadata.csv row 1" in said
    assert "Municipality code" in said
    assert "What to do" in said
    assert {name: _state(home.path / "artifacts" / name) for name in guarded} == before


def _state(path: Path) -> object:
    return path.read_bytes() if path.is_file() else manifest_of(path)
