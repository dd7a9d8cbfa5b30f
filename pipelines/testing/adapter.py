"""What every adapter must keep: a file of any content gives sound cells or says why not."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pipelines.codes import TextCodes, UnitCodes
from pipelines.data.adapters import InputFile, adapter_of
from pipelines.input_config import InputConfig
from pipelines.testing.asking import without_error
from pipelines.testing.facts import (
    Fact,
    Frames,
    check_facts,
    check_frames,
    check_kept,
    check_private,
    check_sample,
    check_stated,
)
from pipelines.testing.hostile import HEADER, HEADLESS, NOTHING, harmful, harmless
from pipelines.weeks import CDC, Calendar


def check_adapter(
    name: str,
    content: bytes,
    facts: Sequence[Fact],
    *,
    received: date,
    private: Sequence[str] = (),
    calendar: Calendar = CDC,
    codes: UnitCodes | None = None,
    **settings: Any,
) -> None:
    """Raise AssertionError unless an adapter keeps what data/adapters/__init__.py says.

    Args:
        name: in contracts.ADAPTERS, as a profile's input gives it.
        content: a sound file of this layout, of two weeks or more; small, for it is read often.
        facts: some of its values.
        received: day it was received, after its last week.
        private: texts in it that may not leave: of persons, of columns that nobody declared.
        settings: further keys of the input, such as columns and options.
    """
    check_stated(facts, private, [content])
    config = InputConfig(**{"file": "cases.csv", **settings, "adapter": name})
    with tempfile.TemporaryDirectory() as scratch:
        desk = _Desk(
            Path(scratch) / config.file, config, calendar, codes or TextCodes(), received, private
        )
        whole = check_sample(lambda: desk.read("the sample", content), facts, calendar)
        _check_cut(desk, content, whole)
        _check_codes(desk, content)
        _check_hostile(desk, content, facts)


@dataclass(frozen=True)
class _Desk:
    """Where files are written and read, each reading checked."""

    path: Path
    config: InputConfig
    calendar: Calendar
    codes: UnitCodes
    received: date
    private: Sequence[str] = field(default=())

    def read(
        self,
        what: str,
        content: bytes | None,
        *,
        until: int | None = None,
        received: date | None = None,
        codes: UnitCodes | None = None,
    ) -> Frames:
        """The file as its adapter reads it; None = there is no file."""
        self.path.unlink(missing_ok=True)
        if content is not None:
            self.path.write_bytes(content)
        day, codes = received or self.received, codes or self.codes
        named = f"{day}/{self.path.name}"
        file = InputFile(self.path, named, self.config, self.calendar, codes, day, until)
        got = without_error(lambda: adapter_of(self.config).read(file), what)
        read = Frames(
            got.units, got.cells, got.refused, got.issues, {named: got.n_received}, (got.delays,)
        )
        ended = self.calendar.week_no_of_date(day + timedelta(days=1)) - 1
        check_frames(read, codes, ended if until is None else min(until, ended), what)
        repeated = read.units["unit_id"].duplicated().any()
        assert not repeated, f"{what}: a unit stands twice among the units"
        check_private(read, () if what in HEADLESS else self.private, what)
        assert content is None or content == self.path.read_bytes(), f"{what}: it changes the file"
        return read


def _check_cut(desk: _Desk, content: bytes, whole: Frames) -> None:
    """`until` and the day of receipt leave later weeks out, and nothing else."""
    weeks = sorted(set(whole.weeks()["when"].astype(int)))
    if not weeks:
        return
    assert len(weeks) > 1, "give a sample of two weeks or more"
    last = weeks[(len(weeks) - 1) // 2]
    what = f"the sample until {desk.calendar.week_label(last)}"
    check_kept(desk.read(what, content, until=last), whole, last, what)
    desk.read(
        "the sample, received in an earlier week", content, received=desk.calendar.week_end(last)
    )


class _NoCodes:
    """A code system that knows no code."""

    name, shape = "code of nowhere", "no text at all"

    def normalise(self, code: str) -> str | None:
        del code
        return None


def _check_codes(desk: _Desk, content: bytes) -> None:
    what = "the sample where no code is one"
    read = desk.read(what, content, codes=_NoCodes())
    assert read.cells.empty and read.units.empty, f"{what}: units are read past the code system"


def _check_hostile(desk: _Desk, content: bytes, facts: Sequence[Fact]) -> None:
    for what, form in {"no file at all": None, **NOTHING, **harmful(content)}.items():
        read = desk.read(what, form)
        if form is None or what in (HEADER, *NOTHING):
            assert read.cells.empty and not read.usable, (
                f"{what}: no critical issue says that it cannot be used"
            )
    for what, form in harmless(content).items():
        read = desk.read(what, form)
        if read.usable:
            check_facts(read, facts, desk.calendar, what)
