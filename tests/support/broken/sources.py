"""Sources that break one promise each, for the tests of the conformance kit.

Each is the source `files` over one long table, with one step changed.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

from pipelines.contracts import Level
from pipelines.data.sources import files
from pipelines.errors import DropError
from pipelines.input_config import InputConfig

_INPUTS = (InputConfig(file="cases.csv"),)


class Honest:
    """Breaks none."""

    def context(self, context):
        config = context.config.model_copy(update={"inputs": _INPUTS})
        return replace(context, config=config)

    def read_raw(self, drop, context):
        return files.read_raw(drop, self.context(context))

    def bring(self, given, to, info, until, context):
        return files.bring(given, to, info, until, self.context(context))


class Raising(Honest):
    def read_raw(self, drop, context):
        if not (drop.path / "cases.csv").read_bytes():
            raise ValueError("no content")
        return super().read_raw(drop, context)


class Blind(Honest):
    """Takes any file, and finds nothing wrong with it."""

    def read_raw(self, drop, context):
        return _calm(super().read_raw(drop, context))

    def bring(self, given, to, info, until, context):
        if not given or not given[0].is_file():
            raise DropError("no file", fix="name one")
        shutil.copyfile(given[0], to / "cases.csv")
        return None if until is None else info.model_copy(update={"until": until})


class Careless(Honest):
    """Does not look at what it is given."""

    def bring(self, given, to, info, until, context):
        for path in given or [None]:
            shutil.copyfile(path, to / "cases.csv")
        return None if until is None else info.model_copy(update={"until": until})


class Moving(Honest):
    def bring(self, given, to, info, until, context):
        made = super().bring(given, to, info, until, context)
        for path in given:
            path.write_bytes(b"moved")
        return made


class Deaf(Honest):
    """Takes `until` and forgets it."""

    def bring(self, given, to, info, until, context):
        super().bring(given, to, info, until, context)


class Misnaming(Honest):
    def read_raw(self, drop, context):
        made = super().read_raw(drop, context)
        return replace(made, cells=made.cells.assign(file="cases.csv"))


class Lost(Honest):
    """An empty drop is nothing to speak of."""

    def read_raw(self, drop, context):
        made = super().read_raw(drop, context)
        gone = not (drop.path / "cases.csv").is_file()
        return _calm(made) if gone else made


def _calm(made):
    """The same, with nothing critical."""
    return replace(made, issues=tuple(replace(i, level=Level.INFO) for i in made.issues))


RAISING, BLIND, CARELESS, MOVING = Raising(), Blind(), Careless(), Moving()
DEAF, MISNAMING, LOST = Deaf(), Misnaming(), Lost()
