"""What goes wrong between here and a catalogue: tried again, passed over with its reason, or a
named error; never a wrong pixel."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from support.publisher import serving
from support.stac import SceneFetcher, StacSite, in_cells, truth_of

from pipelines.errors import FetchError
from pipelines.fetch.web import Refused, Unanswered

DAY, LATER = date(2024, 11, 4), date(2024, 11, 7)


@pytest.fixture
def item(site: StacSite) -> str:
    return site.add(DAY)


def test_a_server_that_fails_for_a_moment_is_asked_again(
    site: StacSite, fetch: SceneFetcher, item: str
) -> None:
    site.faults["/stac"] = [("status", 503)]
    site.faults[f"/{item}/SCL.tif"] = [("status", 500), ("status", 429)]
    site.faults[f"/{item}/B05.tif"] = [("cut", 1000)]
    done = fetch()
    assert np.array_equal(in_cells(fetch.scene()), truth_of(DAY))
    assert done.bytes_read == site.sent  # with the thousand bytes of the answer that broke off


def test_a_server_that_keeps_failing_ends_the_call_and_the_next_goes_on(
    site: StacSite, fetch: SceneFetcher, item: str
) -> None:
    site.faults[f"/{item}/B05.tif"] = [("status", 500)] * 4
    with pytest.raises(Unanswered, match="the server answers 500, 4 times in a row"):
        fetch()
    assert fetch.files() == {}
    assert len(fetch().written) == 1


def test_a_refusal_asks_for_a_token(site: StacSite, fetch: SceneFetcher, item: str) -> None:
    site.faults["/stac"] = [("status", 401)]
    with pytest.raises(Refused, match="DENGUARD_STAC_TOKEN"):
        fetch()


def test_the_token_goes_to_the_catalogue_alone(
    site: StacSite, fetch: SceneFetcher, item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_STAC_TOKEN", "of-the-tests")
    with serving(StacSite(bodies=site.bodies)) as files:
        for asset in site.items[0]["assets"].values():
            asset["href"] = asset["href"].replace("SITE/", files.url)
        assert len(fetch().written) == 1
    assert {one.headers["Authorization"] for one in site.asked} == {"Bearer of-the-tests"}
    assert {one.headers["Authorization"] for one in files.asked} == {None}


def _other_file(site: StacSite, item: str, body: bytes) -> None:
    site.bodies[f"/{item}/B05.tif"] = body


def _vrt(site: StacSite, item: str) -> None:
    _other_file(
        site,
        item,
        b'<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1">'
        b"<SimpleSource><SourceFilename>/etc/hostname</SourceFilename></SimpleSource>"
        b"</VRTRasterBand></VRTDataset>",
    )


def _damaged(site: StacSite, item: str) -> None:
    whole = site.noisy(20)
    _other_file(site, item, whole[:2000] + b"U" * (len(whole) - 2000))


def _short(site: StacSite, item: str) -> None:
    _other_file(site, item, site.noisy(20)[:2000])


def _gone(site: StacSite, item: str) -> None:
    del site.bodies[f"/{item}/B05.tif"]


def _without_asset(site: StacSite, item: str) -> None:
    del site.items[0]["assets"]["B05"]


def _on_this_machine(site: StacSite, item: str) -> None:
    site.items[0]["assets"]["B05"]["href"] = "file:///etc/hostname"


def _signed_and_damaged(site: StacSite, item: str) -> None:
    site.items[0]["assets"]["B05"]["href"] += "?signature=of-the-tests"
    site.bodies[f"/{item}/B05.tif?signature=of-the-tests"] = b"II*\0 and no more"


def _in_a_bucket(site: StacSite, item: str) -> None:
    site.items[0]["assets"]["B05"]["href"] = "s3://bucket/B05.tif"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_vrt, "not recognized as being in a supported file format"),
        (_damaged, "B05.tif"),
        (_short, "B05.tif"),
        (_signed_and_damaged, "B05.tif: "),
        (_gone, "a file is gone"),
        (_without_asset, "it has no asset 'B05' (it has B01, B02"),
        (_on_this_machine, "a file has no http address: 'file:///etc/hostname'"),
        (_in_a_bucket, "a file has no http address: 's3://bucket/B05.tif'"),
    ],
)
def test_an_item_that_cannot_be_used_is_passed_over_by_name(
    site: StacSite, fetch: SceneFetcher, item: str, spoil, why: str
) -> None:
    spoil(site, item)
    other = site.add(LATER)
    (record,) = fetch().written
    assert np.array_equal(in_cells(fetch.scene()), truth_of(LATER))
    assert record.items[item].startswith("passed over: ")
    assert why in record.items[item]
    assert "of-the-tests" not in record.items[item]
    assert record.items[other].startswith("s2:processing_baseline")
    assert list(record.observation_days) == [LATER]


def test_a_server_without_range_requests_is_named(
    site: StacSite, fetch: SceneFetcher, item: str
) -> None:
    site.faults[f"/{item}/SCL.tif"] = [("ignore range",)]
    with pytest.raises(FetchError, match="it does not answer range requests"):
        fetch()


def test_another_piece_than_was_asked_for_is_refused(
    site: StacSite, fetch: SceneFetcher, item: str
) -> None:
    site.bodies[f"/{item}/SCL.tif"] = site.noisy(20)
    site.faults[f"/{item}/SCL.tif"] = [("shift", 100)]
    with pytest.raises(FetchError, match="sends another piece of the file"):
        fetch()


def test_a_file_elsewhere_on_an_open_line_is_refused(
    site: StacSite, fetch: SceneFetcher, item: str
) -> None:
    site.items[0]["assets"]["SCL"]["href"] = "http://198.51.100.7/SCL.tif"
    with pytest.raises(FetchError, match="not https"):
        fetch()


@pytest.mark.parametrize(
    "body",
    [b"<html>log in</html>", b"[]", b'{"type": "Catalog"}', b'{"type": "Feature", "id": 5}'],
)
def test_what_is_no_catalogue_is_named(site: StacSite, fetch: SceneFetcher, body: bytes) -> None:
    site.bodies["/stack"] = body
    with pytest.raises(FetchError, match="the catalogue's answer cannot be used"):
        fetch(url=f"{site.url}stack")


def test_a_page_that_is_not_there_is_named(site: StacSite, fetch: SceneFetcher) -> None:
    with pytest.raises(FetchError, match=r"the catalogue has no such page \(404\)"):
        fetch(url=f"{site.url}elsewhere")


def test_a_false_page_of_items_is_named(site: StacSite, fetch: SceneFetcher, item: str) -> None:
    site.items[0]["properties"]["datetime"] = "2024-11-04 but when"
    with pytest.raises(FetchError, match="the catalogue's answer cannot be used"):
        fetch()


def test_all_pages_of_an_answer_are_followed(site: StacSite, fetch: SceneFetcher) -> None:
    for day in range(4, 8):
        site.add(date(2024, 11, day))
    site.page_size = 1
    (record,) = fetch().written
    assert len(record.items) == 4


def test_more_items_than_are_allowed_are_refused(site: StacSite, fetch: SceneFetcher) -> None:
    for day in range(4, 8):
        site.add(date(2024, 11, day))
    with pytest.raises(FetchError, match="more than 3 items"):
        fetch(max_items=3)
