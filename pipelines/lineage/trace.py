"""One trace: read all into a graph, find the thing asked about, follow and check both sides."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipelines.config import DeploymentPaths
from pipelines.lineage.artifacts import read_artifacts, read_withdrawn
from pipelines.lineage.graph import Broken, Graph, Node, Side
from pipelines.lineage.predictions import count_predictions
from pipelines.lineage.query import find
from pipelines.lineage.reader import Reader
from pipelines.lineage.registered import check_mlflow_runs, read_registry
from pipelines.lineage.runs import read_runs
from pipelines.lineage.verify import check_all

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

Direction = Literal["up", "down", "both"]


@dataclass(frozen=True)
class Trace:
    """The answer to one question.

    Attributes:
        starts: keys of what was asked about.
        up, down: keys of what it rests on, and of what rests on it; the starts are in both.
        broken: links that do not hold, in the order of the pipeline.
        by_content: whether hashes were recomputed, or only existence and recorded ids looked at.
    """

    what: str
    note: str
    starts: tuple[str, ...]
    graph: Graph
    up: frozenset[str]
    down: frozenset[str]
    broken: tuple[Broken, ...]
    by_content: bool

    def nodes(self) -> list[Node]:
        """Everything looked at, in the order of the pipeline."""
        return self.graph.in_order(self.up | self.down)

    def to_json(self) -> dict[str, Any]:
        """Nodes, edges and broken links as plain values."""
        return {
            "asked": self.what,
            "note": self.note,
            "starts": list(self.starts),
            "up": sorted(self.up),
            "down": sorted(self.down),
            "nodes": [{"key": node.key, **asdict(node)} for node in self.nodes()],
            "edges": [asdict(edge) for edge in self.graph.edges(set(self.up | self.down))],
            "broken": [asdict(link) for link in self.broken],
            "verified_by_content": self.by_content,
        }


def read_all(paths: DeploymentPaths) -> tuple[Graph, Reader, MlflowClient | None]:
    """Everything that is known: the graph, where it was read, the registry if it answers.

    What could not be read is among the graph's faults.
    """
    graph, reader = Graph(), Reader(paths)
    read_runs(graph, reader)
    read_artifacts(graph, reader)
    read_withdrawn(graph, reader)
    return graph, reader, read_registry(graph, paths)


def trace(
    what: str, paths: DeploymentPaths, direction: Direction = "both", by_content: bool = False
) -> Trace:
    """Follow what was asked about to what it rests on, to what rests on it, or both.

    Args:
        what: see query.CAN_BE_TRACED.
        by_content: recompute the hashes of drops and folders on the way; reads every byte.

    Raises:
        ConfigError: nothing has that name, or several things have.
        StoreError: the prediction log was needed and cannot be read, or the store that machines
            share does not answer.
    """
    graph, reader, registry = read_all(paths)
    found = find(graph, reader, what)
    if direction != "up":
        count_predictions(graph, paths)
    sides: dict[Side, frozenset[str]] = {"up": frozenset(), "down": frozenset()}
    for side in sides:
        if direction in (side, "both"):
            sides[side] = frozenset(graph.closure(found.starts, side))
    traced = [node.key for node in graph.in_order(sides["up"] | sides["down"])]
    if registry is not None:
        check_mlflow_runs(graph, registry, traced)
    check_all(graph, traced, reader, registry is not None, by_content)
    broken = tuple(
        b for b in graph.faults if b.node is None or b.node in sides["up"] | sides["down"]
    )
    return Trace(
        what, found.note, found.starts, graph, sides["up"], sides["down"], broken, by_content
    )
