"""The documentation site: built from docs/, every link checked, nothing fetched when a
page opens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FETCHED = re.compile(r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["']?(https?:[^"' >]+)""")


def build(repository: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--config-file",
        str(repository / ".ci" / "mkdocs.yml"),
        "--site-dir",
        str(site),
    ]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_of_docs_is_in_the_site(site: Path) -> None:
    pages = {
        p.relative_to(ROOT / "docs").with_suffix(".html") for p in (ROOT / "docs").rglob("*.md")
    }
    pages -= {Path("progress.html")}
    assert {p for p in pages if not (site / p).is_file()} == set()


def test_the_client_page_shows_its_methods(site: Path) -> None:
    page = (site / "api" / "client.html").read_text(encoding="utf-8")
    assert {"pull", "find", "table"} <= set(
        re.findall(r'id="pipelines\.client\.Client\.(\w+)"', page)
    )


def test_a_page_fetches_nothing_from_elsewhere(site: Path) -> None:
    fetched = {
        url
        for page in site.rglob("*.html")
        for url in FETCHED.findall(page.read_text(encoding="utf-8"))
    }
    assert fetched == set()


def test_a_broken_link_ends_the_build(tmp_path: Path) -> None:
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    settings = tmp_path / ".ci" / "mkdocs.yml"
    head, _, _ = settings.read_text(encoding="utf-8").partition("nav:")
    settings.write_text(f"{head}nav:\n  - index.md\n", encoding="utf-8")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# A page\n\n[nothing](no-such-page.md)\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert "no-such-page.md" in done.stdout + done.stderr
