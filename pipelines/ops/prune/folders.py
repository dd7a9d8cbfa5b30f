"""Folders and files of this home that may go, room by room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.errors import DenguardError
from pipelines.fusion.bundle_files import bundle_id
from pipelines.lineage.graph import Kind, key_of
from pipelines.ops.prune.cached import of_cached
from pipelines.ops.prune.converted import of_converted
from pipelines.ops.prune.items import Item, entries, item
from pipelines.ops.prune.retained import Retained
from pipelines.ops.prune.spaces import of_spaces
from pipelines.run.outputs import BacktestOutput
from pipelines.storage import read_json


def of_home(paths: DeploymentPaths, retained: Retained) -> list[Item]:
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
        of_cached,
        of_spaces,
        of_converted,
    )
    return [item for room in rooms for item in room(paths, retained)]


def _datasets(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    yield from _named(paths, retained, "dataset", "datasets")


def _features(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    yield from _named(paths, retained, "features", "features")


def _named(paths: DeploymentPaths, retained: Retained, kind: Kind, room: str) -> Iterator[Item]:
    """Folders that are named as their node."""
    weeks = retained.retention.runs_weeks
    for folder in entries(paths.artifacts / room):
        if key_of(kind, folder.name) not in retained.needed and retained.weeks_old(folder) >= weeks:
            yield item(
                paths,
                room,
                folder,
                f"no run of the last {weeks} weeks made it, and nothing kept rests on it",
            )


def _candidates(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    weeks = retained.retention.runs_weeks
    for folder in entries(paths.artifacts / "candidates"):
        if retained.weeks_old(folder) >= weeks and not _is_needed(folder / "bundle", retained):
            yield item(
                paths,
                "candidates",
                folder,
                f"trained more than {weeks} weeks ago; nothing kept was made with it",
            )


def _bundles(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    """Copies that were fetched from the registry."""
    for folder in entries(paths.artifacts / "bundles"):
        if (
            key_of("bundle", folder.name) not in retained.needed
            and retained.weeks_old(folder) >= retained.retention.runs_weeks
        ):
            yield item(paths, "bundles", folder, "a copy; the registry holds the bundle")


def _is_needed(bundle: Path, retained: Retained) -> bool:
    """By content: two folders may hold one bundle."""
    try:
        return bundle.is_dir() and key_of("bundle", bundle_id(bundle)) in retained.needed
    except (DenguardError, OSError, ValueError):
        return False  # no bundle that anything could load


def _backtests(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    named = {name for run in _whole_runs(retained) for name in _backtests_of(paths, run)}
    weeks = retained.retention.runs_weeks
    for path in entries(paths.artifacts / "backtests"):
        if (
            path.relative_to(paths.home).as_posix() not in named
            and retained.weeks_old(path) >= weeks
        ):
            yield item(paths, "backtests", path, f"no kept run was judged by it in {weeks} weeks")


def _whole_runs(retained: Retained) -> set[str]:
    needed = {node.id for node in retained.graph.of_kind("run") if node.key in retained.needed}
    return needed | retained.young


def _backtests_of(paths: DeploymentPaths, run: str) -> Iterator[str | None]:
    for path in (paths.artifacts / "runs" / run).glob("backtest_*.json"):
        made = BacktestOutput.parse(read_json(path), str(path))
        yield from (made.candidates, made.champion)


def _forecasts(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    yield from _published(paths, retained, "forecast", "forecasts")


def _reports(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    yield from _published(paths, retained, "report", "reports")


def _published(paths: DeploymentPaths, retained: Retained, kind: Kind, room: str) -> Iterator[Item]:
    """Gone only after the retention of forecasts, which may be for ever."""
    weeks = retained.retention.forecasts
    if weeks == "keep":
        return
    for folder in entries(paths.artifacts / room):
        key = key_of(kind, folder.name)
        if key not in retained.needed | retained.shown and retained.weeks_old(folder) >= weeks:
            yield item(paths, room, folder, f"published more than {weeks} weeks ago")


def _plans(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    """Work files of embedding, which name inputs; the vectors themselves are kept."""
    weeks = retained.retention.runs_weeks
    for folder in entries(paths.artifacts / "embeddings" / "plans"):
        if retained.weeks_old(folder) >= weeks:
            yield item(paths, "plans", folder, f"work that was done more than {weeks} weeks ago")


def _runs(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    """Whole runs, all but the records of those whose forecast or report is kept, or only tables."""
    whole = _whole_runs(retained)
    newest = min(retained.ages, key=lambda run: retained.ages[run], default=None)
    for folder in entries(paths.artifacts / "runs"):
        age, tables = retained.ages.get(folder.name), folder / "validation" / "tables"
        if folder.name in whole:
            if (
                age is not None
                and age >= retained.retention.tables_weeks
                and folder.name != newest
                and tables.is_dir()
            ):
                yield item(paths, "tables", tables, "its dataset holds the tables")
        elif age is None and retained.weeks_old(folder) < retained.retention.runs_weeks:
            continue
        elif _leads_to_something(folder.name, retained):
            yield from (
                item(paths, "runs", part, "the run's records and what it published are kept")
                for part in entries(folder)
                if part.is_dir()
            )
        else:
            yield item(
                paths,
                "runs",
                folder,
                f"ended more than {retained.retention.runs_weeks} weeks ago and published nothing "
                "that is kept",
            )


def _leads_to_something(run: str, retained: Retained) -> bool:
    made = retained.graph.closure([key_of("run", run)], "down")
    return not retained.shown.isdisjoint(made)
