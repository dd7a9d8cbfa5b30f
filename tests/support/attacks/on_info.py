"""Attacks on drop.yaml: bombs, foreign tags, wrong types, what YAML makes of innocent text."""

from __future__ import annotations

from pathlib import Path

from support.attacks.siege import Attack
from support.attacks.spoil import info

from pipelines.contracts import Level

BAD = Level.CRITICAL
GOOD = "received_date: {date}\nscene_period: month\n"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(12)
)


def folder_as_info(drop: Path) -> None:
    (drop / "drop.yaml").unlink()
    (drop / "drop.yaml").mkdir()


def refused(name: str, text: str | bytes, *words: str) -> Attack:
    return Attack(f"drop.yaml: {name}", info(text), BAD, "invalid-drop", words)


INFOS = [
    refused("a billion laughs", LAUGHS + "scene_period: *m\n", "alias", "write the value out"),
    refused("a thousand brackets", "[" * 3000, "nested too deeply"),
    refused("two megabytes", GOOD + "source_note: " + "x" * 2_000_000, "larger than 100,000 bytes"),
    refused("a tag that would call a program", "!!python/object/apply:os.system ['touch /tmp/owned']", "could not determine a constructor"),
    refused("a tag that would make an object", GOOD + "source_note: !!python/object:pathlib.Path {}", "could not determine a constructor"),
    refused("a key twice", GOOD + "received_date: 2030-01-01\n", "'received_date' is there twice"),
    refused("no key at all", "", "holds nothing"),
    refused("a list", "- received_date\n- 2018-12-04\n", "holds no keys"),
    refused("an unknown key", GOOD + "scene_latency: 3\n", "scene_latency", "known ones are"),
    refused("the 31st of February", "received_date: 2018-02-31\nscene_period: month\n", "day is out of range"),
    refused("a number of 5,000 digits", GOOD + "scene_latency_days: " + "9" * 5000, "cannot be read"),
    refused("a latency of a million days", GOOD + "scene_latency_days: 1000000\n", "scene_latency_days", "366"),
    refused("a latency below zero", GOOD + "climate_latency_days: -3\n", "climate_latency_days", "greater than or equal to 0"),
    refused("an infinite latency", GOOD + "scene_latency_days: .inf\n", "scene_latency_days"),
    refused("the year 9999", "received_date: 9999-12-31\nscene_period: month\n", "received_date", "2199"),
    refused("another date than the folder's", "received_date: 2018-01-01\nscene_period: month\n", "the folder is", "name the folder 2018-01-01"),
    refused("an unknown period", "received_date: {date}\nscene_period: fortnight\n", "'week' or 'month'"),
    refused("UTF-16", GOOD.encode("utf-16"), "YAML in UTF-8"),
    refused("NUL bytes", GOOD.encode() + bytes(50), "YAML in UTF-8"),
    refused("a binary file", bytes(range(256)), "YAML in UTF-8"),
    refused("a tab for indentation", GOOD + "source_note:\n\t- x\n", "YAML in UTF-8"),
    refused("a bad timestamp", "received_date: !!timestamp soon\nscene_period: month\n", "cannot be read"),
    Attack("drop.yaml: gone", lambda drop: (drop / "drop.yaml").unlink(), BAD, "invalid-drop", ("has no drop.yaml", "denguard drop")),
    Attack("drop.yaml: a folder", folder_as_info, BAD, "invalid-drop", ("has no drop.yaml",)),
    Attack("drop.yaml: a byte order mark", info(b"\xef\xbb\xbf" + GOOD.encode()), None, ""),
]  # fmt: skip
