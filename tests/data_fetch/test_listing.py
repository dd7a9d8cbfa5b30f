"""PhysioNet's pages as they are, and as they should not be."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.publisher import (
    FIRST,
    HURRIED,
    LICENSE,
    ROOT,
    SCENES,
    SIZES,
    Fetcher,
    Site,
    page,
    publish,
    serving,
)

from pipelines.errors import FetchError
from pipelines.fetch import fetch
from pipelines.fetch.listing import Entry, read_page

URL = "https://physionet.org/files/x/1.0.0/"


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_page_is_read_with_either_line_end(end: str) -> None:
    entries, refused = read_page(page("x", {"images": None, "metadata.csv": 7_415_191}, end), URL)
    assert entries == [Entry("images", None), Entry("metadata.csv", 7_415_191)]
    assert refused == []


@pytest.mark.parametrize(
    "href",
    [
        "../../other/1.0.0/a",
        "/etc/passwd",
        "//elsewhere.org/a",
        "https://elsewhere.org/files/x/1.0.0/a",
        "%2e%2e%2fa",
        "..%2f..%2fa",
        "a/../../b",
        "file:///etc/passwd",
        "?C=N;O=D",
        "javascript:alert(1)",
        "http://physionet.org/files/x/1.0.0/a",
    ],
)
def test_a_link_that_leaves_its_folder_is_refused_and_named(href: str) -> None:
    bad = f'<a href="{href}">a</a>   05-May-2022 01:39   12'
    entries, refused = read_page(page("x", {"a.tiff": 5}, more=bad), URL)
    assert entries == [Entry("a.tiff", 5)]
    assert len(refused) == 1
    assert href in refused[0]


def test_a_fetch_names_the_refused_link_and_brings_the_rest(site: Site, bring: Fetcher) -> None:
    site.bodies["/secret.txt"] = b"x" * 12
    site.bodies[SCENES] = page(
        "8001/", dict(SIZES), more='<a href="../../../../../secret.txt">s</a> 05-May-2022 01:39 12'
    )
    done = bring()
    assert len(done.refused) == 1
    assert "secret.txt" in done.refused[0]
    assert site.times("/secret.txt") == 0
    assert bring.here(FIRST) == site.body(FIRST)


def test_a_name_that_climbs_when_it_is_unquoted_is_refused(site: Site, bring: Fetcher) -> None:
    bad = '<a href="..%5c..%5cevil.exe">a</a>   05-May-2022 01:39   12'
    site.bodies[SCENES] = page("8001/", {}, more=bad)
    with pytest.raises(FetchError, match="would not stay in its folder"):
        bring()


def test_a_list_of_hashes_without_a_hash_is_refused(site: Site, bring: Fetcher) -> None:
    path = f"{ROOT}SHA256SUMS.txt"
    site.bodies[path] = b"<html>" + bytes(len(site.bodies[path]) - 6)
    with pytest.raises(FetchError, match="holds no hashes"):
        bring()


def test_a_login_page_is_not_taken_for_an_empty_folder() -> None:
    with pytest.raises(FetchError, match="not a directory listing"):
        read_page(b"<html><h1>Log in</h1><a href='x'>x</a></html>", URL)


def test_a_line_without_a_size_is_named() -> None:
    with pytest.raises(FetchError, match=r"no size for 'a\.tiff'"):
        read_page(page("x", {}, more='<a href="a.tiff">a.tiff</a> yesterday 1.2M'), URL)


def test_only_asks_for_no_page_that_cannot_matter(site: Site, bring: Fetcher) -> None:
    files = {"81_municipalities_v1.0": None, "10_municipalities": None, "LICENSE.txt": len(LICENSE)}
    site.bodies[ROOT] = page("x", files)
    done = bring(only=("10_municipalities/images/8001/image_2016-01-0*",))
    assert done.files == 1
    assert site.times(f"{ROOT}81_municipalities_v1.0/") == 0
    with pytest.raises(FetchError, match=r"no such file \(404\)"):
        bring()  # without --only the page is wanted, and is not there


def test_only_that_matches_nothing_says_what_there_is(bring: Fetcher) -> None:
    with pytest.raises(FetchError, match=r"matches --only.*LICENSE\.txt"):
        bring(only=("*.jpg",))


def test_folders_without_an_end_are_not_followed_for_ever(site: Site, bring: Fetcher) -> None:
    path = ROOT
    for _ in range(12):
        site.bodies[path] = page("x", {"deeper": None, "LICENSE.txt": len(LICENSE)})
        path += "deeper/"
    with pytest.raises(FetchError, match="do not end"):
        bring()


def test_half_a_list_of_hashes_is_no_list(site: Site, bring: Fetcher) -> None:
    site.bodies[f"{ROOT}SHA256SUMS.txt"] = site.bodies[f"{ROOT}SHA256SUMS.txt"][:100]
    with pytest.raises(FetchError, match=r"SHA256SUMS.txt has 100 bytes"):
        bring()


def test_without_hashes_sizes_are_checked_and_that_is_said(site: Site, bring: Fetcher) -> None:
    publish(site, sums=False)
    done = bring()
    assert (done.files, done.size_only) == (4, 4)


@pytest.mark.real_data
def test_the_real_listing_is_read_whole_and_blank_scenes_come(
    real_data: Path, tmp_path: Path
) -> None:
    tree = real_data / "satellitebench" / "physionet-listing"
    if not tree.is_dir():
        pytest.skip("satellitebench/physionet-listing is not in DENGUARD_REAL_DATA")
    site = Site()
    for index in tree.rglob("index.html"):
        below = index.parent.relative_to(tree).as_posix()
        site.folder(ROOT if below == "." else f"{ROOT}{below}/", index.read_bytes())
    site.bodies[f"{ROOT}LICENSE.txt"] = LICENSE
    del site.sizes[f"{ROOT}SHA256SUMS.txt"]  # its bytes are not public here, and cannot be invented
    scenes = [p for p in site.sizes if p.endswith(".tiff")]
    blank = sorted(p for p in scenes if site.sizes[p] < 10_000)
    assert (len(scenes), len(blank)) == (1560, 290)
    site.faults[blank[0]] = [("cut", 5000)]
    with serving(site):
        patterns = [p.removeprefix(ROOT) for p in blank[:3]]
        done = fetch(
            "satellitebench", tmp_path, patterns, site.url + ROOT[1:], True, patience=HURRIED
        )
        with pytest.raises(FetchError, match=r"81_municipalities_v1\.0/"):
            fetch("satellitebench", tmp_path, (), site.url + ROOT[1:], patience=HURRIED)
    assert (done.files, done.bytes) == (3, sum(site.sizes[p] for p in blank[:3]))
    assert [(tmp_path / p).read_bytes() for p in patterns] == [
        site.body(ROOT + p) for p in patterns
    ]
