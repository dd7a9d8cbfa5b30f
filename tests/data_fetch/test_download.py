"""Whatever a server or a line does: each file comes whole and verified, or is named and
not there."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from filelock import FileLock
from support.publisher import FIRST, HURRIED, ROOT, SCENES, SIZES, Fetcher, Site, page, publish

from pipelines.errors import FetchError, StoreError
from pipelines.fetch import web

LAST = SCENES + "image_2016-01-17.tiff"


def test_everything_comes_with_the_publishers_bytes(site: Site, bring: Fetcher) -> None:
    done = bring()
    assert (done.files, done.brought, done.whole, done.size_only) == (
        5,
        5,
        0,
        1,
    )  # the sums are not in the sums
    assert all(bring.here(SCENES + name) == site.body(SCENES + name) for name in SIZES)


def test_what_is_whole_is_not_asked_for_again(site: Site, bring: Fetcher) -> None:
    bring()
    again = bring()
    assert (again.brought, again.whole) == (0, 5)
    assert site.times(FIRST) == 1


def test_a_file_that_was_spoilt_here_is_brought_again(site: Site, bring: Fetcher) -> None:
    bring()
    spoilt = bring.to / FIRST.removeprefix(ROOT)
    spoilt.write_bytes(bytes(SIZES[spoilt.name]))  # the size is right
    assert bring().brought == 1
    assert bring.here(FIRST) == site.body(FIRST)


def test_a_cut_transfer_goes_on_by_range_and_every_byte_is_right(
    site: Site, bring: Fetcher
) -> None:
    site.faults[FIRST] = [("cut", 4000), ("cut", 3000)]
    bring()
    assert site.ranges(FIRST) == [None, "bytes=4000-", "bytes=7000-"]
    assert bring.here(FIRST) == site.body(FIRST)


def test_a_line_that_stays_cut_is_named_and_the_next_call_goes_on(
    site: Site, bring: Fetcher
) -> None:
    site.faults[FIRST] = [("cut", 2000)] + [("cut", 0)] * 3
    with pytest.raises(FetchError, match=r"1 of 5 files did not come whole.*4 times in a row"):
        bring()
    assert bring.here(FIRST) is None
    assert bring.here(LAST) == site.body(LAST)
    assert bring().brought == 1
    assert site.ranges(FIRST)[-1] == "bytes=2000-"
    assert bring.here(FIRST) == site.body(FIRST)


def test_a_narrower_call_keeps_what_a_wider_one_began(site: Site, bring: Fetcher) -> None:
    site.faults[FIRST] = [("cut", 2000)] + [("cut", 0)] * 3
    with pytest.raises(FetchError):
        bring()
    bring(only=("LICENSE.txt",))
    bring()
    assert site.ranges(FIRST)[-1] == "bytes=2000-"


@pytest.mark.parametrize("server", [(), ("ignore if-range",), ("ignore range",)])
def test_a_file_that_changed_on_the_server_meanwhile_starts_anew(
    site: Site, bring: Fetcher, server: tuple[Any, ...]
) -> None:
    publish(site, sums=False)  # no hash would tell a mixture of both
    site.faults[FIRST] = [("cut", 4000)] + [("cut", 0)] * 3
    with pytest.raises(FetchError):
        bring()
    site.version = "2"
    site.faults[FIRST] = [server] if server else []
    bring()
    assert bring.here(FIRST) == site.body(FIRST)


def test_wrong_bytes_of_the_right_size_are_never_put_in_place(site: Site, bring: Fetcher) -> None:
    site.faults[FIRST] = [("other",)]
    with pytest.raises(FetchError, match=r"sha256 is .* the publisher lists"):
        bring()
    assert bring.here(FIRST) is None
    bring()
    assert bring.here(FIRST) == site.body(FIRST)


def test_a_spoilt_beginning_is_dropped_and_the_file_starts_anew(site: Site, bring: Fetcher) -> None:
    site.faults[FIRST] = [("cut", 4000)] + [("cut", 0)] * 3
    with pytest.raises(FetchError):
        bring()
    (part,) = [p for p in (bring.to / ".fetch/parts").iterdir() if not p.suffix]
    part.write_bytes(bytes(4000))
    bring()
    assert bring.here(FIRST) == site.body(FIRST)


@pytest.mark.parametrize("sent", [9_000, 12_000])
def test_another_size_than_listed_is_named(site: Site, bring: Fetcher, sent: int) -> None:
    site.sizes[FIRST] = sent
    with pytest.raises(FetchError, match=f"lists 9702 bytes and the server sends {sent}"):
        bring()
    assert bring.here(FIRST) is None
    assert bring.here(LAST) is not None


def test_a_listed_file_that_the_server_has_not_is_named_and_the_others_come(
    site: Site, bring: Fetcher
) -> None:
    del site.sizes[FIRST]
    with pytest.raises(FetchError, match=r"image_2016-01-03.*no such file \(404\).*--only"):
        bring()
    assert bring.here(LAST) == site.body(LAST)


def test_a_server_that_is_away_for_a_moment_is_asked_again(site: Site, bring: Fetcher) -> None:
    site.faults[FIRST] = [("status", 503), ("status", 429), ("status", 502)]
    site.faults[ROOT] = [("status", 503)]
    assert bring().brought == 5


def test_retry_after_is_waited_for_unless_it_is_too_long(site: Site, bring: Fetcher) -> None:
    waits: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        # this module's clock alone: the servers of these tests sleep in threads of their own
        patch.setattr(web, "time", SimpleNamespace(sleep=waits.append, monotonic=time.monotonic))
        site.faults[FIRST] = [("status", 503, {"Retry-After": "7"})]
        bring()
    assert waits == [7]
    site.faults[ROOT + "LICENSE.txt"] = [
        ("status", 429, {"Retry-After": "Fri, 31 Dec 2999 23:59:59 GMT"})
    ]
    with pytest.raises(FetchError, match="asks to come back in"):
        bring()


def test_a_server_that_falls_silent_is_given_up_and_asked_again(site: Site, bring: Fetcher) -> None:
    site.faults[FIRST] = [("hang", 60.0)]
    bring()
    assert site.times(FIRST) > 1


def test_a_server_that_drips_for_ever_is_taken_for_one_that_hangs(
    site: Site, bring: Fetcher
) -> None:
    site.faults[FIRST] = [("drip", 0.1)] * 9
    bring(patience=replace(HURRIED, grace_s=0.15, slowest_bytes_s=1e9, pauses_s=(0.01,) * 30))
    ranges = site.ranges(FIRST)
    assert len(ranges) > 1
    assert ranges[-1] is not None  # it went on, and did not begin again
    assert bring.here(FIRST) == site.body(FIRST)


def test_a_server_that_answers_nothing_more_ends_the_fetch_soon(site: Site, bring: Fetcher) -> None:
    site.folder(SCENES, page("8001/", {f"{n}.tiff": 100 for n in range(20)}))
    for n in range(20):
        site.faults[f"{SCENES}{n}.tiff"] = [("status", 500)] * 9
    with pytest.raises(FetchError, match="answers 500"):
        bring()
    assert site.times(f"{SCENES}2.tiff") > 0
    assert site.times(f"{SCENES}3.tiff") == 0


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_without_room_is_said_before_a_file_is_asked_for(
    site: Site, bring: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: _Usage(10, 0, 1 << 20))
    with pytest.raises(FetchError, match="free disk are needed and there are 1 MB"):
        bring()
    assert site.times(FIRST) == 0


def test_a_disk_that_fills_up_is_named(bring: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device", "data")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"the disk is full: .* are needed"):
        bring()


def test_two_fetches_into_one_folder_do_not_mix(bring: Fetcher) -> None:
    (bring.to / ".fetch").mkdir(parents=True)
    with FileLock(bring.to / ".fetch" / "lock"), pytest.raises(FetchError, match="another fetch"):
        bring()


def test_a_link_in_the_folder_is_not_written_through(
    site: Site, bring: Fetcher, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    bring.to.mkdir()
    (bring.to / "10_municipalities").symlink_to(outside)
    with pytest.raises(FetchError, match="a link, file or folder is where"):
        bring()
    assert list(outside.iterdir()) == []
