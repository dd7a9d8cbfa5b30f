"""Other distributions import `denguard.testing`: packaging maps the name, and the kit is
all there."""

from __future__ import annotations

import tomllib
from pathlib import Path

from setuptools.config.expand import find_packages

import denguard.testing
import pipelines.testing

ROOT = Path(__file__).parents[2]


def test_an_installed_denguard_brings_the_name_and_no_second_one() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    mapped: dict[str, str] = {}
    find = settings["tool"]["setuptools"]["packages"]["find"]
    found = find_packages(root_dir=ROOT, fill_package_dir=mapped, **find)
    assert "denguard" in found and mapped["denguard"] == "pipelines/public/denguard"
    assert not [name for name in found if name.startswith("pipelines.public")]
    assert {name.split(".")[0] for name in found} == {"denguard", "pipelines", "serving"}


def test_the_public_name_gives_every_check() -> None:
    assert denguard.testing.__all__ == pipelines.testing.__all__
    for name in denguard.testing.__all__:
        assert getattr(denguard.testing, name) is getattr(pipelines.testing, name)
