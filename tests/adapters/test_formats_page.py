"""docs/formats.md: its examples are executed, and the tests that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support.adapter_kit import read, refusals

from pipelines.contracts import ADAPTERS, Level
from pipelines.data.adapters import Reading
from pipelines.data.adapters.figures import TRANSFORMS
from pipelines.input_config import InputConfig
from pipelines.weeks import CDC, ISO, Calendar

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"<!-- example: (\w+) ?(iso)? -->\n```yaml\n(.*?)```\n```\w+\n(.*?)```\nReads: (.*?)\.\n\n",
    PAGE + "\n\n",
    re.DOTALL,
)


def read_from(reading: Reading, calendar: Calendar) -> dict[str, str]:
    """Cells and notes as the page writes them."""
    out = {
        f"{note.unit_id} {calendar.week_label(note.week_no)}": note.text
        for note in reading.notes.itertuples()
    }
    for cell in reading.cells.itertuples():
        when = {"week": calendar.week_label, "rain": lambda w: f"rain {w // 12}-{w % 12 + 1:02d}"}
        label = cell.clean or when[cell.kind](cell.when)
        out[f"{cell.unit_id} {label}"] = (
            "missing" if pd.isna(cell.number) else f"{cell.number:.10g}"
        )
    return out


@pytest.mark.parametrize(
    ("name", "iso", "profile", "content", "reads"), EXAMPLES, ids=[e[0] for e in EXAMPLES]
)
def test_an_example_reads_what_the_page_says(tmp_path, name, iso, profile, content, reads):
    (entry,) = yaml.safe_load(profile)["data"]["inputs"]
    calendar = ISO if iso else CDC
    reading = read(tmp_path, content, calendar=calendar, **entry)
    expected = dict(part.rsplit(" = ", 1) for part in re.findall(r"`([^`]+)`", reads))
    assert read_from(reading, calendar) == expected
    assert not [i for i in reading.issues if i.level in (Level.ERROR, Level.CRITICAL)]
    assert [code for _, code in refusals(reading)] == (["no-unit"] if name == "line_list" else [])


def test_every_adapter_has_an_example_and_a_line():
    assert {e[0] for e in EXAMPLES} == set(ADAPTERS) | {"units", "notes"}
    assert all(f"`{name}`](#" in PAGE for name in ADAPTERS)


def test_every_test_that_the_page_names_is_there():
    tests = "".join(
        p.read_text(encoding="utf-8") for p in (ROOT / "tests" / "adapters").glob("test_*.py")
    )
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 25
    assert [name for name in named if f"def {name}(" not in tests] == []


def test_every_key_of_an_input_and_every_conversion_is_described():
    assert [key for key in InputConfig.model_fields if f"`{key}`" not in PAGE] == []
    assert [name for name in TRANSFORMS if f"`{name}`" not in PAGE] == []
