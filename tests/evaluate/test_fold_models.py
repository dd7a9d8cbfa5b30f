"""Models of a past year that the same rows gave before are taken; they answer the same to the
bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.config import Profile, load_profile
from pipelines.contracts import HeadKind
from pipelines.evaluate import fold_models, kept_backtests
from pipelines.evaluate.backtest import backtest_year, write_predictions
from pipelines.evaluate.fold_models import ByHead, KeptFold, train_fold
from pipelines.evaluate.kept_backtests import backtest_to, content_of
from pipelines.fusion.examples import Examples
from pipelines.storage import write_atomic
from pipelines.testing.rows import make_examples
from pipelines.weeks import CDC

YEAR, HEADS = 2014, ("linear", "early", "late_joint")
Rows = dict[int, Examples]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[HeadKind]]:
    """The heads of each training that is made."""
    made: list[Sequence[HeadKind]] = []

    def counted(
        examples: Mapping[int, Examples],
        heads: Sequence[HeadKind],
        profile: Profile,
        cuts: Mapping[int, int],
    ) -> ByHead:
        made.append(heads)
        return train_fold(examples, heads, profile, cuts)

    monkeypatch.setattr(fold_models, "train_fold", counted)
    return made


def relabelled(rows: Rows, week: str) -> Rows:
    at = CDC.week_no(week)

    def own(of: Examples) -> Examples:
        return replace(of, label=np.where(of.target_week_no == at, 1 - of.label, of.label))

    return {h: own(one) for h, one in rows.items()}


def test_a_label_of_the_year_trains_nothing_and_gives_the_bytes_of_a_training(
    examples: Rows, short_profile: Profile, tmp_path: Path, trained: list[Sequence[HeadKind]]
) -> None:
    backtest_to(tmp_path / "a.parquet", examples, short_profile, HEADS, YEAR)
    later = relabelled(examples, "2014-w20")
    kept = backtest_to(tmp_path / "b.parquet", later, short_profile, HEADS, YEAR)
    assert trained == [HEADS]
    made = write_predictions(
        backtest_year(later, short_profile, HEADS, YEAR), tmp_path / "made.parquet"
    )
    assert kept.read_bytes() == made.read_bytes()
    assert kept.read_bytes() != (tmp_path / "a.parquet").read_bytes()


def test_a_label_of_the_past_trains_anew(
    examples: Rows, short_profile: Profile, tmp_path: Path, trained: list[Sequence[HeadKind]]
) -> None:
    backtest_to(tmp_path / "a.parquet", examples, short_profile, ("linear",), YEAR)
    revised = relabelled(examples, "2013-w10")
    backtest_to(tmp_path / "b.parquet", revised, short_profile, ("linear",), YEAR)
    assert len(trained) == 2


def test_a_run_that_asks_for_it_trains_anew(
    examples: Rows, short_profile: Profile, tmp_path: Path, trained: list[Sequence[HeadKind]]
) -> None:
    for name in ("a.parquet", "b.parquet"):
        backtest_to(tmp_path / name, examples, short_profile, ("linear",), YEAR, anew=True)
    assert len(trained) == 2


def test_other_code_is_another_content_of_models(
    examples: Rows, short_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = content_of(examples, short_profile, HEADS, YEAR)
    monkeypatch.setattr(kept_backtests, "code_id", lambda *_: "another")
    later = content_of(examples, short_profile, HEADS, YEAR)
    assert now is not None and later is not None
    assert now.models != later.models


def cut_short(good: bytes) -> bytes:
    return good[: len(good) // 2]


def one_bit_off(good: bytes) -> bytes:
    at = good.index(b"linear.safetensors") + 200
    return good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]


@pytest.mark.parametrize("damage", [cut_short, one_bit_off])
def test_a_damaged_file_is_trained_anew(
    examples: Rows,
    short_profile: Profile,
    tmp_path: Path,
    trained: list[Sequence[HeadKind]],
    damage: Callable[[bytes], bytes],
) -> None:
    cuts = dict.fromkeys(examples, CDC.week_no("2013-w40"))
    kept = KeptFold(tmp_path / "fold.zip")
    kept(examples, ("linear",), short_profile, cuts)
    good = kept.file.read_bytes()
    write_atomic(kept.file, damage(good))
    kept(examples, ("linear",), short_profile, cuts)
    assert len(trained) == 2
    assert kept.file.read_bytes() != damage(good)


def test_a_kept_head_answers_as_the_one_that_was_trained(tmp_path: Path) -> None:
    changed = {"evaluate.horizons_weeks": (4,), "train.max_epochs": 4, "train.tuned": {}}
    profile = load_profile("sample", **changed)
    rows, cuts = {4: make_examples(planted=3.0)}, {4: CDC.week_no("2018-w01")}
    kept = KeptFold(tmp_path / "fold.zip")
    made, found = (kept(rows, ("early",), profile, cuts)["early"] for _ in range(2))
    assert made.models[4].vector_widths is not None, "the head was trained"
    assert found.models is not made.models
    assert (found.lambda_shift, found.base) == (made.lambda_shift, made.base)
    own, again = (one.models[4].probability(rows[4]) for one in (made, found))
    assert own.tobytes() == again.tobytes()
    assert made.models[4].decision_threshold == found.models[4].decision_threshold
