"""Which years a run replays."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
import yaml
from support.outputs import stored

from pipelines import steps
from pipelines.errors import StoreError
from pipelines.run import open_run
from pipelines.storage import write_json


def test_a_run_whose_snapshot_names_no_test_years_does_not_replay_none_in_silence(
    home: Path,
) -> None:
    profile = yaml.safe_load((resources.files("pipelines") / "conf" / "ci.yaml").read_text())
    profile["profile"], profile["evaluate"]["test_years"] = "newest", {"last": 2}
    (home / "profiles").mkdir(exist_ok=True)
    (home / "profiles" / "newest.yaml").write_text(yaml.safe_dump(profile))
    steps.start("old", {"profile": "newest"})
    snapshot = stored("snapshot")
    del snapshot["test_years"]
    write_json(open_run("old").folder / "snapshot.json", snapshot)
    with pytest.raises(StoreError, match="named no test years"):
        steps.backtest_years("old")
