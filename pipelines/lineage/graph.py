"""The graph of lineage: things, what they were made from, and links that are known to be broken.

Every edge points from what was used to what was made of it, down the pipeline: FLOW is the order,
so that the graph can hold no circle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal[
    "drop",
    "run",
    "validation",
    "dataset",
    "features",
    "mlflow_run",
    "bundle",
    "decision",
    "model_version",
    "forecast",
    "forecast_row",
    "prediction",
    "predictions",
    "report",
]
FLOW: tuple[Kind, ...] = get_args(Kind)
LABELS: dict[Kind, str] = {  # the words of a run's report
    "drop": "drop",
    "run": "run",
    "validation": "validation report",
    "dataset": "dataset version",
    "features": "feature version",
    "mlflow_run": "MLflow run",
    "bundle": "bundle",
    "decision": "decision",
    "model_version": "model version",
    "forecast": "forecast version",
    "forecast_row": "forecast row",
    "prediction": "prediction",
    "predictions": "predictions",
    "report": "report",
}
Side = Literal["up", "down"]


@dataclass
class Node:
    """One thing of the pipeline.

    Attributes:
        path: where it lies, relative to home, or a URI; None if it lies in no file of its own.
        facts: JSON-able; what its own description and the runs say of it.
    """

    kind: Kind
    id: str
    path: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return key_of(self.kind, self.id)

    @property
    def title(self) -> str:
        """How a person names it, and may name it to `denguard trace`."""
        shown = self.id
        if self.kind == "model_version":
            shown = self.id.removeprefix("denguard/")
        if self.kind == "drop":
            shown = self.id.partition("@")[0]
        joint = " of run " if self.kind in ("validation", "decision", "report") else " "
        return f"{LABELS[self.kind]}{joint}{shown}"


@dataclass(frozen=True)
class Edge:
    """`child` was made from `parent`; both are node keys."""

    parent: str
    child: str
    relation: str


@dataclass(frozen=True)
class Broken:
    """A link that does not hold. `node` is the key it was found at, None if it concerns all."""

    node: str | None
    what: str
    where: str
    fix: str


class Graph:
    """Nodes by key, edges both ways, and the faults that were met while they were read."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.faults: list[Broken] = []
        self._edges: dict[tuple[str, str], Edge] = {}
        self._next: dict[Side, dict[str, dict[str, None]]] = {"up": {}, "down": {}}

    def add(self, kind: Kind, identity: str, path: str | None = None, **facts: Any) -> str:
        """Add a thing, or what else is known of it; the first path and each first fact stay."""
        node = self.nodes.setdefault(key_of(kind, identity), Node(kind, identity))
        node.path = node.path or path
        for name, value in facts.items():
            if value is not None:
                node.facts.setdefault(name, value)
        return node.key

    def link(self, parent: str, child: str, relation: str) -> None:
        """Say that one thing was made from another. Raises ValueError against the flow."""
        up, down = self.nodes[parent], self.nodes[child]
        if FLOW.index(up.kind) >= FLOW.index(down.kind):
            raise ValueError(f"{child} cannot be made from {parent}")
        self._edges.setdefault((parent, child), Edge(parent, child, relation))
        self._next["down"].setdefault(parent, {})[child] = None
        self._next["up"].setdefault(child, {})[parent] = None

    def fault(self, node: str | None, what: str, where: str, fix: str) -> None:
        """Remember a broken link."""
        found = Broken(node, what, where, fix)
        if found not in self.faults:
            self.faults.append(found)

    def next(self, key: str, side: Side) -> list[str]:
        """What a thing was made from (up), or what was made from it (down)."""
        return list(self._next[side].get(key, {}))

    def closure(self, starts: Iterable[str], side: Side) -> set[str]:
        """The starts and everything that they rest on (up), or that rests on them (down)."""
        seen: set[str] = set()
        left = list(starts)
        while left:
            key = left.pop()
            if key not in seen:
                seen.add(key)
                left += self.next(key, side)
        return seen

    def edges(self, among: set[str]) -> list[Edge]:
        """Edges that have both ends in a set, sorted."""
        return [e for pair, e in sorted(self._edges.items()) if among.issuperset(pair)]

    def of_kind(self, kind: Kind) -> list[Node]:
        """Every node of a kind, in the order found."""
        return [node for node in self.nodes.values() if node.kind == kind]


def key_of(kind: Kind, identity: str) -> str:
    """How a node is named in edges and in JSON: "bundle:776cf266e08bc743"."""
    return f"{kind}:{identity}"
