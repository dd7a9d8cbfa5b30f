"""A whole reproduction under both protocols on a tiny data set: what it writes, finds again,
refuses.
"""

from __future__ import annotations

import csv
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from support import tiny_study
from support.encoder_here import encode_here
from support.tiny_study import unmeasured
from typer.testing import CliRunner, Result

from pipelines import cli
from pipelines.cli.app import app
from pipelines.config import DeploymentPaths
from pipelines.errors import BusyError, ConfigError, DropError
from pipelines.paper import reproduce as steps
from pipelines.paper.lock import at_work
from pipelines.paper.study import PROTOCOLS
from pipelines.storage import read_json

MEASURED_TABLES = ("table2", "table3", "embedding")  # as other runs measure otherwise


@dataclass(frozen=True)
class Reproduced:
    """A folder with data, study and everything that both protocols wrote, and what was said."""

    root: Path
    outputs: dict[str, str]
    log: str
    seconds: float

    @property
    def out(self) -> Path:
        return self.root / "out"

    def folder(self, protocol: str) -> Path:
        return self.out / "folder" / protocol

    def results(self, protocol: str) -> dict[str, Any]:
        return read_json(self.folder(protocol) / "results.json")

    def table(self, protocol: str, name: str) -> list[dict[str, str]]:
        with (self.folder(protocol) / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def arguments(root: Path, protocol: str, **other: Path) -> list[str]:
    paths = {"data": root / "data", "out": root / "out", "study": root / "study.yaml", **other}
    named = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    return ["reproduce", "--dataset", "folder", "--protocol", protocol, *named]


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One deployment for this file; a study writes nothing into it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DENGUARD_HOME", str(tmp_path_factory.mktemp("home")))
    yield Path(os.environ["DENGUARD_HOME"])
    patch.undo()


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Reproduced:
    root, began = tmp_path_factory.mktemp("study"), time.perf_counter()
    tiny_study.main(root)
    lines: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    room = logging.getLogger("pipelines")
    level = room.level
    room.setLevel(logging.INFO)
    room.addHandler(handler)
    with pytest.MonkeyPatch.context() as patch:
        encode_here(patch)
        done = {p: run(*arguments(root, p, general=root / "general")) for p in PROTOCOLS}
    room.removeHandler(handler)
    room.setLevel(level)
    for result in done.values():
        assert result.exit_code == 0, (result.output, result.exception)
    assert [p.name for p in (home / "artifacts").iterdir()] == [
        "weights"
    ]  # their hashes, no vector
    return Reproduced(
        root, {p: r.output for p, r in done.items()}, "\n".join(lines), time.perf_counter() - began
    )


def copied(reproduced: Reproduced, root: Path, *protocols: str) -> Path:
    """Data, study and vectors in a folder of a test's own, so that no encoder starts there."""
    (root / "out" / "folder").mkdir(parents=True)
    shutil.copytree(reproduced.root / "data", root / "data")
    shutil.copy(reproduced.root / "study.yaml", root)
    for name in ("embeddings", "timing", *protocols):
        shutil.copytree(reproduced.out / "folder" / name, root / "out" / "folder" / name)
    return root


def request(root: Path, protocol: str = "safe", **other: Any) -> steps.Request:
    parameters = {
        "dataset": "folder",
        "protocol": protocol,
        "data": "data",
        "out": "out",
        "study": "study.yaml",
        **other,
    }
    return steps.ask(parameters, root)


def compared(folder: Path, *roots: Path) -> dict[str, Any]:
    results = {
        k: v for k, v in read_json(folder / "results.json").items() if k not in MEASURED_TABLES
    }
    groups = {
        path.name: unmeasured(read_json(path)) for path in sorted((folder / "groups").iterdir())
    }
    text = json.dumps([results, groups])
    for path in roots:  # issues and the request name folders
        text = text.replace(str(path), "")
    found: dict[str, Any] = json.loads(text)
    return found


def cells(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.name: (path.stat().st_mtime_ns, path.read_bytes())
        for path in (folder / "cells").iterdir()
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_approach_that_can_run_is_in_the_three_tables(
    reproduced: Reproduced, protocol: str
) -> None:
    expected = [(a, f) for a in ("mixed", "tiny_raw") for f in ("early", "late_joint")]
    for name in ("table1", "table2", "table3"):
        rows = reproduced.table(protocol, name)
        assert [(row["approach"], row["fusion"]) for row in rows] == expected
        assert {row["protocol"] for row in rows} == {protocol}
        assert {
            value for row in rows for key, value in row.items() if key.endswith("_printed")
        } == {""}
    assert all(float(row["train_s_per_epoch"]) > 0 for row in reproduced.table(protocol, "table3"))
    assert all(float(row["peak_rss_mb"]) > 0 for row in reproduced.table(protocol, "table2"))


def test_each_record_says_on_which_rows_its_epoch_was_picked(reproduced: Reproduced) -> None:
    for protocol, picked in (("paper", "test"), ("safe", "validation")):
        results = reproduced.results(protocol)
        named = [
            row["selected_on"] for name in ("table1", "ablation", "lambda") for row in results[name]
        ]
        assert len(named) == 4 + 13 + 2 and set(named) == {picked}
    assert reproduced.results("paper")["first_line"].startswith("Test-selected")
    assert "Test-selected" not in reproduced.results("safe")["first_line"]


def test_the_paper_takes_the_best_test_epoch_and_the_safe_protocol_does_not_ask(
    reproduced: Reproduced,
) -> None:
    for path in (reproduced.folder("paper") / "cells").iterdir():
        record = read_json(path)
        assert (
            record["test"]["macro_f1"] == record["selection_f1"] == max(record["selection_curve"])
        )
    safe = [read_json(path) for path in (reproduced.folder("safe") / "cells").iterdir()]
    assert any(record["test"]["macro_f1"] != record["selection_f1"] for record in safe)


def test_parts_are_whole_groups_and_rows_are_counted(reproduced: Reproduced) -> None:
    rows = reproduced.results("safe")["rows"]
    parts = rows["parts"]
    assert rows["usable"] == tiny_study.N - 1  # one row has neither image nor text
    assert sum(part["groups"] for part in parts.values()) == tiny_study.N / 2
    # a name in capitals is found: only the five rows without a name lack an image
    assert sum(part["with_image"] for part in parts.values()) == tiny_study.N - 5
    assert [issue["code"] for issue in reproduced.results("safe")["issues"]] == ["empty-row"]
    assert reproduced.results("paper")["rows"]["parts"]["validation"]["usable"] == 0


def test_what_cannot_run_is_listed_with_its_reason_and_command_and_has_no_figure(
    reproduced: Reproduced,
) -> None:
    listed = {item["what"]: item for item in reproduced.results("safe")["not_run"]}
    assert list(listed) == ["No pin", "Other bytes", "No file"]
    assert (
        "denguard weights nobody/nothing@<commit>/model.safetensors --fetch"
        in listed["No pin"]["command"]
    )
    assert "0" * 64 in listed["Other bytes"]["why"] and "nowhere" in listed["No file"]["why"]
    assert "profile" not in json.dumps(list(listed.values()))
    for row in reproduced.table("safe", "not_run"):
        assert (
            row["what"] in reproduced.outputs["safe"]
            and row["command"] in reproduced.outputs["safe"]
        )
    assert not any(what in json.dumps(reproduced.results("safe")["table1"]) for what in listed)


def test_l_reg_is_tried_on_two_branches_only_and_every_part_is_logged(
    reproduced: Reproduced,
) -> None:
    rows = reproduced.results("safe")["ablation"]
    settings = {
        (r["fusion"], r["variant"]): (r["noise_sigma"], r["alignment_weight"], r["gap_kind"])
        for r in rows
    }
    assert settings["early", "noise"] == (0.01, 0.0, "vector")
    assert settings["early", "noise as printed"] == (1.0, 0.0, "vector")
    assert settings["early", "scalar shift as printed"] == (0.0, 0.0, "scalar")
    assert settings["early", "all"] == (0.01, 0.0, "vector")
    assert settings["late_joint", "reg"] == (0.0, 0.01, "vector")
    assert settings["late_joint", "all"] == (0.01, 0.01, "vector")
    assert ("early", "reg") not in settings
    assert all(
        r["lambda_shift"] != 0 for r in rows if "shift" in r["variant"] or r["variant"] == "all"
    )


def test_each_input_is_embedded_once_for_both_protocols_and_timed(reproduced: Reproduced) -> None:
    assert reproduced.log.count("inputs to embed") == 2
    assert reproduced.log.count("no encoder started") == 2
    timed = reproduced.results("paper")["embedding"]
    assert {row["inputs"] for row in timed} == {54, 56}
    assert 0 < sum(row["inputs"] * row["seconds_per_input"] for row in timed) < reproduced.seconds


def test_the_gap_the_cone_and_the_baselines_are_measured(reproduced: Reproduced) -> None:
    results = reproduced.results("safe")
    assert results["gap"]["mixed"]["points"]["image"] and list(results["gap"]) == ["mixed"]
    parts = results["rows"]["parts"]
    gap = results["gap"]["mixed"]  # fitted on training pairs, measured on test pairs
    assert (
        gap["n_pairs_fitted"] <= parts["train"]["with_image"]
        and gap["n_pairs"] <= parts["test"]["with_image"]
    )
    cone = {record["encoder"]: record for record in results["cone"]}
    assert set(cone) == {"dinov2", "openclip_text"}
    assert all(set(record["groups"]) == {"folder", "general"} for record in cone.values())
    assert [row["baseline"] for row in reproduced.table("safe", "baselines")] == ["most_frequent"]


def test_the_command_ends_with_the_sentence_the_table_and_the_paths(reproduced: Reproduced) -> None:
    lines = reproduced.outputs["paper"].splitlines()
    assert lines[0] == reproduced.results("paper")["first_line"]
    assert lines[1].split("\t")[:4] == ["approach", "fusion", "accuracy", "F1"]
    best = reproduced.results("paper")["table1"][0]
    assert lines[2].split("\t")[:4] == [
        "Tiny DINOv2 + CLIP text",
        "early",
        f"{best['accuracy']:.3f}",
        f"{best['f1']:.3f}",
    ]
    assert {
        str(reproduced.out / "folder" / "report.html"),
        str(reproduced.folder("paper") / "table1.csv"),
    } <= set(lines)


def test_a_second_run_finds_every_training(reproduced: Reproduced, tmp_path: Path) -> None:
    root = copied(reproduced, tmp_path, "safe")
    before = cells(root / "out" / "folder" / "safe")
    steps.run_all(
        request(root, general=reproduced.root / "general"), DeploymentPaths(home=tmp_path)
    )
    assert cells(root / "out" / "folder" / "safe") == before
    assert compared(root / "out" / "folder" / "safe", root, reproduced.root) == compared(
        reproduced.folder("safe"), reproduced.root
    )


def test_a_damaged_training_costs_that_one_alone(reproduced: Reproduced, tmp_path: Path) -> None:
    root = copied(reproduced, tmp_path, "safe")
    folder = root / "out" / "folder" / "safe"
    before = cells(folder)
    hurt = read_json(folder / "groups" / "mixed-early.json")["printed"][0]
    name = next(n for n, (_, text) in before.items() if json.loads(text) == hurt)
    (folder / "cells" / name).write_bytes(before[name][1][:100])
    steps.train(folder, 0, DeploymentPaths(home=tmp_path))
    after = cells(folder)
    assert unmeasured(json.loads(after[name][1])) == unmeasured(hurt)
    assert {n for n in before if before[n] != after[n]} == {name}


def test_a_reproduction_killed_while_it_trains_goes_on_and_ends_equal(
    reproduced: Reproduced, tmp_path: Path
) -> None:
    root = copied(reproduced, tmp_path)
    folder = root / "out" / "folder" / "safe"
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        *arguments(root, "safe", general=reproduced.root / "general"),
    ]
    process = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 200
    while len(list(folder.glob("cells/*.json"))) < 5:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(timeout=30) == -signal.SIGKILL
    finished = cells(folder)
    assert 5 <= len(finished) < 44 and not (folder / "results.json").exists()
    steps.run_all(
        request(root, general=reproduced.root / "general"), DeploymentPaths(home=tmp_path)
    )
    after = cells(folder)
    assert {name: after[name] for name in finished} == finished
    assert compared(folder, root, reproduced.root) == compared(
        reproduced.folder("safe"), reproduced.root
    )


def test_a_second_reproduction_in_the_same_folder_is_refused(
    reproduced: Reproduced, tmp_path: Path
) -> None:
    folder = request(copied(reproduced, tmp_path)).folder
    with at_work(folder), pytest.raises(BusyError, match="at work") as busy:
        steps.run_all(request(tmp_path), DeploymentPaths(home=tmp_path))
    assert busy.value.where == str(folder) and not (folder / "plan.json").exists()
    with (
        at_work(folder, together=True),
        at_work(folder, together=True),
        pytest.raises(BusyError),
        at_work(folder),
    ):
        pass


def test_test_rows_of_one_class_and_a_half_downloaded_folder_are_told_and_judged(
    reproduced: Reproduced, tmp_path: Path
) -> None:
    root = copied(reproduced, tmp_path)
    rows = tiny_study.rows()
    for i, row in enumerate(rows):
        group = i // 2
        calm = row["label"] == "calm"
        row["split"] = (
            "train" if group < 20 else "validation" if group < 25 else "test" if calm else "unused"
        )
    tiny_study.data(root / "data", rows)
    whole = root / "data" / "pictures" / "58.png"
    whole.write_bytes(whole.read_bytes()[:400])
    (root / "data" / "pictures" / "56.png").unlink()
    about = json.loads((root / "study.yaml").read_text()) | {"seeds": [7], "cone_seeds": [1]}
    about["approaches"] = [a for a in about["approaches"] if a["id"] == "mixed"]
    tiny_study.write(root, about)
    steps.run_all(request(root), DeploymentPaths(home=tmp_path))
    results = read_json(root / "out" / "folder" / "safe" / "results.json")
    test = results["rows"]["parts"]["test"]
    assert (test["usable"], test["with_image"], test["classes"]["outbreak"]) == (4, 2, 0)
    assert {"damaged-image", "images-not-here"} <= {issue["code"] for issue in results["issues"]}
    assert all(row["per_class"]["outbreak"]["n"] == 0 for row in results["table1"])
    assert {"why"} <= set(
        results["cone"][0]
    )  # one initialisation has no variance: said, not filled


def test_encoders_that_approaches_share_are_planned_once(
    reproduced: Reproduced, tmp_path: Path
) -> None:
    root = copied(reproduced, tmp_path)
    about = json.loads((root / "study.yaml").read_text())
    about["approaches"].append(tiny_study.pair(about))
    tiny_study.write(root, about)
    plan = steps.start(request(root), DeploymentPaths(home=tmp_path))
    assert [item["title"].split()[0] for item in plan["work"]] == [
        "dinov2",
        "openclip_text",
        "openclip_image",
    ]
    assert ["pair", "early"] in plan["groups"] and len(plan["groups"]) == 6


def test_where_nothing_can_run_the_report_says_so(reproduced: Reproduced, tmp_path: Path) -> None:
    root = copied(reproduced, tmp_path)
    about = json.loads((root / "study.yaml").read_text())
    about["approaches"] = [a for a in about["approaches"] if a["id"] == "unpinned"]
    tiny_study.write(root, about)
    plan, done = steps.run_all(request(root), DeploymentPaths(home=tmp_path))
    assert plan["groups"] == plan["work"] == []
    assert "No approach of the paper could run here" in done["first_line"]
    results = read_json(root / "out" / "folder" / "safe" / "results.json")
    assert results["table1"] == [] and [item["what"] for item in results["not_run"]] == ["No pin"]
    assert results["baselines"]["most_frequent"]["test"]["rows"] == 11


def test_a_missing_data_folder_a_wrong_name_and_a_wrong_general_folder_are_told_before_any_work(
    reproduced: Reproduced, tmp_path: Path
) -> None:
    root = copied(reproduced, tmp_path)
    paths = DeploymentPaths(home=tmp_path)
    with pytest.raises(DropError, match="no such data folder"):
        steps.run_all(request(root, data="nowhere"), paths)
    with pytest.raises(DropError, match="no such data folder"):
        steps.run_all(request(root, general="nowhere"), paths)
    with pytest.raises(ConfigError, match="'dengue' is not one of brset, folder"):
        request(root, dataset="dengue")
    with pytest.raises(ConfigError, match=r"datset.*known parameters are dataset, protocol"):
        request(root, datset="folder")
    assert not (root / "out" / "folder" / "safe" / "plan.json").exists()


def test_relative_paths_start_where_the_command_or_the_deployment_does(tmp_path: Path) -> None:
    parsed = request(tmp_path, general="/elsewhere")
    assert (parsed.data, parsed.study, parsed.general) == (
        tmp_path / "data",
        tmp_path / "study.yaml",
        Path("/elsewhere"),
    )
    assert parsed.folder == tmp_path / "out" / "folder" / "safe"


def test_a_disk_that_refuses_ends_the_command_with_the_systems_reason(
    reproduced: Reproduced,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "out").write_text("a file where a folder is wanted")
    monkeypatch.setattr(
        sys, "argv", ["denguard", *arguments(reproduced.root, "safe", out=tmp_path / "out")]
    )
    with pytest.raises(SystemExit) as end:
        cli.main()
    error = capsys.readouterr().err
    assert end.value.code == 2
    assert "the operating system refused: Not a directory" in error and "may be written" in error


def test_a_part_without_usable_rows_is_a_clear_end(reproduced: Reproduced, tmp_path: Path) -> None:
    from pipelines.errors import TrainingError
    from pipelines.paper.cells import watched_parts
    from pipelines.paper.prepared import load_prepared

    prepared = load_prepared(reproduced.folder("safe"))
    rows = prepared.rows.assign(usable=prepared.rows["part"] != "validation")
    with pytest.raises(TrainingError, match="no usable row in validation"):
        watched_parts(replace(prepared, rows=rows))


def test_a_study_that_asks_for_tuning_changes_nothing_else(
    reproduced: Reproduced, tmp_path: Path
) -> None:
    root = copied(reproduced, tmp_path, "safe")
    about = json.loads((root / "study.yaml").read_text())
    about["approaches"] = about["approaches"][:1]
    tiny_study.write(root, about)
    paths, folder = DeploymentPaths(home=tmp_path), root / "out" / "folder" / "safe"
    steps.run_all(request(root), paths)
    before, made = read_json(folder / "results.json"), set(cells(folder))
    grids = {"learning_rate": [0.01], "noise_sigma": [0, 0.1], "alignment_weight": [0]}
    about["tuned"] = {"turns": 2, "seeds": [7, 8], "lambda_shift": [0, 0.5], **grids}
    tiny_study.write(root, about)
    steps.run_all(request(root), paths)
    after = read_json(folder / "results.json")
    assert before.pop("tuned") == [] and {row["turns"] for row in after.pop("tuned")} == {2}
    assert after == before and made < set(cells(folder))
    assert (folder / "tuned.csv").is_file()
