"""The graph of lineage: things, what they were made from, and links that are known to be broken.

Every edge points from what was used to what was made of it, down the pipeline: FLOW is the order,
so that the graph can hold no circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pipelines.versioning.parents import walk

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
# What became of the parents of a kind; an edge that is not here is none.
RELATIONS: dict[Kind, Mapping[Kind, str]] = {
    "run": {"drop": "read by"},
    "validation": {"run": "checked in"},
    "dataset": {"drop": "is in", "validation": "passed to"},
    "features": {"dataset": "embedded in"},
    "mlflow_run": dict.fromkeys(("run", "features"), "recorded in"),
    "bundle": dict.fromkeys(("features", "mlflow_run"), "trained into"),
    "decision": dict.fromkeys(("run", "bundle"), "judged in"),
    "model_version": {"bundle": "registered as", "decision": "promoted"},
    "forecast": {
        **dict.fromkeys(("run", "features"), "forecast in"),
        **dict.fromkeys(("bundle", "model_version"), "forecast"),
    },
    "forecast_row": {"forecast": "holds"},
    "prediction": dict.fromkeys(("bundle", "model_version", "forecast"), "answered"),
    "predictions": {"bundle": "answered"},
    "report": dict.fromkeys(
        ("run", "validation", "decision", "forecast", "forecast_row"), "shown in"
    ),
}
LIES_AT: dict[Kind, str] = {
    "run": "artifacts/runs/{}",
    "dataset": "artifacts/datasets/{}",
    "features": "artifacts/features/{}",
    "decision": "artifacts/decisions/{}.json",
    "forecast": "artifacts/forecasts/{}",
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
        self._next: dict[Side, dict[str, dict[str, None]]] = {"up": {}, "down": {}}

    def add(
        self,
        kind: Kind,
        identity: str,
        path: str | None = None,
        parents: Iterable[str | None] = (),
        **facts: Any,
    ) -> str:
        """Add a thing, or what else is known of it; the first path and each first fact stay.

        Args:
            path: None for a kind that lies where its id says.
            parents: keys of what it was made from; None for what is not known.
        """
        node = self.nodes.setdefault(key_of(kind, identity), Node(kind, identity))
        node.path = node.path or path or LIES_AT.get(kind, "").format(identity) or None
        for name, value in facts.items():
            if value is not None:
                node.facts.setdefault(name, value)
        for parent in parents:
            if parent:
                self.link(parent, node.key)
        return node.key

    def link(self, parent: str, child: str) -> None:
        """Say that one thing was made from another. Raises ValueError if that cannot be."""
        self._relation(parent, child)
        self._next["down"].setdefault(parent, {})[child] = None
        self._next["up"].setdefault(child, {})[parent] = None

    def _relation(self, parent: str, child: str) -> str:
        made = RELATIONS.get(self.nodes[child].kind, {})
        if self.nodes[parent].kind not in made:
            raise ValueError(f"{child} cannot be made from {parent}")
        return made[self.nodes[parent].kind]

    def fault(self, node: str | None, what: str, where: str, fix: str) -> None:
        """Remember a broken link."""
        found = Broken(node, what, where, fix)
        if found not in self.faults:
            self.faults.append(found)

    def next(self, key: str, side: Side, kind: Kind | None = None) -> list[str]:
        """What a thing was made from (up), or what was made from it (down); of a kind, or all."""
        near = self._next[side].get(key, ())
        return [k for k in near if kind in (None, self.nodes[k].kind)]

    def closure(self, starts: Iterable[str], side: Side) -> set[str]:
        """The starts and everything that they rest on (up), or that rests on them (down)."""
        return walk(starts, lambda key: self.next(key, side))

    def edges(self, among: set[str]) -> list[Edge]:
        """Edges that have both ends in a set, sorted."""
        pairs = ((parent, child) for parent in among for child in self.next(parent, "down"))
        return [Edge(*pair, self._relation(*pair)) for pair in sorted(pairs) if pair[1] in among]

    def in_order(self, keys: Iterable[str]) -> list[Node]:
        """Nodes in the order of the pipeline, those of a kind by id."""
        nodes = (self.nodes[key] for key in keys)
        return sorted(nodes, key=lambda node: (FLOW.index(node.kind), node.id))

    def of_kind(self, kind: Kind) -> list[Node]:
        """Every node of a kind, in the order found."""
        return [node for node in self.nodes.values() if node.kind == kind]


def key_of(kind: Kind, identity: str) -> str:
    """How a node is named in edges and in JSON: "bundle:776cf266e08bc743"."""
    return f"{kind}:{identity}"
