"""Refits that are prepared on all cores are those that are trained one after another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.config import Profile
from pipelines.errors import TrainingError
from pipelines.evaluate.refits import Refits
from pipelines.fusion.examples import Examples
from pipelines.run.cores import CORES
from pipelines.storage import manifest_of
from pipelines.training import recipe
from pipelines.weeks import CDC

Rows = dict[int, Examples]
ORIGINS = [CDC.week_no(week) for week in ("2013-w26", "2013-w39", "2014-w26", "2014-w39")]


def test_their_files_are_the_same_bytes_on_any_number_of_cores(
    examples: Rows, short_profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cores in ("1", "2"):
        monkeypatch.setenv(CORES, cores)
        refits = Refits(examples, "linear", short_profile, tmp_path / cores)
        refits.prepare(ORIGINS)
        for origin in ORIGINS:
            assert refits.at(origin) is not None
    one_by_one = Refits(examples, "linear", short_profile, tmp_path / "asked")
    for origin in ORIGINS:
        one_by_one.at(origin)
    found = [manifest_of(tmp_path / name) for name in ("1", "2", "asked")]
    assert found[0] == found[1] == found[2]
    assert len({Path(name).parts[1] for name in found[0]}) == len(ORIGINS)


def test_what_is_kept_is_not_trained_again(
    examples: Rows, short_profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Refits(examples, "linear", short_profile, tmp_path).prepare(ORIGINS)
    monkeypatch.setattr(recipe, "train_recipe", None)
    again = Refits(examples, "linear", short_profile, tmp_path)
    again.prepare(ORIGINS)
    assert all(again.at(origin) is not None for origin in ORIGINS)


def test_an_origin_that_cannot_be_trained_says_so_when_it_is_asked_for(
    examples: Rows, short_profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, late = recipe.train_recipe, ORIGINS[-1]

    def not_the_last(rows: Rows, *others: object) -> object:
        if max(int(np.max(own.target_week_no)) for own in rows.values()) > ORIGINS[-2]:
            raise TrainingError("no way", fix="none")
        return train(rows, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(recipe, "train_recipe", not_the_last)
    refits = Refits(examples, "linear", short_profile, tmp_path)
    refits.prepare(ORIGINS)
    assert refits.at(ORIGINS[0]) is not None
    with pytest.raises(TrainingError, match="no way"):
        refits.at(late)
