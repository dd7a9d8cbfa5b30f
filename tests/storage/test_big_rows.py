"""Rows beyond memory: they lie in a file, and what is made of them is what memory would give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.fusion.alignment import modality_gap
from pipelines.fusion.big_tensors import gather
from pipelines.fusion.examples import ModalityVectors
from pipelines.fusion.tensors import unit_vectors
from pipelines.storage import big_rows

ROWS, WIDTH = 40_000, 8  # more than two blocks


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing fits, and what lies in files is let go every few rows."""
    monkeypatch.setattr(big_rows, "IN_MEMORY_BYTES", 1024)
    monkeypatch.setattr(big_rows, "_HELD_BYTES", 1 << 20)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def vectors() -> ModalityVectors:
    """Some distinct vectors that rows share, and rows without any."""
    rng = np.random.default_rng(5)
    table = rng.standard_normal((ROWS // 2 + 1, WIDTH), dtype=np.float32)
    return ModalityVectors(table, rng.integers(-1, len(table), ROWS).astype(np.int32))


def test_what_fits_memory_lies_in_memory() -> None:
    assert not big_rows.lies_in_file(big_rows.empty_rows(10, WIDTH).ctypes.data)


def test_what_does_not_fit_lies_in_a_file_without_a_name(little_memory: Path) -> None:
    rows = big_rows.empty_rows(ROWS, WIDTH)
    assert big_rows.lies_in_file(rows.ctypes.data)
    assert list(little_memory.iterdir()) == []


def test_the_file_goes_with_the_last_array_that_shows_it(little_memory: Path) -> None:
    rows = big_rows.empty_rows(ROWS, WIDTH)
    part, address = rows[5:], rows.ctypes.data
    del rows
    assert big_rows.lies_in_file(address)
    del part
    assert not big_rows.lies_in_file(address)


def test_what_was_let_go_of_is_still_there(little_memory: Path) -> None:
    rows = big_rows.empty_rows(ROWS, WIDTH)
    rows[:] = np.arange(ROWS, dtype=np.float32)[:, None]
    big_rows.touched(rows.ctypes.data, 1 << 30)
    assert (rows[:, 3] == np.arange(ROWS)).all()


@pytest.mark.skipif(not Path("/proc/self/smaps").is_file(), reason="needs Linux's /proc")
def test_scattered_rows_that_were_read_do_not_stay_in_this_process(little_memory: Path) -> None:
    rows = torch.from_numpy(big_rows.empty_rows(1 << 20, WIDTH))  # 32 MiB
    rows[:] = 1.0
    big_rows.touched(rows.data_ptr(), rows.nbytes)
    assert gather(rows, torch.arange(0, 1 << 20, 97)).sum() == WIDTH * len(range(0, 1 << 20, 97))
    assert _held_bytes(little_memory) < 8 << 20


def test_scattered_rows_are_written_where_they_belong(little_memory: Path) -> None:
    rows, at = big_rows.empty_rows(ROWS, WIDTH), np.random.default_rng(3).permutation(ROWS)
    values = np.random.default_rng(4).standard_normal((ROWS, WIDTH), dtype=np.float32)
    big_rows.write_scattered(rows, at, values)
    assert (rows[at] == values).all()


def _held_bytes(folder: Path) -> int:
    """Of the files of a folder that are mapped into this process."""
    held, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0] and ":" not in line.split()[0]:
            ours = str(folder) in line
        elif ours and line.startswith("Rss:"):
            held += int(line.split()[1]) * 1024
    return held


@pytest.mark.parametrize("width", [WIDTH, WIDTH + 5])
def test_unit_vectors_are_the_same_bits(
    width: int, little_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, mask = unit_vectors(vectors(), width)
    assert big_rows.lies_in_file(out.data_ptr())
    monkeypatch.undo()
    expected, expected_mask = unit_vectors(vectors(), width)
    assert torch.equal(out, expected)
    assert torch.equal(mask, expected_mask)


def test_gathered_rows_are_the_same_bits(little_memory: Path) -> None:
    there = torch.from_numpy(vectors().table)
    rows = torch.from_numpy(big_rows.empty_rows(*there.shape))
    rows[:] = there
    chosen = torch.randperm(len(rows))
    made = gather(rows, chosen)
    assert big_rows.lies_in_file(made.data_ptr())
    assert torch.equal(made, there[chosen])
    assert torch.equal(gather(rows, chosen > 9), there[chosen > 9])
    assert gather(rows, chosen[:0]).shape == (0, WIDTH)


def test_the_gap_is_the_same_to_a_millionth(
    little_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, has = unit_vectors(vectors(), WIDTH)
    text = image.flip(0) + 0.5
    made = modality_gap(image, text, has)
    monkeypatch.undo()
    assert torch.allclose(made, modality_gap(image, text, has), atol=1e-6)
