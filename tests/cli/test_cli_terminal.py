"""What a person at a terminal sees: panels, whole ids, and errors in lines."""

from __future__ import annotations

from pathlib import Path

from support.terminal import at_a_terminal
from typer.main import get_command
from typer.testing import CliRunner

from pipelines.cli import app

ROWS = (
    'table(("version", "run", "sha256"), [("forecasts-2018-w52-a322f219785ede1a", '
    '"scheduled__2026-11-22T06:00:00+00:00", "5" * 64)], below=1)'
)


def test_a_table_on_a_narrow_terminal_cuts_no_id_and_no_hash() -> None:
    output = at_a_terminal("-c", f"from pipelines.cli.app import table; {ROWS}")
    assert "forecasts-2018-w52-a322f219785ede1a  scheduled__2026-11-22T06:00:00+00:00" in output
    assert "5" * 64 in output
    assert "…" not in output


def test_an_error_says_what_where_and_what_to_do_on_lines_of_their_own(home: Path) -> None:
    output = at_a_terminal("-m", "pipelines.cli", "decisions", "never", columns=80)
    starts = [line.split(":")[0] for line in output.splitlines() if not line.startswith("  ")]
    assert starts == ["ConfigError", "Where", "What to do"]
    assert f"{home}/artifacts/decisions" in output, "a path is never broken"


def test_the_help_names_every_command_in_a_panel_the_pipeline_first() -> None:
    output = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100"}).output
    assert "Commands" not in output, "a command without a panel"
    order = [
        "The pipeline",
        "run ",
        "Operation",
        "watch ",
        "Who serves",
        "rollback ",
        "Look things up",
        "trace ",
        "Services",
        "down ",
    ]
    places = [output.index(word, output.index("The pipeline")) for word in order]
    assert places == sorted(places)
    assert all(name in output for name in get_command(app).commands)  # type: ignore[attr-defined]
