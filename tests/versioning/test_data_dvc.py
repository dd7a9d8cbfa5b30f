"""The committed data.dvc names the deterministic sample drop, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from pipelines.data.sources.sample import make_sample_drop

ROOT = Path(__file__).parents[2]


def test_the_sample_drop_made_anew_is_the_one_that_data_dvc_names(tmp_path: Path) -> None:
    shutil.copytree(ROOT / ".dvc", tmp_path / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    shutil.copy(ROOT / "data.dvc", tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    make_sample_drop(tmp_path / "data" / "drops")

    dvc = [sys.executable, "-m", "dvc"]
    quiet = {**os.environ, "DVC_NO_ANALYTICS": "true", "DVC_SITE_CACHE_DIR": str(tmp_path / "site")}
    subprocess.run(
        [*dvc, "commit", "-q", "-f", "data.dvc"], cwd=tmp_path, env=quiet, check=True, timeout=120
    )

    assert (tmp_path / "data.dvc").read_bytes() == (ROOT / "data.dvc").read_bytes()
    status = subprocess.run(
        [*dvc, "status", "data.dvc"],
        cwd=tmp_path,
        env=quiet,
        check=True,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert "up to date" in status.stdout


def test_dvc_yaml_walks_the_steps_of_the_road_in_their_order() -> None:
    from pipelines.steps.runner import STEPS

    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    commands = " && ".join(stage["cmd"] for stage in stages.values())
    walked = [word.split()[2] for word in commands.split("&&") if " step " in f" {word} "]
    assert walked == ["start", *STEPS]


def test_dvc_yaml_declares_no_out_that_dvc_would_delete_or_cache() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for name, stage in stages.items():
        for out in [*stage.get("outs", []), *stage.get("metrics", [])]:
            ((path, how),) = out.items()
            assert how == {"cache": False, "persist": True}, f"{name}: {path}"
