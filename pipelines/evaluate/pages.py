"""The environment of page templates: what every page escapes and where it finds its parts."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


@cache  # compiling the pages takes as long as filling them
def templates(*packages: str) -> Environment:
    """Page templates of these packages, then this one's; all of them escape what they are given."""
    loaders = [PackageLoader(name) for name in (*packages, "pipelines.evaluate")]
    return Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
