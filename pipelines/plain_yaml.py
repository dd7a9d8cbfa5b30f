"""YAML from outside: plain values only, bounded, and no key twice.

Whatever is wrong with the bytes, there is one kind of error.

A safe loader alone is not enough: it takes the last of two equal keys, follows aliases of aliases
to any size, and lets ValueError and RecursionError out at a 31st of February or a thousand
brackets.
"""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipelines.errors import validation_sentence

MAX_BYTES = 100_000  # our longest is 2,000; PyYAML takes a second for so many


class UnusableYaml(Exception):
    """The text is not plain YAML; the message says where and why."""


class _Plain(yaml.SafeLoader):
    """The safe loader without aliases and without second definitions of a key."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise UnusableYaml(f"line {mark.line + 1} has an alias (*name); write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise UnusableYaml(
                    f"key {key.value!r} is there twice, in line {key.start_mark.line + 1} again"
                )
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_plain_yaml(file: Path) -> Any:
    """The value of a YAML file. Raises UnusableYaml; OSError if the file cannot be opened."""
    with file.open("rb") as handle:
        raw = handle.read(MAX_BYTES + 1)
    return parse_plain_yaml(raw)


def parse_plain_yaml(raw: bytes) -> Any:
    """The value of YAML in UTF-8, the caller's own to change. Raises UnusableYaml."""
    if len(raw) > MAX_BYTES:
        raise UnusableYaml(f"it is larger than {MAX_BYTES:,} bytes")
    return deepcopy(_parsed(raw))


@lru_cache(maxsize=256)  # a run reads its profile some fifty times, each drop's facts twice
def _parsed(raw: bytes) -> Any:
    try:
        return yaml.load(raw.decode("utf-8-sig"), Loader=_Plain)  # noqa: S506 derived from SafeLoader
    except RecursionError:
        raise UnusableYaml("it is nested too deeply") from None
    # PyYAML's own constructors let these out: an impossible date, a number of 5,000 digits
    except (
        yaml.YAMLError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        IndexError,
        OverflowError,
    ) as err:
        raise UnusableYaml(" ".join(str(err).split())[:300]) from None


def sentence(err: UnusableYaml | ValidationError) -> str:
    """What is wrong with keys and values, each by its dotted name."""
    return validation_sentence(err) if isinstance(err, ValidationError) else str(err)
