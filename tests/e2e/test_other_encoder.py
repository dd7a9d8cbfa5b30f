"""An encoder is changed under a fused champion, over four weekly runs, and back again.

Scenes hold news here, so that fusion is promoted; the text encoder is what changes.
"""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import multilingual
from support.drops import table_drop
from support.homes import Home
from support.planted_scenes import planted_scenes
from support.tabular import cut_table

from pipelines.config import DeploymentPaths
from pipelines.data.drop_info import DropInfo
from pipelines.data.sources import sample
from pipelines.data.sources.sample import package_table
from pipelines.embed.base import describe_encoder
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.lineage import trace

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]
UNITS = (
    *("05001", "05360", "08001", "23001", "41001"),
    *("50001", "54001", "68001", "73001", "76001"),
)
STRENGTH = 0.9
WHO = ("--by", "Ana", "--reason", "Spanish prompts")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A deployment after its first run, whose champion is fused."""
    made, work = Home(tmp_path_factory.mktemp("planted")), tmp_path_factory.mktemp("work")
    table, images = cut_table(work / "metadata.csv"), work / "images"
    months = (sample.FIRST_SCENE_MONTH, sample.LAST_SCENE_MONTH)
    planted_scenes(table, UNITS, months, STRENGTH, 1, images)
    drops = made.path / "data" / "drops"
    table_drop(table, images, drops, sample.SAMPLE_INFO, until=sample.UNTIL_WEEK)
    _profile(made.path / "profiles" / "ci.yaml")
    (made.path / "text.yaml").write_text(yaml.safe_dump(multilingual.config().recipe()))
    made.run_cycle_here("first")
    assert made.output("first", "gate")["head"] == "late_joint"
    return made


def _profile(path: Path) -> None:
    """The `ci` profile, judged on the ten municipalities that have scenes."""
    import pipelines

    shipped = Path(pipelines.__file__).parent / "conf" / "ci.yaml"
    raw: dict[str, Any] = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    raw["data"]["text_window"] |= {"municipalities": list(UNITS[:3]), "first_week": "2014-w01"}
    raw["evaluate"]["municipalities"] = list(UNITS)
    raw["train"] = {
        "lambda_grid": [0.0, 0.5],
        "max_epochs": 30,
        "learning_rate": 1e-4,
        "weight_decay": 1.0,
        "candidates": ["linear", "late_joint"],
    }
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")


def next_week(home: Home, received: date, until: str) -> None:
    """One more weekly drop of the same 45 municipalities."""
    drops = home.path / "data" / "drops"
    with (drops / "2018-12-04" / "metadata.csv").open(encoding="utf-8", newline="") as handle:
        own = {row[0] for row in csv.reader(handle)}
    with package_table().open(encoding="utf-8", newline="") as handle:
        kept = [row for row in csv.reader(handle) if row[0] in own]
    with (home.path / "week.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(kept)
    info = DropInfo(
        received_date=received,
        scene_period="month",
        scene_latency_days=0,
        climate_latency_days=0,
        synthetic_scenes=True,
        source_note="test",
    )
    table_drop(home.path / "week.csv", None, drops, info, until=until)


def spaces(home: Home, run_id: str) -> tuple[str | None, str | None]:
    """Text encoders of a run's features, and of those that the champion reads beside them."""
    made = home.output(run_id, "features")
    folders = [made["features"], (made.get("champion") or {}).get("features")]
    found = [f and home.output_of(f, "features.json")["text"]["encoder"] for f in folders]
    return found[0], found[1]


def published(home: Home, run_id: str, week: str) -> None:
    """The run's forecast is the week's, and every link behind it holds."""
    made = home.output(run_id, "forecast")["forecast_version"]
    assert made.startswith(week)
    assert not trace(made, DeploymentPaths(home=home.path)).broken


def stored(home: Home) -> set[str]:
    paths = DeploymentPaths(home=home.path)
    spec = describe_encoder(multilingual.config(), paths)
    return set(EmbeddingStore(store_root(paths), spec).locations())


def test_four_weekly_runs_miss_no_bulletin_while_an_encoder_is_changed_and_changed_back(
    home: Home, tmp_path: Path
) -> None:
    file = str(home.path / "text.yaml")
    home.denguard_here("adopt-encoder", "--profile", "ci", "--text", file, *WHO)
    next_week(home, date(2018, 12, 11), "2018-w49")
    home.run_cycle_here("second")
    assert spaces(home, "second") == ("hf_text", None)  # history is not embedded yet
    published(home, "second", "2018-w49")

    began = home.start("reembed", "--profile", "ci")
    home.kill_when(began, lambda: bool(stored(home)))
    before = stored(home)
    assert "the next run trains" in home.denguard_here("reembed", "--profile", "ci")
    assert before < stored(home)

    next_week(home, date(2018, 12, 18), "2018-w50")
    home.run_cycle_here("third")
    assert spaces(home, "third") == ("use_text", "hf_text")
    decided = home.output("third", "gate")
    reasons = " ".join(decided["reasons"])
    assert "the champion's recipe (Brier difference" in reasons  # on the same rows
    read = home.output("third", "forecast").get("feature_version")
    theirs = home.output("third", "features")["champion"]["feature_version"]
    assert (read == theirs) == (
        decided["decision"] == "keep"
    )  # a champion that stays reads its own
    published(home, "third", "2018-w50")
    _pulled(home, "third", tmp_path)

    home.denguard_here("adopt-encoder", "--profile", "ci", "--back", *WHO)
    next_week(home, date(2018, 12, 25), "2018-w51")
    home.run_cycle_here("fourth")
    assert spaces(home, "fourth")[0] == "hf_text"
    published(home, "fourth", "2018-w51")


def _pulled(home: Home, run_id: str, to: Path) -> None:
    """Both feature versions of a run reach an analyst."""
    made = home.output(run_id, "features")
    for version in (made["feature_version"], made["champion"]["feature_version"]):
        home.denguard_here("pull", "features", "--version", version, "--to", str(to))
        assert (to / f"features-{version}" / "features.json").is_file()
