"""Which inputs of a new vector space are kept to check its encoder by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines.config import DeploymentPaths, Profile
from pipelines.embed.base import Encoder
from pipelines.embed.golden import GOLDEN_INPUTS, keep_or_check_golden
from pipelines.embed.plan import plan_embedding
from pipelines.embed.work import read_work
from pipelines.storage import read_json


def test_golden_prompts_are_of_all_units_and_not_the_first_weeks_of_one(
    make_dataset: Callable[..., Path],
    profile: Profile,
    paths: DeploymentPaths,
    minilm: Encoder,
    tmp_path: Path,
) -> None:
    plan = plan_embedding(make_dataset(weeks=20, scenes=0), profile, paths)
    (work,) = (w for file in plan.work_files if (w := read_work(file)).modality == "text")
    keep_or_check_golden(tmp_path / "space", minilm, work, paths.data)
    kept = [one["sha256"] for one in read_json(tmp_path / "space" / "golden.json")["inputs"]]  # type: ignore[attr-defined]
    at = [[one.sha256 for one in work.inputs].index(sha256) for sha256 in kept]
    units = {plan.new_inputs["text"][place].split()[0] for place in at}
    assert len(kept) == GOLDEN_INPUTS == len(set(kept))
    assert units == {name.split()[0] for name in plan.new_inputs["text"]}
