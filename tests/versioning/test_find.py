"""Which version somebody means."""

from __future__ import annotations

import pytest

from pipelines.errors import VersioningError
from pipelines.versioning.entry import Kind, Version
from pipelines.versioning.find import find_version, nearest, newest_first
from pipelines.versioning.withdrawals import marks_of


def version(name: str, week: str, run: str, *parents: str, **facts: str) -> Version:
    kind, _, rest = name.partition("-")
    return Version(
        id=name,
        kind=kind,
        version=rest,
        as_of_week=week,
        run_id=run,
        parents=parents,
        files=1,
        bytes=1,
        md5="0" * 32 + ".dir",
        facts=facts,
    )  # type: ignore[arg-type]


# Week 47 promotes; week 48 keeps its bundle; week 48 was run twice, the second time unchanged.
LISTED = (
    version("samples-aaaa1111", "2018-w47", "one"),
    version(
        "features-bbbb1111", "2018-w47", "one", "samples-aaaa1111", embedding_version="eeee1111"
    ),
    version("bundle-cccc1111", "2018-w47", "one", "features-bbbb1111"),
    version("forecasts-2018-w47-dddd", "2018-w47", "one", "features-bbbb1111", "bundle-cccc1111"),
    version("report-ffff1111", "2018-w47", "one", "features-bbbb1111", "forecasts-2018-w47-dddd"),
    version("samples-aaaa2222", "2018-w48", "two"),
    version("features-bbbb2222", "2018-w48", "two", "samples-aaaa2222"),
    version("forecasts-2018-w48-dddd", "2018-w48", "two", "features-bbbb2222", "bundle-cccc1111"),
    version("report-ffff2222", "2018-w48", "two", "features-bbbb2222", "forecasts-2018-w48-dddd"),
    version("report-ffff3333", "2018-w48", "three", "features-bbbb2222", "forecasts-2018-w48-dddd"),
)
CATALOGUE = {v.id: v for v in LISTED}


@pytest.mark.parametrize(
    ("kind", "wanted", "found"),
    [
        ("samples", "samples-aaaa1111", "samples-aaaa1111"),
        ("samples", "aaaa1111", "samples-aaaa1111"),
        ("samples", "aaaa2", "samples-aaaa2222"),
        ("samples", "latest", "samples-aaaa2222"),
        ("samples", "2018-w48", "samples-aaaa2222"),
        ("samples", "two", "samples-aaaa2222"),
        ("features", "eeee1111", "features-bbbb1111"),
        ("forecasts", "2018-w48", "forecasts-2018-w48-dddd"),
        ("forecasts", "2018-w47-dddd", "forecasts-2018-w47-dddd"),
        ("forecasts", "three", "forecasts-2018-w48-dddd"),
        ("samples", "three", "samples-aaaa2222"),
        ("report", "three", "report-ffff3333"),
    ],
)
def test_a_version_is_found_by_any_of_its_names(kind: Kind, wanted: str, found: str) -> None:
    assert find_version(CATALOGUE, kind, wanted).id == found


def test_the_bundle_behind_a_bulletin_may_be_of_an_older_week() -> None:
    assert find_version(CATALOGUE, "bundle", "2018-w48").id == "bundle-cccc1111"
    assert find_version(CATALOGUE, "bundle", "three").id == "bundle-cccc1111"


def test_what_could_be_several_versions_is_refused_with_their_list() -> None:
    with pytest.raises(VersioningError, match="2 report versions") as caught:
        find_version(CATALOGUE, "report", "2018-w48")
    assert "report-ffff2222 (2018-w48, run two)" in caught.value.what
    assert "report-ffff3333 (2018-w48, run three)" in caught.value.what
    with pytest.raises(VersioningError, match="any of 2 samples versions"):
        find_version(CATALOGUE, "samples", "aaaa")


@pytest.mark.parametrize("wanted", ["2018-w49", "nobody", "", "bundle-cccc1111"])
def test_what_is_no_version_is_refused_with_those_there_are(wanted: str) -> None:
    catalogue = {name: v for name, v in CATALOGUE.items() if name != "samples-aaaa2222"}
    with pytest.raises(VersioningError, match="there are samples-aaaa1111"):
        find_version(
            {n: v for n, v in catalogue.items()}
            | {"samples-zzzz": version("samples-zzzz", "2018-w40", "z")},
            "samples",
            wanted,
        )


def test_a_kind_that_was_never_published_is_said() -> None:
    with pytest.raises(VersioningError, match="no embeddings versions"):
        find_version(CATALOGUE, "embeddings", "latest")


def test_the_newest_week_comes_first() -> None:
    weeks = [v.as_of_week for v in newest_first(LISTED)]
    assert weeks == sorted(weeks, key=str, reverse=True)


def test_versions_that_name_each_other_as_parents_end_the_walk() -> None:
    """A remote is written by others; a circle must not hang an analyst's pull."""
    there, back = (
        version("features-1111", "2018-w47", "one", "bundle-2222"),
        version("bundle-2222", "2018-w47", "one", "features-1111"),
    )
    circle = {v.id: v for v in (there, back)}
    assert nearest(circle, there.id, "samples") == []
    assert marks_of(circle, [], there) == []
