"""docs/architecture.md says what is so: its rooms, floors, files and functions."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PROSE = re.sub(r"^```.*?^```", "", PAGE, flags=re.M | re.S)
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
FILE = re.compile(r"[\w.-]+\.(py|yaml|yml|md|toml)")
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)?")


def code_of(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


def rows_below(heading: str) -> list[list[str]]:
    """Cells of the tables of one section, header rows left out."""
    section = PROSE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    rules = [at for at, row in enumerate(rows) if row[0] == "---"]
    return [row for at, row in enumerate(rows) if at not in rules and at + 1 not in rules]


def defined_in(path: Path) -> set[str]:
    """Names of a module, and `Class.name` of its classes' members."""
    found: set[str] = set()

    def collect(body: list[ast.stmt], before: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(before + node.name)
            if isinstance(node, ast.ClassDef) and not before:
                collect(node.body, f"{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            found.update(before + t.id for t in targets if isinstance(t, ast.Name))

    collect(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


def test_no_module_draws_the_borders_of_its_room() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    docs = {
        name: ast.get_docstring(ast.parse((ROOT / name).read_text(encoding="utf-8"))) or ""
        for name in tracked.stdout.split()
    }
    bordered = re.compile(r"belongs\s+here|not\s+belong\s+here", re.I)
    assert [name for name, doc in docs.items() if bordered.search(doc)] == [], (
        "say it in docs/architecture.md"
    )


def test_the_page_names_every_room() -> None:
    rooms = {
        path.parent.relative_to(ROOT).as_posix()
        for top in ("pipelines", "serving", "dags")
        for path in (ROOT / top).rglob("*.py")
    }
    assert rooms <= set(code_of(PROSE)), rooms - set(code_of(PROSE))


def test_the_page_gives_a_reason_for_each_floor_in_the_order_of_the_contract() -> None:
    layers = next(c["layers"] for c in CONTRACTS if c["type"] == "layers")
    contract = [set(re.findall(r"pipelines\.(\w+)", floor)) for floor in layers]
    listed = [(set(code_of(row[0])), row[1]) for row in rows_below("What may import what")]
    assert [names for names, _ in listed[: len(contract)]] == contract
    assert all(reason.strip() for _, reason in listed)


def test_the_page_gives_a_reason_for_each_further_contract() -> None:
    named = {row[0] for row in rows_below("What may import what")}
    assert {c["name"] for c in CONTRACTS if c["type"] != "layers"} <= named


def test_every_room_stands_on_a_floor() -> None:
    layers = next(c["layers"] for c in CONTRACTS if c["type"] == "layers")
    floors = set(re.findall(r"pipelines\.(\w+)", " ".join(layers)))
    rooms = {path.stem for path in (ROOT / "pipelines").glob("*.py")}
    rooms |= {path.parent.name for path in (ROOT / "pipelines").glob("*/__init__.py")}
    assert rooms - {"__init__"} == floors


def not_there(line: str) -> list[str]:
    """Files that a line names and the repository lacks; names that the file before them lacks."""
    folders, file, wrong = [ROOT], None, []
    for code in code_of(line):
        if (ROOT / code).is_dir():
            folders.append(ROOT / code)
        elif " " not in code and ("/" in code or FILE.fullmatch(code)):
            here = [folder / code for folder in folders if (folder / code).is_file()]
            file = here[-1] if here and code.endswith(".py") else None
            wrong += [] if here else [code]
        elif file is not None and NAME.fullmatch(code) and code not in defined_in(file):
            wrong.append(f"{file.relative_to(ROOT)} {code}")
    return wrong


def test_every_file_and_function_that_the_page_names_is_there() -> None:
    assert [wrong for line in PROSE.splitlines() for wrong in not_there(line)] == []
