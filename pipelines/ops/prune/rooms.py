"""Folders and files of this home that may go, room by room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.config import Places
from pipelines.errors import DenguardError
from pipelines.fusion.bundle_files import bundle_id
from pipelines.lineage.graph import Kind, key_of
from pipelines.ops.prune.items import Item, entries, item
from pipelines.ops.prune.kept import of_kept
from pipelines.ops.prune.stays import Stays
from pipelines.run.outputs import BacktestOutput
from pipelines.storage import read_json


def of_home(where: Places, stays: Stays) -> list[Item]:
    """What may go of the rooms that runs fill."""
    rooms = (
        _datasets,
        _features,
        _candidates,
        _bundles,
        _backtests,
        _forecasts,
        _reports,
        _plans,
        _runs,
        of_kept,
    )
    return [item for room in rooms for item in room(where, stays)]


def _datasets(where: Places, stays: Stays) -> Iterator[Item]:
    yield from _named(where, stays, "dataset", "datasets")


def _features(where: Places, stays: Stays) -> Iterator[Item]:
    yield from _named(where, stays, "features", "features")


def _named(where: Places, stays: Stays, kind: Kind, room: str) -> Iterator[Item]:
    """Folders that are named as their node."""
    weeks = stays.retention.runs_weeks
    for folder in entries(where.artifacts / room):
        if key_of(kind, folder.name) not in stays.needed and stays.weeks_old(folder) >= weeks:
            yield item(
                where,
                room,
                folder,
                f"no run of the last {weeks} weeks made it, and nothing kept rests on it",
            )


def _candidates(where: Places, stays: Stays) -> Iterator[Item]:
    weeks = stays.retention.runs_weeks
    for folder in entries(where.artifacts / "candidates"):
        if stays.weeks_old(folder) >= weeks and not _is_needed(folder / "bundle", stays):
            yield item(
                where,
                "candidates",
                folder,
                f"trained more than {weeks} weeks ago; nothing kept was made with it",
            )


def _bundles(where: Places, stays: Stays) -> Iterator[Item]:
    """Copies that were fetched from the registry."""
    for folder in entries(where.artifacts / "bundles"):
        if (
            key_of("bundle", folder.name) not in stays.needed
            and stays.weeks_old(folder) >= stays.retention.runs_weeks
        ):
            yield item(where, "bundles", folder, "a copy; the registry holds the bundle")


def _is_needed(bundle: Path, stays: Stays) -> bool:
    """By content: two folders may hold one bundle."""
    try:
        return bundle.is_dir() and key_of("bundle", bundle_id(bundle)) in stays.needed
    except (DenguardError, OSError, ValueError):
        return False  # no bundle that anything could load


def _backtests(where: Places, stays: Stays) -> Iterator[Item]:
    named = {name for run in _whole_runs(stays) for name in _backtests_of(where, run)}
    weeks = stays.retention.runs_weeks
    for path in entries(where.artifacts / "backtests"):
        if path.relative_to(where.home).as_posix() not in named and stays.weeks_old(path) >= weeks:
            yield item(where, "backtests", path, f"no kept run was judged by it in {weeks} weeks")


def _whole_runs(stays: Stays) -> set[str]:
    needed = {node.id for node in stays.graph.of_kind("run") if node.key in stays.needed}
    return needed | stays.young


def _backtests_of(where: Places, run: str) -> Iterator[str | None]:
    for path in (where.artifacts / "runs" / run).glob("backtest_*.json"):
        made = BacktestOutput.parse(read_json(path), str(path))
        yield from (made.candidates, made.champion)


def _forecasts(where: Places, stays: Stays) -> Iterator[Item]:
    yield from _published(where, stays, "forecast", "forecasts")


def _reports(where: Places, stays: Stays) -> Iterator[Item]:
    yield from _published(where, stays, "report", "reports")


def _published(where: Places, stays: Stays, kind: Kind, room: str) -> Iterator[Item]:
    """Gone only after the retention of forecasts, which may be for ever."""
    weeks = stays.retention.forecasts
    if weeks == "keep":
        return
    for folder in entries(where.artifacts / room):
        key = key_of(kind, folder.name)
        if key not in stays.needed | stays.shown and stays.weeks_old(folder) >= weeks:
            yield item(where, room, folder, f"published more than {weeks} weeks ago")


def _plans(where: Places, stays: Stays) -> Iterator[Item]:
    """Work files of embedding, which name inputs; the vectors themselves stay."""
    weeks = stays.retention.runs_weeks
    for folder in entries(where.artifacts / "embeddings" / "plans"):
        if stays.weeks_old(folder) >= weeks:
            yield item(where, "plans", folder, f"work that was done more than {weeks} weeks ago")


def _runs(where: Places, stays: Stays) -> Iterator[Item]:
    """Whole runs, all but the records of those whose forecast or report stays, or only tables."""
    whole = _whole_runs(stays)
    newest = min(stays.ages, key=lambda run: stays.ages[run], default=None)
    for folder in entries(where.artifacts / "runs"):
        age, tables = stays.ages.get(folder.name), folder / "validation" / "tables"
        if folder.name in whole:
            if (
                age is not None
                and age >= stays.retention.tables_weeks
                and folder.name != newest
                and tables.is_dir()
            ):
                yield item(where, "tables", tables, "its dataset holds the tables")
        elif age is None and stays.weeks_old(folder) < stays.retention.runs_weeks:
            continue
        elif _leads_to_something(folder.name, stays):
            yield from (
                item(where, "runs", part, "the run's records and what it published stay")
                for part in entries(folder)
                if part.is_dir()
            )
        else:
            yield item(
                where,
                "runs",
                folder,
                f"ended more than {stays.retention.runs_weeks} weeks ago and published nothing "
                "that stays",
            )


def _leads_to_something(run: str, stays: Stays) -> bool:
    made = stays.graph.closure([key_of("run", run)], "down")
    return not stays.shown.isdisjoint(made)
