"""HAM10000 as Dataverse gives it: terms and hashes from its API, pictures in archives."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.publisher import HURRIED, Site, serving

from pipelines.errors import FetchError
from pipelines.fetch import Fetched, fetch
from pipelines.fetch.unpack import unpack

API = "/api/datasets/:persistentId/versions/:latest-published?persistentId=doi:10.7910/DVN/DBW86T"
TABLE = b"lesion_id,image_id,dx\nHAM_0000118,ISIC_0027419,bkl\n"


def archive(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in entries:
            opened.writestr(name, data)
    return out.getvalue()


IMAGES = archive(("ISIC_0024306.jpg", b"one"), ("ISIC_0024307.jpg", b"two"))


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def described(site: Site, **more: Any) -> None:
    """Let the API say what the site serves; a table is also kept in Dataverse's own form."""
    site.bodies["/api/access/datafile/1"] = site.bodies.get("/api/access/datafile/1", IMAGES)
    images = site.bodies["/api/access/datafile/1"]
    site.bodies["/api/access/datafile/2?format=original"] = TABLE
    files = [
        {
            "label": "HAM10000_images_part_1.zip",
            "dataFile": {
                "id": 1,
                "filesize": len(images),
                "checksum": {"type": "MD5", "value": _md5(images)},
            },
        },
        {
            "label": "HAM10000_metadata.tab",
            "dataFile": {
                "id": 2,
                "filesize": 999,
                "md5": _md5(TABLE),
                "originalFileFormat": "text/csv",
                "originalFileSize": len(TABLE),
                "originalFileName": "HAM10000_metadata.csv",
            },
        },
    ]
    version = {
        "termsOfUse": "Non-commercial; cite Tschandl et al. 2018.",
        "license": {
            "name": "CC BY-NC 4.0",
            "uri": "https://creativecommons.org/licenses/by-nc/4.0/",
        },
        "files": files,
    }
    site.bodies[API] = json.dumps({"status": "OK", "data": {**version, **more}}).encode()


@pytest.fixture
def dataverse() -> Iterator[Site]:
    site = Site()
    described(site)
    with serving(site):
        yield site


def _bring(site: Site, to: Path) -> Fetched:
    return fetch("ham10000", to, base_url=site.url, accept=True, patience=HURRIED)


def test_the_table_comes_as_deposited_and_pictures_are_unpacked(
    dataverse: Site, tmp_path: Path
) -> None:
    done = _bring(dataverse, tmp_path)
    assert (done.files, done.size_only, done.unpacked) == (2, 0, ["HAM10000_images_part_1.zip"])
    assert (tmp_path / "HAM10000_metadata.csv").read_bytes() == TABLE
    assert (tmp_path / "HAM10000_images_part_1" / "ISIC_0024307.jpg").read_bytes() == b"two"
    assert "CC BY-NC 4.0" in (tmp_path / "TERMS.txt").read_text()
    again = _bring(dataverse, tmp_path)
    assert (again.whole, again.unpacked) == (2, [])


def test_a_picture_lost_after_unpacking_is_noticed(dataverse: Site, tmp_path: Path) -> None:
    _bring(dataverse, tmp_path)
    (tmp_path / "HAM10000_images_part_1" / "ISIC_0024306.jpg").unlink()
    with pytest.raises(FetchError, match=r"ISIC_0024306.jpg is not what the archive holds"):
        _bring(dataverse, tmp_path)


def test_a_wrong_md5_keeps_the_file_out(dataverse: Site, tmp_path: Path) -> None:
    dataverse.faults["/api/access/datafile/1"] = [("other",)]
    with pytest.raises(FetchError, match="its md5 is"):
        _bring(dataverse, tmp_path)
    assert not (tmp_path / "HAM10000_images_part_1.zip").exists()
    assert (tmp_path / "HAM10000_metadata.csv").is_file()


def test_the_token_is_sent_if_it_is_set(
    dataverse: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAVERSE_API_TOKEN", "token")
    _bring(dataverse, tmp_path)
    assert {a.headers["X-Dataverse-key"] for a in dataverse.asked} == {"token"}


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"data": {"files": [{"label": "a"}]}}',
        b'{"data": {"files": [{"label": "a", "dataFile": {"id": "../x", "filesize": 1, "md5": '
        b'""}}]}}',
        b'{"data": {"files": [{"label": "a", "dataFile": {"id": 1, "filesize": "1", "md5": ""}}]}}',
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_not_dataverses_is_named(
    dataverse: Site, tmp_path: Path, body: bytes
) -> None:
    dataverse.bodies[API] = body
    with pytest.raises(FetchError, match="not what Dataverse says"):
        _bring(dataverse, tmp_path)


@pytest.mark.parametrize(
    "label", ["../evil", "/etc/passwd", "a/../../b", "..", "a\\b", "C:evil", "a\nb"]
)
def test_a_name_that_leads_out_is_refused(dataverse: Site, tmp_path: Path, label: str) -> None:
    described(
        dataverse, files=[{"label": label, "dataFile": {"id": 1, "filesize": 1, "md5": "0" * 32}}]
    )
    with pytest.raises(FetchError, match="would not stay in its folder"):
        _bring(dataverse, tmp_path)


def _link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (archive(("a.jpg", b"1"), ("../evil.jpg", b"2")), "would not stay"),
        (archive(("/tmp/evil.jpg", b"2")), "would not stay"),
        (archive((_link("a.jpg"), b"/etc/passwd")), "a link or a device"),
        (archive(("zeros.jpg", bytes(80 << 20))), "would become 80 MB"),
        (archive(("a", b"1"), ("a/b", b"2")), "a file and a folder at once"),
        (IMAGES[:-30], "damaged"),
        (IMAGES.replace(archive(("ISIC_0024306.jpg", b"one"))[46:51], b"\0\1\2\3\4", 1), "damaged"),
    ],
    ids=["slip", "absolute", "link", "bomb", "clash", "truncated", "spoilt"],
)
def test_a_bad_archive_leaves_nothing_behind(tmp_path: Path, data: bytes, message: str) -> None:
    packed = tmp_path / "in" / "images.zip"
    packed.parent.mkdir()
    packed.write_bytes(data)
    with pytest.raises(FetchError, match=message):
        unpack(packed)
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "images.zip"]
