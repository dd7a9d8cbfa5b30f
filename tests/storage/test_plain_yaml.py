"""A value that is parsed once belongs to each of its readers."""

from __future__ import annotations

from pipelines.plain_yaml import parse_plain_yaml


def test_what_one_reader_changes_no_other_reader_sees() -> None:
    first = parse_plain_yaml(b"data: {first_week: 2007-w01, drops: [a]}")
    first["data"]["drops"].append("b")

    assert parse_plain_yaml(b"data: {first_week: 2007-w01, drops: [a]}")["data"]["drops"] == ["a"]
