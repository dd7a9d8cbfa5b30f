"""`.env`: settings with the comments of `.env.example`, read as compose reads them.

A file that exists is never rewritten as a whole: lines are added at its end, or one is changed in
its place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")


def read_env(text: str) -> dict[str, str]:
    """Variable -> value of a `.env`; the last line of a name holds, as in compose."""
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return {hit[1]: _value(hit[2]) for hit in found if hit}


def filled(template: str, values: Mapping[str, str], left_out: Collection[str]) -> str:
    """A new `.env` from a template: its lines with these values, and what it does not name at
    the end.

    Args:
        left_out: variables that are to go, with the comment above them.
    """
    names = set[str]()
    lines = list[str]()
    for name, block in _blocks(template):
        if name in left_out:
            continue
        names |= {name}
        lines += [*block[:-1], f"{name}={values[name]}"] if name in values else block
    text = "\n".join(lines).rstrip("\n") + "\n"
    return added(text, {n: v for n, v in values.items() if n not in names}, "")


def missing(text: str, template: str, left_out: Collection[str]) -> dict[str, str]:
    """Variables of a template that a `.env` does not name -> their values there."""
    here = read_env(text)
    return {
        name: value
        for name, value in read_env(template).items()
        if name not in here and name not in left_out
    }


def added(text: str, values: Mapping[str, str], template: str) -> str:
    """A `.env` with these variables at its end, below the comments that a template gives them."""
    comments = {name: block[:-1] for name, block in _blocks(template) if name}
    lines = [line for n, v in values.items() for line in (*comments.get(n, ()), f"{n}={v}")]
    return (
        text + ("" if text.endswith("\n") or not text else "\n") + "".join(f"{x}\n" for x in lines)
    )


def changed(text: str, values: Mapping[str, str]) -> str:
    """A `.env` with other values in the lines that name these variables."""
    lines = [
        f"{hit[1]}={values[hit[1]]}"
        if (hit := _LINE.fullmatch(line)) and hit[1] in values
        else line
        for line in text.splitlines()
    ]
    return "\n".join(lines) + "\n"


def _blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """(variable, its line with the lines above it); ("", lines) for what is above none."""
    block = list[str]()
    for line in text.splitlines():
        block.append(line)
        if hit := _LINE.fullmatch(line):
            yield hit[1], block
            block = []
    if block:
        yield "", block


def _value(raw: str) -> str:
    text = raw.strip()
    if text[:1] in {"'", '"'} and (end := text.find(text[0], 1)) > 0:
        return text[1:end]
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
