"""What can be plugged in, by name: built in here, or brought by another distribution.

A distribution of its own (a country pack) declares entry points of the group that a registry names,
such as `[project.entry-points."denguard.adapters"] ehealth = "country_pack.adapter"`; nothing here
is edited. Every process that looks a name up (tasks, encoder children, the endpoint) sees the same.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import AfterValidator

from pipelines.errors import ConfigError


class Registry(MutableMapping[str, str]):
    """Name -> "module" or "module:attribute"; nothing is imported before it is asked for.

    Args:
        group: entry point group in which other distributions add to it.
        what: how one entry is called in messages, such as "adapter".
        built_in: entries of denguard itself; they win over an entry point of the same name.
    """

    def __init__(self, group: str, what: str, built_in: dict[str, str]) -> None:
        self.group, self.what, self._built_in = group, what, built_in

    def __getitem__(self, name: str) -> str:
        if name in self._built_in:
            return self._built_in[name]
        return _brought(self.group)[name].value

    def __setitem__(self, name: str, target: str) -> None:
        self._built_in[name] = target

    def __delitem__(self, name: str) -> None:
        del self._built_in[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._built_in
        yield from sorted(set(_brought(self.group)) - set(self._built_in))

    def __len__(self) -> int:
        return len(set(self))

    def built_in(self, name: str) -> bool:
        """Whether denguard itself brings it, so that its code is known."""
        return name in self._built_in and self._built_in[name].startswith("pipelines.")

    def load(self, name: str) -> Any:
        """The module or object of a name.

        Raises:
            ConfigError: no such name, or what it stands for cannot be imported.
        """
        if name not in self:
            raise ConfigError(
                f"no {self.what} {name!r}",
                fix=f"use one of {', '.join(sorted(self))}, or install the package that brings it",
            )
        return load_target(self[name], f"{self.what} {name!r}")


def load_target(target: str, what: str) -> Any:
    """The module or object of "module" or "module:attribute".

    Raises:
        ConfigError: it cannot be imported; `what` says in the message what it would have been.
    """
    module, _, attribute = target.partition(":")
    try:
        found = import_module(module)
        return getattr(found, attribute) if attribute else found
    except (ImportError, AttributeError) as err:
        raise ConfigError(
            f"the {what} cannot be loaded: {err}",
            where=target,
            fix="install its package, or correct its entry point",
        ) from err


@lru_cache(maxsize=32)
def _brought(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def one_of(*registries: Registry) -> AfterValidator:
    """Pydantic check that a name is registered in one of them, looked up when asked."""

    def check(name: str) -> str:
        if not any(name in registry for registry in registries):
            known = sorted({entry for registry in registries for entry in registry})
            raise ValueError(f"{name!r} is not one of {', '.join(known)}")
        return name

    return AfterValidator(check)
