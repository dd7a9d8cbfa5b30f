"""`denguard fetch` as a person meets it, and as a power cut does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from support.publisher import FIRST, LICENSE, ROOT, Fetcher, Site
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import FetchError


def test_terms_are_shown_once_and_the_end_is_told(site: Site, tmp_path: Path) -> None:
    arguments = [
        "fetch",
        "satellitebench",
        "--to",
        str(tmp_path / "d"),
        "--base-url",
        site.url + ROOT[1:],
    ]
    first = CliRunner().invoke(app, arguments)
    assert LICENSE.decode().strip() in first.output
    assert isinstance(first.exception, FetchError)
    second = CliRunner().invoke(app, [*arguments, "--accept-terms"])
    assert "5 files, 28.9 kB" in second.output
    assert "5 brought now, 0 were here" in second.output
    third = CliRunner().invoke(app, [*arguments, "--only", "10_municipalities/*"])
    assert LICENSE.decode().strip() not in third.output
    assert "3 files" in third.output


def test_a_killed_fetch_goes_on_where_it_stopped(site: Site, bring: Fetcher) -> None:
    site.faults[FIRST] = [("stall", 3000)]
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "fetch",
        "satellitebench",
        "--to",
        str(bring.to),
        "--base-url",
        site.url + ROOT[1:],
        "--accept-terms",
    ]
    with subprocess.Popen(
        command, env=os.environ, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE
    ) as running:
        try:
            end = time.monotonic() + 60
            parts = bring.to / ".fetch" / "parts"
            while not any(p.stat().st_size >= 2000 for p in parts.glob("*") if not p.suffix):
                assert running.poll() is None, running.stderr
                assert time.monotonic() < end
                time.sleep(0.02)
        finally:
            running.kill()
    assert bring.here(FIRST) is None
    bring()
    went_on = re.fullmatch(r"bytes=(\d+)-", site.ranges(FIRST)[-1] or "")
    assert went_on
    assert int(went_on[1]) >= 2000
    assert bring.here(FIRST) == site.body(FIRST)
