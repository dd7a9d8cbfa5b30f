"""The house rules a reader relies on; each failure names the file and the rule."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    p for room in ("pipelines", "serving", "dags") for p in (ROOT / room).rglob("*.py")
)
PICKLING = {"pickle", "joblib", "dill"}
MARK = "# fmt" + ": skip"
HEAVY = ("torch", "mlflow", "great_expectations", "transformers", "matplotlib", "airflow", "timm")


def _id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _trees() -> Iterator[tuple[str, ast.Module]]:
    """Name and syntax tree of each file: a rule is one test, because two thousand took long."""
    for path in SOURCES:
        yield _id(path), ast.parse(path.read_text(encoding="utf-8"))


def test_a_file_is_a_room_with_one_purpose() -> None:
    lengths = {_id(p): len(p.read_text(encoding="utf-8").splitlines()) for p in SOURCES}
    assert {name: n for name, n in lengths.items() if n > 300} == {}, "split them"


def test_a_module_says_what_it_is() -> None:
    assert [name for name, tree in _trees() if not ast.get_docstring(tree)] == []


def test_a_function_fits_on_a_screen() -> None:
    lengths = [
        (name, node.name, (node.end_lineno or node.lineno) - node.body[0].lineno + 1)
        for name, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [found for found in lengths if found[2] > 50] == []


def test_nothing_unpickles() -> None:
    assert [f"{name}:{line}" for name, tree in _trees() for line in _unpickles(tree)] == []


def _unpickles(tree: ast.Module) -> Iterator[int]:
    """Lines that import a pickling library, or call torch.load without `weights_only=True`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and {a.name for a in node.names} & PICKLING:
            yield node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            arguments = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if arguments.get("weights_only") != "True":
                yield node.lineno


def test_a_kind_of_array_has_one_name() -> None:
    own = re.compile(r"^\w+ = npt\.NDArray", re.MULTILINE)
    named = {_id(path) for path in SOURCES if own.search(path.read_text(encoding="utf-8"))}
    assert named == {"pipelines/arrays.py"}


def test_parquet_is_written_in_one_place() -> None:
    writes = re.compile(r"\.to_parquet\(|\bwrite_table\(")
    named = {_id(path) for path in SOURCES if writes.search(path.read_text(encoding="utf-8"))}
    assert named == {"pipelines/storage/parquet.py"}


@pytest.mark.parametrize(
    "module", ["pipelines.config", "pipelines.run", "pipelines.steps", "pipelines.cli"]
)
def test_importing_the_front_rooms_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_what_has_a_form_of_its_own_has_a_model() -> None:
    """`dict[str, Any]` is for JSON of foreign or free form. The number may only fall."""
    found = {_id(p): p.read_text(encoding="utf-8").count("dict[str, Any]") for p in SOURCES}
    assert sum(found.values()) <= 318, {name: n for name, n in found.items() if n}


def test_the_formatter_decides_but_for_tables() -> None:
    """A file is as long as it is when formatted, so what is not formatted is counted."""
    tracked = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    marked = [
        f"{name}: {line.strip()}"
        for name in tracked.stdout.split()
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if MARK in line
    ]
    assert len(marked) <= 60, marked
    assert [m for m in marked if not re.search(r": [])}]", m)] == [], "only where a table ends"


@pytest.mark.parametrize("module", ["suite", "table_rules", "docs_site", "gx_validator"])
def test_great_expectations_is_told_to_call_nobody_before_it_is_imported(module: str) -> None:
    code = f"""
import os, sys
class Watch:
    def find_spec(self, name, path, target=None):
        if name == "great_expectations":
            raise SystemExit(print(os.environ.get("GX_ANALYTICS_ENABLED")))
sys.meta_path.insert(0, Watch())
import pipelines.data.{module}
"""
    environment = {k: v for k, v in os.environ.items() if k != "GX_ANALYTICS_ENABLED"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "false", done.stdout + done.stderr


def test_ruff_reads_every_file_of_the_library() -> None:
    command = [sys.executable, "-m", "ruff", "check", "--show-files", "."]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    read = {Path(line) for line in shown.stdout.splitlines()}
    assert sorted(_id(path) for path in set(SOURCES) - read) == [], shown.stderr


def test_the_top_level_is_the_one_agreed() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    top = {line.split("/")[0] for line in tracked.stdout.splitlines() if not line.startswith(".")}
    agreed = {
        "dags",
        "deploy",
        "pipelines",
        "serving",
        "data.dvc",
        "dvc.yaml",
        "dvc.lock",
        "tests",
        "docker-compose.yml",
        "pyproject.toml",
        "README.md",
        "Makefile",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs",
        "benchmarks",
        "findings",
        "requirements.lock",
    }
    assert top <= agreed, f"not agreed: {sorted(top - agreed)}"
