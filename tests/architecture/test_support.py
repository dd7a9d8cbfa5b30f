"""A test imports of the tests' own files only `support`: what one folder needs of another is there.

`tests` is on the path, so that `embed` or `paper` could be imported as if they were libraries.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"


def _imported(tree: ast.Module) -> Iterator[str]:
    """Dotted names, each with the name that is taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            within = "tests." if node.level else ""
            yield from (f"{within}{node.module or ''}.{a.name}" for a in node.names)


def strays(source: str) -> list[str]:
    """What it imports of tests/ outside `support`; `dags` and `serving` are ours where they exist
    at the root."""
    found = []
    for name in _imported(ast.parse(source)):
        parts = name.removeprefix("tests.").split(".")
        if parts[0] == "support" and not name.startswith("tests."):
            continue
        own = any((TESTS / "/".join(parts[:n])).with_suffix(".py").exists() for n in (1, 2, 3))
        folder = (TESTS / parts[0]).is_dir() and not (ROOT / parts[0]).is_dir()
        if own or folder or name.startswith("tests."):
            found.append(name)
    return found


def test_tests_import_of_each_other_only_support() -> None:
    files = (p for p in TESTS.rglob("*.py") if "distribution" not in p.parts)
    found = {p.relative_to(TESTS).as_posix(): strays(p.read_text(encoding="utf-8")) for p in files}
    assert {file: names for file, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "planted",
    [
        "from data_ingest.conftest import real_table",
        "from embed import anything",
        "def f():\n    import paper.test_cone",
        "from serving.conftest import KEY",
        "from .test_cone import CASES",
        "from tests.support.drops import table_drop",
    ],
)
def test_a_planted_import_is_found(planted: str) -> None:
    assert strays(planted)


@pytest.mark.parametrize(
    "fine",
    ["from support.drops import CONTEXT", "from serving.app import create_app", "import dags"],
)
def test_what_is_not_of_the_tests_is_not(fine: str) -> None:
    assert not strays(fine)
