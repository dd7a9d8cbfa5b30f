"""What others wrote cannot steer a terminal: titles, cursors, colours, hidden and turned text."""

from __future__ import annotations

import importlib
import json
import logging
import re
import sys
from pathlib import Path

import pytest

from pipelines.data.drops import shown
from pipelines.errors import DenguardError
from pipelines.shown import shown_lines

room = importlib.import_module("pipelines.cli.app")  # `pipelines.cli.app` is the typer app, too
# clear the screen, set the title, C1's own introducer, back over a line, turn text around, a bell
LOUD = "Cali\x1b[2J\x1b]0;owned\x07 \x9b31m \rok \u202egpj.exe\x08\x00"
FINE = "Medellín\tÑuñoa\u00a0東京\u3000x\nsecond line"

CALL = re.compile(r"(?:typer\.(?:echo|secho)|console\.print)\(\s*[^\n]*")  # and its first argument


def quiet(text: str) -> bool:
    return not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_texts_of_others_are_printed_without_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    room.say(LOUD)
    room.ask_aloud(LOUD)
    output = capsys.readouterr()
    assert quiet(output.out) and quiet(output.err) and "\\x1b[2J" in output.out


def test_letters_line_ends_and_wide_spaces_are_printed_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    room.say(FINE)
    assert capsys.readouterr().out == FINE + "\n"


def test_json_is_the_same_json_and_holds_none(capsys: pytest.CaptureFixture[str]) -> None:
    room.show({"name": LOUD, "fine": FINE})
    out = capsys.readouterr().out
    assert quiet(out) and json.loads(out) == {"name": LOUD, "fine": FINE} and "Medellín" in out


@pytest.mark.parametrize("terminal", [False, True])
def test_tables_hold_none_and_stay_in_their_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    room.table(
        ("name", "n", "why"), [(LOUD, "1", LOUD), ("b", "2", "")], below=1 if terminal else 0
    )
    _, first, *rest = capsys.readouterr().out.splitlines()
    assert quiet(first + "".join(rest))
    if terminal:
        assert first.index(" 1") == rest[-1].index(" 2")


@pytest.mark.parametrize("terminal", [False, True])
def test_errors_hold_none(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert quiet(room.in_lines(DenguardError(LOUD, where=LOUD, fix=LOUD)))


def test_the_log_holds_none() -> None:
    record = logging.makeLogRecord({"msg": "remote says %s", "args": (LOUD,)})
    assert quiet(room.PlainLog("%(message)s").format(record))


def test_names_of_files_and_texts_go_by_one_mechanism() -> None:
    assert shown(LOUD) == shown_lines(LOUD)
    assert shown("a\nb") == "a\\nb"


def test_nothing_of_the_command_prints_past_it() -> None:
    """Where else something is printed, it is a question of our own or goes through shown_lines."""
    folder = Path(str(room.__file__)).parent
    calls = [
        (file.name, line.strip())
        for file in sorted(folder.glob("*.py"))
        if file.name != "app.py"
        for line in CALL.findall(file.read_text(encoding="utf-8"))
        if not re.search(
            r"in_lines\(|shown_lines\(|\"What to do: compare|\"  that is none of them\"", line
        )
    ]
    assert calls == []
