"""What a release says of itself in more than one place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    numbered = re.findall(r"^## (\d+\.\d+\.\d+)", changelog, re.M)
    assert numbered[0] == package["version"]


def test_the_upgrade_note_has_a_part_for_the_newest_minor_version() -> None:
    note = (ROOT / "docs" / "upgrading.md").read_text(encoding="utf-8")
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    minor = ".".join(package["version"].split(".")[:2])
    assert re.search(rf"^## From \S+ to {re.escape(minor)}$", note, re.M)
