"""What retention keeps: found over the graph of lineage, from what serves, is published, young or
pinned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.data.intake import accepted_version
from pipelines.errors import StoreError
from pipelines.lineage import read_all
from pipelines.lineage.graph import Graph, Kind, key_of
from pipelines.lineage.runs import version_id
from pipelines.ops.prune.pins import read_pins
from pipelines.registry.audit import read_trail
from pipelines.retention_config import RetentionConfig
from pipelines.run.success import last_success

_MENDS = "restore it, or remove what is damaged for good, then prune again; until then nothing goes"


@dataclass(frozen=True)
class Retained:
    """What may not be deleted.

    Attributes:
        now: ages are counted up to here: the newest sign of a run, or the clock if that is earlier.
        needed: keys of nodes that are kept whole.
        shown: keys of forecasts and reports whose own folder is kept.
        ages: run -> weeks since its newest record was written; runs of other machines are not in
            it.
        young: runs that are kept whole.
        versions: ids of pinned versions for analysts.
    """

    graph: Graph
    now: datetime
    retention: RetentionConfig
    needed: frozenset[str]
    shown: frozenset[str]
    ages: dict[str, float]
    young: frozenset[str]
    versions: frozenset[str]

    def weeks_old(self, path: Path) -> float:
        """Weeks since something in a folder (or a file) was written last, as far as its
        top tells."""
        return weeks_old(path, self.now)


def find_retained(paths: DeploymentPaths, retention: RetentionConfig, clock: datetime) -> Retained:
    """Read everything and decide.

    Raises:
        StoreError: something that decides cannot be read, so that nobody knows what is needed.
    """
    graph, _, _ = read_all(paths)
    signs = {run: at for node in graph.of_kind("run") if (at := _sign(paths, run := node.id))}
    now = min([clock, max(signs.values(), default=clock)])
    ages = {run: (now - at) / timedelta(weeks=1) for run, at in signs.items()}
    newest = sorted(ages, key=lambda run: ages[run])[: retention.at_least_runs]
    elsewhere = {
        n.id for n in graph.of_kind("run") if not (paths.artifacts / "runs" / n.id).is_dir()
    }
    young = (
        {run for run, weeks in ages.items() if weeks < retention.runs_weeks} | {*newest} | elsewhere
    )
    pins = read_pins(paths)
    roots = _of_runs(graph, young) | _serving(graph, paths) | _newest(graph, paths)
    roots |= {key for pin in pins.values() for key in pin.nodes if key in graph.nodes}
    published = {
        key: _age(graph, key, ages, paths, now)
        for key in (*_keys(graph, "forecast"), *_keys(graph, "report"))
    }
    roots |= {key for key in _keys(graph, "forecast") if published[key] < retention.versions_weeks}
    needed = graph.closure(roots, "up")
    _require_readable(graph, needed)
    shown = {key for key, weeks in published.items() if _is_shown(weeks, retention)}
    versions = frozenset(name for pin in pins.values() for name in pin.versions)
    return Retained(
        graph, now, retention, frozenset(needed), frozenset(shown), ages, frozenset(young), versions
    )


def _sign(paths: DeploymentPaths, run: str) -> datetime | None:
    """When a run's newest record was written; None for one of another machine."""
    written = [p.stat().st_mtime for p in (paths.artifacts / "runs" / run).glob("*.json")]
    return datetime.fromtimestamp(max(written), UTC) if written else None


def weeks_old(path: Path, now: datetime) -> float:
    """Weeks since a file, or a folder or something directly in it, was written last."""
    there = [path, *path.iterdir()] if path.is_dir() else [path]
    newest = max(one.lstat().st_mtime for one in there)
    return (now.timestamp() - newest) / timedelta(weeks=1).total_seconds()


def _keys(graph: Graph, kind: Kind) -> list[str]:
    return [node.key for node in graph.of_kind(kind)]


def _age(
    graph: Graph, key: str, ages: dict[str, float], paths: DeploymentPaths, now: datetime
) -> float:
    """Weeks since the youngest run that made it, else since its file was written; 0 = not known."""
    runs = [graph.nodes[k].id for k in graph.next(key, "up", "run")]
    if runs:
        return min(ages.get(run, 0.0) for run in runs)
    path = graph.nodes[key].path
    return weeks_old(paths.home / path, now) if path and (paths.home / path).exists() else 0.0


def _is_shown(weeks: float, retention: RetentionConfig) -> bool:
    return retention.forecasts == "keep" or weeks < retention.forecasts


def _of_runs(graph: Graph, runs: set[str]) -> set[str]:
    """Runs and everything made in them."""
    keys = {key_of("run", run) for run in runs}
    return graph.closure(keys, "down") | keys


def _serving(graph: Graph, paths: DeploymentPaths) -> set[str]:
    """Versions that an alias names, and those that the next rollback, or its undoing, may need."""
    named = {node.key for node in graph.of_kind("model_version") if node.facts.get("aliases")}
    entries = read_trail(paths).entries
    moves = [*entries[-1:], *[e for e in entries if e.get("action") in ("rollback", "undo")][-1:]]
    for key in tuple(named):  # who served before `previous` did is where a second rollback goes
        moves += [
            e
            for e in entries
            if e.get("action") == "promote" and _version_of(e, "to_version") == key
        ][-1:]
    named |= {
        _version_of(entry, side) for entry in moves for side in ("from_version", "to_version")
    }
    return {key for key in named if key in graph.nodes}


def _version_of(entry: dict[str, object], side: str) -> str:
    return key_of("model_version", version_id(str(entry.get("model_name")), entry.get(side)))


def _newest(graph: Graph, paths: DeploymentPaths) -> set[str]:
    """The accepted dataset with its features, and the newest forecast with its run and report."""
    found: set[str] = set()
    if version := accepted_version(paths):
        dataset = key_of("dataset", version)
        found |= {dataset, *graph.next(dataset, "down", "features")}
    if made := last_success(paths):
        found |= {
            key_of("forecast", made.forecast_version),
            key_of("run", made.run_id),
            key_of("report", made.run_id),
        }
    weeks = [
        (str(node.facts.get("origin_week", node.id)), node.key)
        for node in graph.of_kind("forecast")
    ]
    if weeks:  # each of the newest week: which of them is shown is not this room's question
        found |= {key for week, key in weeks if week == max(weeks)[0]}
    return {key for key in found if key in graph.nodes}


def _require_readable(graph: Graph, needed: set[str]) -> None:
    """A registry that does not answer, or damaged records, hide what is needed."""
    for fault in graph.faults:
        at = graph.nodes.get(fault.node) if fault.node else None
        if at is None or at.kind == "run" or at.key in needed:
            raise StoreError(
                f"it cannot be known what is needed: {fault.what}", where=fault.where, fix=_MENDS
            )
