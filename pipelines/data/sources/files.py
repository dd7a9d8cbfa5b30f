"""The source `files`: a profile's own files, `data.inputs`, each read by its adapter."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.adapters import InputFile, Reading, adapter_of
from pipelines.data.adapters.content import AGAIN
from pipelines.data.adapters.months_of_series import KINDS
from pipelines.data.adapters.note_tables import stored_copy
from pipelines.data.drop_info import INFO, DropInfo
from pipelines.data.drops import IMAGES, OBSERVATIONS, Drop
from pipelines.data.raw import (
    CELL_COLUMNS,
    KEY_COLUMNS,
    MAX_BAD_ROW_SHARE,
    NOTE_COLUMNS,
    REFUSED_COLUMNS,
    UNIT_COLUMNS,
    RawDrop,
    empty,
    issue,
    unusable,
)
from pipelines.data.sources import Context
from pipelines.errors import ConfigError, DropError
from pipelines.input_config import InputConfig

_DECLARE = (
    "declare them in the profile: `data: {inputs: [{adapter: long, file: cases.csv}]}` "
    "(docs/formats.md)"
)


def read_raw(drop: Drop, context: Context) -> RawDrop:
    """Read every file of a drop. Raises nothing for its content: see `issues`."""
    config = context.config
    if not config.inputs:
        what = "the profile says of no file how it is read"
        return _unusable(drop, "no-inputs", what, drop.name, _DECLARE)
    try:
        until = None if drop.info.until is None else context.calendar.week_no(drop.info.until)
    except ConfigError as err:
        place = f"{drop.name}/{INFO}"
        return _unusable(drop, "no-such-week", f"until: {err.what}", place, err.fix)
    here = [c for c in config.inputs if not c.optional or (drop.path / c.file).is_file()]
    if not here:
        what = "the drop holds none of the profile's files"
        fix = f"deliver one of {_listed([c.file for c in config.inputs])}"
        return _unusable(drop, "empty-drop", what, drop.name, fix)
    files = [
        _input(drop.path / c.file, drop.place(drop.path / c.file), c, drop.info, context, until)
        for c in here
    ]
    readings = {file.named: adapter_of(file.config).read(file) for file in files}
    issues = [
        *(i for r in readings.values() for i in r.issues),
        *_unknown_files(drop, context.config.inputs),
    ]
    latency = max((c.latency_days for c in here if c.in_time and _has_climate(c)), default=0)
    return _merged(_with_latency(drop, latency), readings, issues, _latencies(drop, here))


def _unusable(drop: Drop, code: str, what: str, place: str, fix: str) -> RawDrop:
    return unusable(drop, [issue(Level.CRITICAL, code, what, place, fix)])


def _input(
    path: Path, named: str, config: InputConfig, info: DropInfo, context: Context, until: int | None
) -> InputFile:
    return InputFile(
        path, named, config, context.calendar, context.codes, info.received_date, until
    )


def _has_climate(config: InputConfig) -> bool:
    """Whether a table of climate has rain or temperature, and not just series of the
    place's own."""
    return not config.columns or not set(config.columns).isdisjoint(KINDS)


def _latencies(drop: Drop, inputs: Sequence[InputConfig]) -> dict[str, int]:
    """Declared series -> days until it can be had; of two inputs that give it, the slower one's."""
    out: dict[str, int] = {}
    for config in inputs:
        for name in set(config.covariates) - set(config.figures):
            days = max(config.latency_days, drop.info.climate_latency_days)
            out[name] = max(out.get(name, 0), days)
    return out


def _with_latency(drop: Drop, days: int) -> Drop:
    """The drop, whose climate can be had no sooner than its inputs say."""
    slowest = max(days, drop.info.climate_latency_days)
    return replace(drop, info=drop.info.model_copy(update={"climate_latency_days": slowest}))


def _merged(
    drop: Drop, readings: dict[str, Reading], issues: Sequence[Issue], latencies: dict[str, int]
) -> RawDrop:
    every = readings.values()
    units = _joined([r.units for r in every], UNIT_COLUMNS)
    delays = [r.delays for r in every if r.delays is not None]
    return RawDrop(
        drop,
        _one_name_each(units),
        _joined([r.cells for r in every], CELL_COLUMNS),
        tuple(issues),
        {named: r.n_received for named, r in readings.items()},
        _joined([r.refused for r in every], REFUSED_COLUMNS),
        pd.concat(delays, ignore_index=True) if delays else None,
        {named: r.span for named, r in readings.items() if r.span is not None},
        latencies=latencies,
        unsure=_joined([r.unsure for r in every], KEY_COLUMNS),
        notes=_joined([r.notes for r in every], NOTE_COLUMNS),
    )


def _joined(frames: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else empty(columns)


def _one_name_each(units: pd.DataFrame) -> pd.DataFrame:
    """A unit's name and parent are what the first file that tells them says: others need not."""
    for column in ("name", "parent"):
        names = units[units[column] != ""].drop_duplicates("unit_id").set_index("unit_id")[column]
        units[column] = units["unit_id"].map(names).fillna("")
    return units


def _unknown_files(drop: Drop, inputs: Sequence[InputConfig]) -> list[Issue]:
    known = {INFO, IMAGES, OBSERVATIONS, *(config.file for config in inputs)}
    return [
        issue(
            Level.WARNING,
            "unknown-file",
            "no input of the profile is called so; the file is not read",
            drop.place(path),
            "name it in `data.inputs`, or leave it out",
        )
        for path in sorted(drop.path.iterdir())
        if path.name not in known
    ]


def bring(
    files: list[Path], to: Path, info: DropInfo, until: str | None, context: Context
) -> DropInfo | None:
    """Put a new drop's files in under the names of `data.inputs`; each is read first.

    Nothing is cut: `until` is recorded in drop.yaml, and later weeks are not read. Of notes, a
    cleaned copy is stored.

    Returns:
        What drop.yaml is to say if it is other than `info`.

    Raises:
        DropError: a file is missing, unexpected, or cannot be used as its adapter reads it.
        ConfigError: `until` is no week of the place's calendar.
    """
    last = None if until is None else context.calendar.week_no(until)
    for config, given in _matched(files, context.config.inputs):
        file = _input(given, given.name, config, info, context, last)
        read = adapter_of(config).read(file)
        _require_usable(read, given)
        _require_few_refused(read, given)
        if config.table == "notes":  # what may be a person's is not stored, not even in the drop
            (to / config.file).write_bytes(stored_copy(file))
        else:
            shutil.copyfile(given, to / config.file)
    return None if until is None else info.model_copy(update={"until": until})


def _matched(files: list[Path], inputs: Sequence[InputConfig]) -> list[tuple[InputConfig, Path]]:
    if not inputs:
        raise DropError("the profile says of no file how it is read", fix=_DECLARE)
    if not files:
        raise DropError("no file is given", fix=f"name {_listed([c.file for c in inputs])}")
    if absent := [str(path) for path in files if not path.is_file()]:
        raise DropError("there is no such file", where=", ".join(absent), fix="correct the path")
    if len(files) == len(inputs) == 1:
        return [(inputs[0], files[0])]
    given = {path.name: path for path in files}
    wanted = {config.file: config for config in inputs}
    missing = [name for name, config in wanted.items() if name not in given and not config.optional]
    unexpected = [str(path) for path in files if path.name not in wanted]
    repeated = len(given) < len(files)
    if missing or unexpected or repeated:
        parts = [
            f"missing: {_listed(missing)}" if missing else "",
            f"not expected: {_listed(unexpected)}" if unexpected else "",
            "two files have the same name" if repeated else "",
        ]
        raise DropError(
            f"the files are not those of the profile; {'; '.join(filter(None, parts))}",
            where=", ".join(map(str, files)),
            fix=(
                f"give each the name that `data.inputs` says: {_listed(list(wanted))}; a file "
                "that not every drop has is declared `optional: true`"
            ),
        )
    return [(config, given[name]) for name, config in wanted.items() if name in given]


def _require_usable(reading: Reading, given: Path) -> None:
    found = [i for i in reading.issues if i.level is Level.CRITICAL]
    if found:
        first, more = found[0], f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        where = first.place.replace(given.name, str(given), 1)
        raise DropError(
            f"[{first.code}] {first.message}{more}",
            where=where,
            fix=first.fix.removesuffix(f"; {AGAIN}"),
        )


def _require_few_refused(reading: Reading, given: Path) -> None:
    n = reading.refused["row"].nunique()
    if n > MAX_BAD_ROW_SHARE * reading.n_received:
        first, kinds = reading.refused.iloc[0], reading.refused.groupby("code", sort=False)
        listed = "; ".join(
            f"[{code}] {rows['detail'].iloc[0]} ({len(rows)} times, first in row "
            f"{rows['row'].iloc[0]}{_such_as(rows['value'].iloc[0])})"
            for code, rows in kinds
        )
        raise DropError(
            f"[too-many-bad-rows] {n} of {reading.n_received} rows are refused: {listed}",
            where=f"{given} row {first['row']}",
            fix=str(first["fix"]),
        )


def _such_as(value: object) -> str:
    return f": {str(value)[:60]!r}" if str(value) else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
