"""Tables as CSV, in the paper's layout with the printed figure beside each measured one.

A cell that was not measured or not printed is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.paper.reported import Cell, reported_table
from pipelines.paper.tuned.search import ORDER
from pipelines.storage import write_atomic
from pipelines.storage.people_csv import harmless

Row = Mapping[str, Any]
_NAMED = ("dataset", "protocol", "approach", "title", "weights", "fusion")
_PRINTED: dict[int, dict[str, str]] = {  # our column -> the printed one
    1: {"accuracy": "accuracy", "f1": "f1", "epoch": "epoch"},
    2: {"model_mb": "model_size_mb", "train_mb_per_epoch": "train_dataset_size_per_epoch_mb", "test_mb_per_epoch": "test_dataset_size_per_epoch_mb"},
    3: {"train_s_per_epoch": "avg_train_time_per_epoch_s", "inference_s_per_epoch": "avg_inference_time_per_epoch_s"},
}  # fmt: skip
_COLUMNS: dict[int, tuple[str, ...]] = {
    1: ("accuracy", "f1", "epoch", "selected_on", "f1_lower", "f1_upper", "f1_seed_min", "f1_seed_max", "seeds", "rows"),
    2: ("model_mb", "train_mb_per_epoch", "test_mb_per_epoch", "peak_rss_mb", "peak_above_start_mb", "peak_method", "energy_j", "energy_note"),
    3: ("train_s_per_epoch", "inference_s_per_epoch"),
}  # fmt: skip
_ABLATION = (
    "variant",
    "noise_sigma",
    "lambda_shift",
    "gap_kind",
    "alignment_weight",
    "accuracy",
    "f1",
    "epoch",
    "selected_on",
    "f1_lower",
    "f1_upper",
    "f1_seed_min",
    "f1_seed_max",
)
_TUNED = (
    "way",
    "seeds",
    "turns",
    "rows",
    "groups",
    *ORDER,
    "tried",
    "selection_f1",
    "f1",
    "f1_lower",
    "f1_upper",
    "difference",
    "difference_lower",
    "difference_upper",
    "smallest_shown",
)
_CURVE = (
    "lambda",
    "selection_mean",
    "selection_min",
    "selection_max",
    "test_mean",
    "test_min",
    "test_max",
)


def write_tables(results: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write table1.csv to table3.csv, alone.csv, ablation.csv, lambda.csv, baselines.csv,
    variance.csv, not_run.csv; and tuned.csv where something was tuned.
    """
    files = [_write(folder / f"table{n}.csv", *numbered(results, n)) for n in _COLUMNS]
    common = {name: results[name] for name in ("dataset", "protocol")}
    alone = [{**common, **_flat(r)} for r in results["alone"]]
    files.append(_write(folder / "alone.csv", [*_NAMED[:-1], "only", *_COLUMNS[1]], alone))
    named = [*_NAMED, *_ABLATION]
    files.append(
        _write(
            folder / "ablation.csv", named, [{**common, **_flat(r)} for r in results["ablation"]]
        )
    )
    curves = [{**common, **_flat(r), **point} for r in results["lambda"] for point in r["curve"]]
    files.append(_write(folder / "lambda.csv", [*_NAMED, "selected_on", *_CURVE], curves))
    columns = [*common, "baseline", "accuracy", "f1", "f1_lower", "f1_upper", "rows"]
    files.append(
        _write(
            folder / "baselines.csv",
            columns,
            [{**common, **_baseline(n, b)} for n, b in results["baselines"].items()],
        )
    )
    spaces = [{**common, "approach": name, **gap} for name, gap in results["gap"].items() if gap]
    files.append(
        _write(
            folder / "variance.csv",
            [
                *common,
                "approach",
                "n_pairs",
                "text_variance",
                "image_variance",
                "fitted_gap_norm",
                "stretched",
            ],
            spaces,
        )
    )
    if results.get("tuned"):
        tuned = [{**common, **_tuned(row)} for row in results["tuned"]]
        files.append(_write(folder / "tuned.csv", [*_NAMED, *_TUNED], tuned))
    files.append(_write(folder / "not_run.csv", ["what", "why", "command"], results["not_run"]))
    return files


def numbered(results: Mapping[str, Any], number: int) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and rows of table 1, 2 or 3; `<column>_printed` is the paper's figure."""
    columns = [*_NAMED, *_COLUMNS[number], *(f"{name}_printed" for name in _PRINTED[number])]
    rows = []
    for row in results[f"table{number}"]:
        printed = printed_beside(results["dataset"], row, number)
        named = {
            f"{name}_printed": printed.get(theirs) for name, theirs in _PRINTED[number].items()
        }
        rows.append(
            {"dataset": results["dataset"], "protocol": results["protocol"], **_flat(row), **named}
        )
    return columns, rows


def printed_beside(dataset: str, row: Row, number: int) -> Mapping[str, float]:
    """The printed row that a measured one is set beside; empty where the paper has none."""
    tables = {1: reported_table(1), 2: reported_table(2), 3: reported_table(3)}
    return tables[number].get(Cell(dataset, row["beside"], row["fusion"]), {})


def _flat(row: Row) -> dict[str, Any]:
    bounds = row.get("f1_interval") or (None, None)
    weights = "as printed" if row["as_printed"] else f"other weights, beside {row['beside']}"
    return {**row, "weights": weights, "f1_lower": bounds[0], "f1_upper": bounds[1]}


def _tuned(row: Row) -> dict[str, object]:
    """A way with the values of all turns in one cell each."""
    found = row["difference"] or {}
    values: dict[str, object] = {
        part: " ".join(f"{value:g}" for value in row[part]) for part in ORDER
    }
    return {
        **_flat(row),
        **values,
        "difference": found.get("value"),
        "difference_lower": found.get("lower"),
        "difference_upper": found.get("upper"),
        "smallest_shown": found.get("smallest_shown"),
    }


def _baseline(name: str, record: Row) -> dict[str, Any]:
    bounds = record["f1_interval"] or (None, None)
    test = record["test"]
    return {
        "baseline": name,
        "accuracy": test["accuracy"],
        "f1": test["macro_f1"],
        "f1_lower": bounds[0],
        "f1_upper": bounds[1],
        "rows": test["rows"],
    }


def _write(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _digits(row.get(k)) for k in columns} for row in rows)
    return write_atomic(path, text.getvalue())


def _digits(value: Any) -> Any:
    """Six significant digits: more are not reproducible on another CPU. Text is no formula."""
    return f"{value:.6g}" if isinstance(value, float) else harmless(value)
