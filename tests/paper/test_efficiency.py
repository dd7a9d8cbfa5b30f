"""The paper's accounting of memory, figure by figure; and the meter's time and energy."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import pipelines.embed.torchvision_ops  # noqa: F401  first, or transformers cannot be imported
from pipelines.fusion.heads import build_head
from pipelines.paper.cost.efficiency import (
    MEGABYTE,
    RAW_VALUES,
    Meter,
    batch_bytes,
    batch_bytes_as_printed,
    model_bytes,
)
from pipelines.paper.cost.energy import NO_COUNTER, EnergyCounter
from pipelines.paper.reported import Cell, reported_table

WIDTHS = {"unimodal": (768, 4096), "clip": (512, 512)}  # image, text
ROWS = {"brset": (13012, 3254), "ham10000": (8012, 2003), "satellitebench": (936, 312)}
TABLE = reported_table(2)
EMBEDDED = [cell for cell in TABLE if cell.approach != "raw"]


def outputs(cell: Cell) -> int:
    return 7 if cell.dataset == "ham10000" else 1


def values(cell: Cell) -> int:
    return RAW_VALUES if cell.approach == "raw" else sum(WIDTHS[cell.approach])


@pytest.mark.parametrize("cell", EMBEDDED, ids="-".join)
def test_model_sizes_come_out_of_the_heads_own_parameters(cell: Cell) -> None:
    head = build_head(cell.fusion, *WIDTHS[cell.approach], outputs(cell), zero_output=False)  # type: ignore[arg-type]
    assert round(model_bytes(head) / MEGABYTE, 2) == TABLE[cell]["model_size_mb"]


def test_raw_model_sizes_are_both_encoders_with_their_poolers_and_the_head() -> None:
    from transformers import BertConfig, BertModel, ViTConfig, ViTModel

    with torch.device("meta"):  # shapes without memory
        encoders = model_bytes(ViTModel(ViTConfig())) + model_bytes(BertModel(BertConfig()))
    for cell in (c for c in TABLE if c.approach == "raw"):
        head = build_head(cell.fusion, 768, 768, outputs(cell), zero_output=False)  # type: ignore[arg-type]
        size = (encoders + model_bytes(head)) / MEGABYTE
        assert round(size, 2) == TABLE[cell]["model_size_mb"], cell


@pytest.mark.parametrize("cell", EMBEDDED, ids="-".join)
def test_training_sizes_are_vectors_and_labels(cell: Cell) -> None:
    size = batch_bytes(ROWS[cell.dataset][0], values(cell), outputs(cell)) / MEGABYTE
    assert round(size, 2) == TABLE[cell]["train_dataset_size_per_epoch_mb"]


def test_raw_training_sizes_are_pixels_and_labels_without_tokens() -> None:
    for cell in (c for c in TABLE if c.approach == "raw"):
        size = batch_bytes(ROWS[cell.dataset][0], RAW_VALUES, outputs(cell)) / MEGABYTE
        printed = TABLE[cell]["train_dataset_size_per_epoch_mb"]
        slip = 0.01 if cell.dataset == "satellitebench" else 0.0
        assert printed - round(size, 2) == pytest.approx(slip, abs=1e-6), cell


@pytest.mark.parametrize("cell", TABLE, ids="-".join)
def test_printed_test_sizes_are_the_true_ones_counted_with_the_training_batches(cell: Cell) -> None:
    train, test = ROWS[cell.dataset]
    size = batch_bytes_as_printed(test, train, values(cell), outputs(cell)) / MEGABYTE
    assert round(size, 2) == TABLE[cell]["test_dataset_size_per_epoch_mb"]


def test_the_formula_is_the_sum_over_a_loaders_batches() -> None:
    one_hot = torch.zeros(130, 7)
    loader = DataLoader(TensorDataset(torch.zeros(130, 5), torch.zeros(130, 3), one_hot), 64)
    handed_out = sum(t.numel() * t.element_size() for batch in loader for t in batch)
    assert batch_bytes(130, values=8, outputs=7) == handed_out


def test_running_means_are_no_parameters() -> None:
    norm = torch.nn.BatchNorm1d(10)
    assert model_bytes(norm) == 20 * 4


def test_a_block_that_fails_is_measured_and_fails() -> None:
    meter = Meter()
    with pytest.raises(ZeroDivisionError), meter:
        time.sleep(0.01)
        _ = 1 / 0
    assert meter.usage.wall_s >= 0.01


def zone(powercap: Path, folder: str, name: str, energy_uj: int, most_uj: int = 10**9) -> Path:
    """A counter as the kernel shows it."""
    made = powercap / folder
    made.mkdir(parents=True)
    (made / "name").write_text(f"{name}\n")
    (made / "max_energy_range_uj").write_text(f"{most_uj}\n")
    (made / "energy_uj").write_text(f"{energy_uj}\n")
    return made / "energy_uj"


def test_energy_is_packages_and_memory_and_nothing_twice(tmp_path: Path) -> None:
    counted = [
        zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000),
        zone(tmp_path, "intel-rapl:0:1", "dram", 0),
        zone(tmp_path, "intel-rapl:1", "package-1", 0),
    ]
    twice = [
        zone(tmp_path, "intel-rapl:0:0", "core", 0),
        zone(tmp_path, "intel-rapl:2", "psys", 0),
        zone(tmp_path, "intel-rapl-mmio:0", "package-0", 1_000_000),
    ]
    with Meter(powercap=tmp_path) as meter:
        for file in [*counted, *twice]:
            file.write_text("3000000\n")
    assert meter.usage.energy_j == pytest.approx(2 + 3 + 3)
    assert "3 counters" in meter.usage.energy_note


def test_a_counter_that_starts_again_from_zero_loses_nothing(tmp_path: Path) -> None:
    file = zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000, most_uj=10_000_000)
    counter = EnergyCounter(tmp_path)
    for now_uj in (500_000, 8_000_000, 1_000_000):
        file.write_text(str(now_uj))
        counter.update()
    assert counter.joules == pytest.approx(1.5 + 7.5 + 3.0)


def test_a_machine_without_counters_says_so_and_gives_no_number(tmp_path: Path) -> None:
    with Meter(powercap=tmp_path) as meter:
        pass
    assert meter.usage.energy_j is None
    assert meter.usage.energy_note == "no readable energy counter on this machine"


def test_a_counter_that_goes_away_leaves_no_half_a_number(tmp_path: Path) -> None:
    file = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    with Meter(powercap=tmp_path) as meter:
        file.unlink()
    assert meter.usage.energy_j is None
    assert "could not be read to the end" in meter.usage.energy_note


@pytest.fixture
def not_root() -> Iterator[Path]:
    """A folder that everybody may look into, as a user who is not root."""
    folder, was_root = Path(tempfile.mkdtemp()), os.geteuid() == 0
    folder.chmod(0o755)
    file = zone(folder, "intel-rapl:0", "package-0", 0)
    file.chmod(0o000)
    if was_root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if was_root:
            os.seteuid(0)
        shutil.rmtree(folder)


def test_a_counter_that_only_root_may_read_is_named(not_root: Path) -> None:
    counter = EnergyCounter(not_root)
    assert counter.joules is None
    assert counter.note == f"{NO_COUNTER}: it has one, which only root may read"
