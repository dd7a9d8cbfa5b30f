"""The one walk over parents: from versions, or from things of lineage, to what they rest on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator


def generations(of: Iterable[str], parents: Callable[[str], Iterable[str]]) -> Iterator[list[str]]:
    """Names, then those one step further, and so on; each once, by its shortest way.

    A circle, which a damaged record may name, ends the walk as any other end does.
    """
    level = list(dict.fromkeys(of))
    seen = set(level)
    while level:
        yield level
        level = list(dict.fromkeys(p for name in level for p in parents(name) if p not in seen))
        seen.update(level)


def walk(of: Iterable[str], parents: Callable[[str], Iterable[str]]) -> set[str]:
    """The names and all that they lead to."""
    return {name for level in generations(of, parents) for name in level}
