"""Folders and files of this home that may go, room by room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.errors import DenguardError
from pipelines.fusion.bundle_files import bundle_id
from pipelines.lineage.graph import Kind, key_of
from pipelines.ops.prune.items import Item, entries, item
from pipelines.ops.prune.kept import of_kept
from pipelines.ops.prune.stays import Stays
from pipelines.run.outputs import BacktestOutput
from pipelines.storage import read_json


def of_home(paths: DeploymentPaths, stays: Stays) -> list[Item]:
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
    return [item for room in rooms for item in room(paths, stays)]


def _datasets(paths: DeploymentPaths, stays: Stays) -> Iterator[Item]:
    yield from _named(paths, stays, "dataset", "datasets")


def _features(paths: DeploymentPaths, stays: Stays) -> Iterator[Item]:
    yield from _named(paths, stays, "features", "features")


def _named(paths: DeploymentPaths, stays: Stays, kind: Kind, room: str) -> Iterator[Item]:
    """Folders that are named as their node."""
    weeks = stays.retention.runs_weeks
    for folder in entries(paths.artifacts / room):
        if key_of(kind, folder.name) not in stays.needed and stays.weeks_old(folder) >= weeks:
            yield item(
                paths,
                room,
                folder,
                f"no run of the last {weeks} weeks made it, and nothing kept rests on it",
            )


def _candidates(paths: DeploymentPaths, stays: Stays) -> Iterator[Item]:
    weeks = stays.retention.runs_weeks
    for folder in entries(paths.artifacts / "candidates"):
        if stays.weeks_old(folder) >= weeks and not _is_needed(folder / "bundle", stays):
            yield item(
                paths,
                "candidates",
                folder,
                f"trained more than {weeks} weeks ago; nothing kept was made with it",
            )


def _bundles(paths: DeploymentPaths, stays: Stays) -> Iterator[Item]:
    """Copies that were fetched from the registry."""
    for folder in entries(paths.artifacts / "bundles"):
        if (
            key_of("bundle", folder.name) not in stays.needed
            and stays.weeks_old(folder) >= stays.retention.runs_weeks
        ):
            yield item(paths, "bundles", folder, "a copy; the registry holds the bundle")


def _is_needed(bundle: Path, stays: Stays) -> bool:
    """By content: two folders may hold one bundle."""
    try:
        return bundle.is_dir() and key_of("bundle", bundle_id(bundle)) in stays.needed
    except (DenguardError, OSError, ValueError):
        return False  # no bundle that anything could load


def _backtests(paths: DeploymentPaths, stays: Stays) -> Iterator[Item]:
    named = {name for run in _whole_runs(stays) for name in _backtests_of(paths, run)}
    weeks = stays.retention.runs_weeks
    for path in entries(paths.artifacts / "backtests"):
        if path.relative_to(paths.home).as_posix() not in named and stays.weeks_old(path) >= weeks:
            yield item(paths, "backtests", path, f"no kept run was judged by it in {weeks} weeks")


def _whole_runs(stays: Stays) -> set[str]:
    needed = {node.id for node in stays.graph.of_kind("run") if node.key in stays.needed}
    return needed | stays.young


def _backtests_of(paths: DeploymentPaths, run: str) -> Iterator[str | None]:
    for path in (paths.artifacts / "runs" / run).glob("backtest_*.json"):
        made = BacktestOutput.parse(read_json(path), str(path))
        yield from (made.candidates, made.champion)


def _forecasts(paths: DeploymentPaths, stays: Stays) -> Iterator[Item]:
    yield from _published(paths, stays, "forecast", "forecasts")


def _reports(paths: DeploymentPaths, stays: Stays) -> Iterator[Item]:
    yield from _published(paths, stays, "report", "reports")


def _published(paths: DeploymentPaths, stays: Stays, kind: Kind, room: str) -> Iterator[Item]:
    """Gone only after the retention of forecasts, which may be for ever."""
    weeks = stays.retention.forecasts
    if weeks == "keep":
        return
    for folder in entries(paths.artifacts / room):
        key = key_of(kind, folder.name)
        if key not in stays.needed | stays.shown and stays.weeks_old(folder) >= weeks:
            yield item(paths, room, folder, f"published more than {weeks} weeks ago")


def _plans(paths: DeploymentPaths, stays: Stays) -> Iterator[Item]:
    """Work files of embedding, which name inputs; the vectors themselves stay."""
    weeks = stays.retention.runs_weeks
    for folder in entries(paths.artifacts / "embeddings" / "plans"):
        if stays.weeks_old(folder) >= weeks:
            yield item(paths, "plans", folder, f"work that was done more than {weeks} weeks ago")


def _runs(paths: DeploymentPaths, stays: Stays) -> Iterator[Item]:
    """Whole runs, all but the records of those whose forecast or report stays, or only tables."""
    whole = _whole_runs(stays)
    newest = min(stays.ages, key=lambda run: stays.ages[run], default=None)
    for folder in entries(paths.artifacts / "runs"):
        age, tables = stays.ages.get(folder.name), folder / "validation" / "tables"
        if folder.name in whole:
            if (
                age is not None
                and age >= stays.retention.tables_weeks
                and folder.name != newest
                and tables.is_dir()
            ):
                yield item(paths, "tables", tables, "its dataset holds the tables")
        elif age is None and stays.weeks_old(folder) < stays.retention.runs_weeks:
            continue
        elif _leads_to_something(folder.name, stays):
            yield from (
                item(paths, "runs", part, "the run's records and what it published stay")
                for part in entries(folder)
                if part.is_dir()
            )
        else:
            yield item(
                paths,
                "runs",
                folder,
                f"ended more than {stays.retention.runs_weeks} weeks ago and published nothing "
                "that stays",
            )


def _leads_to_something(run: str, stays: Stays) -> bool:
    made = stays.graph.closure([key_of("run", run)], "down")
    return not stays.shown.isdisjoint(made)
