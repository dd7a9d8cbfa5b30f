"""The raw-data baseline trains, goes on where it was killed, and refuses what is not its own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support import tiny_raw

from pipelines.contracts import FusedKind
from pipelines.data.pixels import SceneError
from pipelines.errors import EncoderError, StoreError, TrainingError
from pipelines.fusion.heads import build_head
from pipelines.paper.raw import RawRows, RawTrained, train_raw
from pipelines.paper.raw.checkpoint import STATE, Checkpoints
from pipelines.paper.raw.identity import identity_of
from pipelines.paper.raw.model import RawModel, load_raw

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("raw")
    tiny_raw.main(made)
    return made


@pytest.fixture(scope="module")
def data(folder: Path) -> tuple[RawRows, RawRows]:
    return tiny_raw.killed_rows(folder)


@pytest.fixture(scope="module")
def trained(folder: Path, data: tuple[RawRows, RawRows]) -> RawTrained:
    """Four epochs without an interruption, checkpoints in folder/whole."""
    return train_raw(*data, tiny_raw.config(folder), folder / "whole")


def _separates(trained: RawTrained, watched: RawRows) -> bool:
    logits = trained.watched_logit[-1]
    chosen = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(axis=1)
    return bool((chosen == watched.label).mean() > 0.8)


def test_it_learns_what_images_and_texts_tell(
    trained: RawTrained, data: tuple[RawRows, RawRows]
) -> None:
    rows, watched = data
    assert trained.epochs == 4 and trained.loss[-1] < 0.6 * trained.loss[0]
    assert [logit.shape for logit in trained.watched_logit] == [(10, 1)] * 4
    assert _separates(trained, watched)
    assert min(*trained.train_seconds, *trained.inference_seconds) > 0
    assert len(rows) == 20 and trained.truncated == 0


def test_killed_three_times_it_ends_with_the_same_bits(
    folder: Path, data: tuple[RawRows, RawRows], trained: RawTrained
) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    command = [sys.executable, str(ROOT / "tests/support/raw_killed.py"), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (folder / "killed").glob("epoch-*")} == {"epoch-0002", "epoch-0003"}

    again = train_raw(*data, tiny_raw.config(folder), folder / "killed")
    assert again.loss == trained.loss
    assert np.array_equal(again.watched_logit, trained.watched_logit)
    assert (again.batch_bytes_train, again.batch_bytes_watched) == (
        trained.batch_bytes_train,
        trained.batch_bytes_watched,
    )
    states = [(folder / name / "epoch-0004" / STATE).read_bytes() for name in ("killed", "whole")]
    assert states[0] == states[1]
    assert [p.name for p in (folder / "killed").iterdir()] == ["epoch-0004"]


def test_a_finished_training_is_read_and_no_tower_is_opened(
    folder: Path,
    data: tuple[RawRows, RawRows],
    trained: RawTrained,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "pipelines"):
        again = train_raw(*data, tiny_raw.config(folder), folder / "whole")
    assert replace(again, watched_logit=()) == replace(trained, watched_logit=())
    assert np.array_equal(again.watched_logit, trained.watched_logit)
    assert "Going on" not in caplog.text


def test_going_on_keeps_no_deleted_checkpoint_on_the_disk(
    folder: Path, data: tuple[RawRows, RawRows], trained: RawTrained
) -> None:
    config = tiny_raw.config(folder)
    checkpoints = Checkpoints(folder / "whole", identity_of(*data, config))
    model = load_raw(folder / "vit", folder / "bert", "early", 1, 0.1, seed=1)
    optimizer = torch.optim.AdamW(model.parameters())
    found = checkpoints.history()
    checkpoints.restore(model, optimizer)
    assert found is not None and found.loss == trained.loss
    assert len(optimizer.state) == len(list(model.parameters()))
    assert str(folder / "whole") not in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize("kind", ["early", "late_joint"])
def test_several_classes_with_weights_train_too(
    folder: Path, data: tuple[RawRows, RawRows], tmp_path: Path, kind: FusedKind
) -> None:
    rows, watched = (replace(part, label=part.label * 2) for part in data)  # class 1 has no row
    config = tiny_raw.config(
        folder, kind=kind, outputs=3, class_weight=tuple(np.array([1.0, 5.0, 1.0]))
    )
    trained = train_raw(rows, watched, config, tmp_path)
    assert trained.watched_logit[-1].shape == (10, 3) and _separates(trained, watched)


def test_bytes_are_counted_by_the_papers_formula(folder: Path, tmp_path: Path) -> None:
    whole = tiny_raw.rows(tmp_path, 6, gaps=False)
    rows = replace(whole, texts=["abc d"] * 6)  # [CLS] a ##b ##c d [SEP]
    trained = train_raw(
        rows, rows.take(np.arange(2)), tiny_raw.config(folder, epochs=1), tmp_path / "c"
    )
    pixels, tokens, masks, label = 3 * 32 * 32 * 4, 3 * 6 * 8, 2, 4
    assert trained.batch_bytes_train == 6 * (pixels + tokens + masks + label)
    assert trained.batch_bytes_watched == 2 * (pixels + tokens + masks + label)


@pytest.mark.parametrize(
    "changed", [{"learning_rate": 1e-4}, {"micro_rows": 2}, {"class_weight": (2.0,)}]
)
def test_a_checkpoint_of_other_settings_is_refused_and_kept(
    folder: Path, data: tuple[RawRows, RawRows], trained: RawTrained, changed: dict[str, object]
) -> None:
    assert trained.epochs == 4
    with pytest.raises(StoreError, match=f"another training: {next(iter(changed))} differ"):
        train_raw(*data, tiny_raw.config(folder, **changed), folder / "whole")
    assert (folder / "whole/epoch-0004" / STATE).is_file()


def test_a_checkpoint_of_other_rows_is_refused(
    folder: Path, data: tuple[RawRows, RawRows], trained: RawTrained
) -> None:
    rows, watched = data
    assert trained.epochs == 4
    with pytest.raises(StoreError, match="another training: rows differ"):
        train_raw(rows.take(np.arange(19)), watched, tiny_raw.config(folder), folder / "whole")
    other_text = replace(watched, texts=["another", *watched.texts[1:]])
    with pytest.raises(StoreError, match="another training: watched differ"):
        train_raw(rows, other_text, tiny_raw.config(folder), folder / "whole")


def test_a_damaged_checkpoint_is_refused(
    folder: Path, data: tuple[RawRows, RawRows], tmp_path: Path
) -> None:
    train_raw(*data, tiny_raw.config(folder, epochs=1), tmp_path)
    state = tmp_path / "epoch-0001" / STATE
    raw = bytearray(state.read_bytes())
    raw[len(raw) // 2] ^= 1
    state.write_bytes(raw)
    with pytest.raises(StoreError, match="a checkpoint is damaged"):
        train_raw(*data, tiny_raw.config(folder, epochs=1), tmp_path)


def test_a_disk_without_room_is_said_before_the_first_epoch(tmp_path: Path) -> None:
    with torch.device("meta"):  # petabytes that nobody holds
        head = build_head("early", 10**12, 10**12, zero_output=False)
        model = RawModel(torch.nn.Identity(), torch.nn.Identity(), head)
    with pytest.raises(StoreError, match=r"checkpoints need .* GB more"):
        Checkpoints(tmp_path, {}).check_room(model)


def test_a_loss_that_is_not_finite_stops_with_a_word_on_the_learning_rate(
    folder: Path, data: tuple[RawRows, RawRows], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="lower learning_rate"):
        train_raw(*data, tiny_raw.config(folder, learning_rate=1e30), tmp_path)


def test_labels_that_are_no_classes_are_refused(
    folder: Path, data: tuple[RawRows, RawRows], tmp_path: Path
) -> None:
    rows, watched = data
    with pytest.raises(TrainingError, match=r"labels 0\.\.3 for 2 classes"):
        train_raw(replace(rows, label=rows.label * 3), watched, tiny_raw.config(folder), tmp_path)


@pytest.mark.parametrize("wrong", [{"micro_rows": 0}, {"seed": -1}, {"class_weight": (1.0, 2.0)}])
def test_settings_that_cannot_work_are_refused(folder: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(TrainingError):
        tiny_raw.config(folder, **wrong)


def test_rows_with_a_column_too_short_are_refused(data: tuple[RawRows, RawRows]) -> None:
    with pytest.raises(TrainingError, match="20 images, 19 texts, 20 labels"):
        replace(data[0], texts=data[0].texts[1:])


def test_a_damaged_image_is_named(folder: Path, tmp_path: Path) -> None:
    rows = tiny_raw.rows(tmp_path, 8, gaps=False)
    broken = tmp_path / "0_5.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(SceneError, match=r"0_5\.png"):
        train_raw(rows, rows, tiny_raw.config(folder), tmp_path / "checkpoints")


def test_absent_weights_and_images_are_named_before_anything_starts(
    folder: Path, data: tuple[RawRows, RawRows], tmp_path: Path
) -> None:
    rows, watched = data
    elsewhere = replace(tiny_raw.config(folder), image_folder=tmp_path / "nowhere")
    with pytest.raises(EncoderError, match="there is no checkpoint"):
        train_raw(rows, watched, elsewhere, tmp_path)
    absent = replace(rows, images=[tmp_path / "gone.png", *rows.images[1:]])
    with pytest.raises(TrainingError, match=r"gone\.png"):
        train_raw(absent, watched, tiny_raw.config(folder), tmp_path)


def test_progress_and_cut_texts_are_told(
    folder: Path, data: tuple[RawRows, RawRows], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "pipelines"):
        trained = train_raw(*data, tiny_raw.config(folder, epochs=1, max_tokens=12), tmp_path)
    assert trained.truncated > 0
    assert f"{trained.truncated} of 30 texts are longer than 12 tokens" in caplog.text
    assert "30/30 (100%), 0 left, ETA" in caplog.text and "Epoch 1 of 1: loss" in caplog.text
