"""The README says what is so: its commands, its files and its example."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_make_target_it_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(re.findall(r"(?:`|\$ )make ([a-z]+)", README))
    assert {"demo", "test", "down", "help"} <= named
    assert named <= targets


def test_every_file_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_its_example_prediction_is_a_valid_request() -> None:
    from serving.schemas import PredictionRequest

    example = json.loads(
        (ROOT / "docs" / "examples" / "prediction.json").read_text(encoding="utf-8")
    )
    assert PredictionRequest.model_validate(example).rows


def test_every_command_it_shows_is_one_of_the_program() -> None:
    output = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    named = set(re.findall(r"denguard ([a-z-]+) -", README))
    assert {"drop", "run"} <= named
    assert all(re.search(rf"\b{command}\b", output) for command in named)
