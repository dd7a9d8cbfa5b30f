"""What an SBOM lists against a copy of OSV's database: entries in its form, small."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ConfigError
from pipelines.local import supply


@pytest.fixture
def sbom(tmp_path: Path) -> Path:
    parts = [{"name": "Some_Package", "version": "1.4.2"}, {"name": "other", "version": "2.0"}]
    path = tmp_path / "a.cdx.json"
    path.write_text(json.dumps({"bomFormat": "CycloneDX", "components": parts}))
    return path


def entry(**changes: Any) -> dict[str, Any]:
    affected = {"package": {"ecosystem": "PyPI", "name": "some-package"}, "versions": ["1.4.2"]}
    return {"id": "PYSEC-2026-1", "summary": "s", "affected": [affected], **changes}


def between(*events: dict[str, str]) -> list[dict[str, Any]]:
    package = {"ecosystem": "PyPI", "name": "some-package"}
    return [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}]


def scan(sbom: Path, *entries: dict[str, Any]) -> int:
    database = sbom.parent / "all.zip"
    with zipfile.ZipFile(database, "w") as packed:
        for number, one in enumerate(entries):
            packed.writestr(f"{number}.json", json.dumps(one))
    return supply.main([str(sbom), "--database", str(database)])


def test_a_version_that_is_listed_is_found(sbom: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan(sbom, entry()) == 1
    assert "some-package 1.4.2: PYSEC-2026-1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("events", "affected"),
    [
        ([{"introduced": "0"}], True),
        ([{"introduced": "0"}, {"fixed": "1.4.2"}], False),
        ([{"introduced": "1.4"}, {"fixed": "1.10"}], True),
        ([{"introduced": "1.10"}], False),
        ([{"introduced": "0"}, {"last_affected": "1.4.2"}], True),
        ([{"introduced": "0"}, {"last_affected": "1.4.1"}], False),
        ([{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "1.4"}], True),
    ],
)
def test_ranges_are_read_as_osv_means_them(
    sbom: Path, events: list[dict[str, str]], affected: bool
) -> None:
    assert scan(sbom, entry(affected=between(*events))) == int(affected)


def test_what_was_withdrawn_or_is_of_another_ecosystem_does_not_count(sbom: Path) -> None:
    other = [{"package": {"ecosystem": "npm", "name": "some-package"}, "versions": ["1.4.2"]}]
    assert scan(sbom, entry(withdrawn="2026-01-01T00:00:00Z"), entry(affected=other)) == 0


def test_without_a_database_it_says_that_nothing_was_scanned(
    sbom: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert supply.main([str(sbom)]) == 0
    assert "NOT SCANNED" in capsys.readouterr().out


def test_a_file_that_is_no_database_is_refused(sbom: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>not found</html>")
    with pytest.raises(ConfigError, match="OSV"):
        supply.main([str(sbom), "--database", str(tmp_path / "page.html")])


def test_a_file_that_is_no_sbom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(ConfigError, match="SBOM"):
        supply.main([str(tmp_path / "x.json")])
