"""What every source must keep: its files become a drop, and any drop gives sound cells or says why
not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.config import Profile
from pipelines.data.drop_info import INFO, DropInfo
from pipelines.data.drops import Drop, make_drop, read_drop
from pipelines.data.sources import Context, Source, context_of, source_of
from pipelines.errors import ConfigError, DropError
from pipelines.testing.asking import must_refuse, without_error
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
from pipelines.testing.hostile import HEADLESS, NOTHING, harmful, harmless


def check_source(
    name: str,
    files: Mapping[str, bytes],
    facts: Sequence[Fact],
    *,
    received: date,
    private: Sequence[str] = (),
    profile: Mapping[str, Any] | None = None,
) -> None:
    """Raise AssertionError unless a source keeps what data/sources/__init__.py says.

    Args:
        name: in contracts.SOURCES, as a profile's data.source gives it.
        files: name -> content of what a person hands over for one drop; of two weeks or more, and
            small, for they are read often.
        facts: some of their values.
        received: day the drop was received, after its last week.
        private: texts in them that may not leave: of persons, of columns that nobody declared.
        profile: further keys of the profile, such as place and data.
    """
    check_stated(facts, private, list(files.values()))
    keys = dict(profile or {})
    keys["data"] = {**keys.get("data", {}), "source": name}
    made = Profile.model_validate({"profile": "conformance", **keys})
    with tempfile.TemporaryDirectory() as scratch:
        desk = _Desk(Path(scratch), source_of(made.data), context_of(made), received, private)
        given = desk.write(files)
        drop = desk.bring("the sample", given)
        assert {p.name: p.read_bytes() for p in given} == dict(files), (
            "`bring` changes the files that it is given"
        )
        whole = check_sample(lambda: desk.read("the sample", drop), facts, desk.context.calendar)
        _check_until(desk, given, whole)
        _check_refusals(desk, given)
        _check_hostile(desk, drop, facts)


@dataclass(frozen=True)
class _Desk:
    """Where drops are made and read, each reading checked."""

    scratch: Path
    source: Source
    context: Context
    received: date
    private: Sequence[str]

    def write(self, files: Mapping[str, bytes]) -> list[Path]:
        """The files, as a person has them."""
        folder = self.scratch / "given"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return [folder / name for name in files]

    def bring(self, what: str, files: list[Path], until: str | None = None) -> Drop:
        """A drop of these files, alone in its folder. Raises what `bring` raises."""
        drops = self.scratch / "drops"
        shutil.rmtree(drops, ignore_errors=True)
        info = DropInfo(received_date=self.received)
        bring = partial(self.source.bring, files, context=self.context)
        drop = read_drop(make_drop(bring, None, drops, info, until))
        assert any(p.name != INFO for p in drop.path.iterdir()), (
            f"{what}: `bring` puts no file into the drop"
        )
        return drop

    def read(self, what: str, drop: Drop, until: str | None = None) -> Frames:
        """A drop as its source reads it."""
        calendar = self.context.calendar
        got = without_error(lambda: self.source.read_raw(drop, self.context), what)
        assert got.drop.path == drop.path, f"{what}: the reading is of another drop"
        named = {drop.place(drop.path / name): 0 for name in _names(drop)}
        read = Frames(
            got.units,
            got.cells,
            got.refused,
            got.issues,
            {**named, **got.n_received},
            (got.delays,),
        )
        unknown = {file for file, n in got.n_received.items() if n} - set(named)
        assert not unknown, (
            f"{what}: `n_received` counts files that are not in the drop: {sorted(unknown)}"
        )
        last = calendar.week_no_of_date(self.received) if until is None else calendar.week_no(until)
        check_frames(read, self.context.codes, last, what)
        check_private(read, () if what.split(": ")[-1] in HEADLESS else self.private, what)
        return read


def _names(drop: Drop) -> list[str]:
    return sorted(p.relative_to(drop.path).as_posix() for p in drop.path.rglob("*") if p.is_file())


def _check_until(desk: _Desk, given: list[Path], whole: Frames) -> None:
    """`until` leaves later weeks out and nothing else, or is refused."""
    weeks = sorted(set(whole.weeks()["when"].astype(int)))
    assert len(weeks) > 1, "give a sample of two weeks or more"
    last = weeks[(len(weeks) - 1) // 2]
    label = desk.context.calendar.week_label(last)
    what = f"the sample until {label}"
    try:
        drop = desk.bring(what, given, label)
    except DropError as err:
        assert err.fix, f"{what}: the refusal does not say what to do"
        return
    check_kept(desk.read(what, drop, label), whole, last, what)


def _check_refusals(desk: _Desk, given: list[Path]) -> None:
    absent = desk.scratch / "given" / "nowhere.csv"
    for what, files in (("no file", []), ("a file that is not there", [absent])):
        must_refuse(lambda files=files: desk.bring("", files), f"bring {what}", DropError)  # type: ignore[misc]
    for what, content in NOTHING.items():
        wrong = [desk.scratch / "wrong" / path.name for path in given]
        wrong[0].parent.mkdir(exist_ok=True)
        for path in wrong:
            path.write_bytes(content)
        try:
            drop = desk.bring(what, wrong)
        except (DropError, ConfigError):
            continue
        assert not desk.read(what, drop).usable, (
            f"{what} becomes a drop, and nothing says that it cannot be used"
        )


def _check_hostile(desk: _Desk, drop: Drop, facts: Sequence[Fact]) -> None:
    """Files of a drop that are damaged or gone: drops come from hands and other programs, too."""
    drop = desk.bring("the sample", sorted((desk.scratch / "given").iterdir()))
    held = {name: (drop.path / name).read_bytes() for name in _names(drop) if name != INFO}
    for name, content in held.items():
        path = drop.path / name
        for what, form in {**NOTHING, **harmful(content)}.items():
            path.write_bytes(form)
            desk.read(f"{name}: {what}", drop)
        for what, form in harmless(content).items():
            path.write_bytes(form)
            read = desk.read(f"{name}: {what}", drop)
            if read.usable:
                check_facts(read, facts, desk.context.calendar, f"{name}: {what}")
        path.write_bytes(content)
    for name in held:
        (drop.path / name).unlink()
    assert not desk.read("an empty drop", drop).usable, (
        "an empty drop: no critical issue says that it cannot be used"
    )
