"""A trace for people: two trees, each thing with what it is and where it lies.

A thing that hangs below two others is written out once; an edge that follows from others is left
out (JSON has all of them).
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import Any

from rich.console import Console, Group
from rich.text import Text
from rich.tree import Tree

from pipelines.lineage.graph import FLOW, LABELS, Graph, Kind, Node, Side
from pipelines.lineage.trace import Trace

WIDTH = 98
_INDENT = 4  # of one level of a tree
_NARROWEST = 30  # deep in a tree, on a small terminal
_MOST_OF_A_KIND = 5  # below one thing; a busy year must not scroll the answer away
_MOST_ROWS = 20
_HEADINGS: dict[Side, str] = {"up": "It rests on", "down": "What rests on it"}
_NOTHING: dict[Side, str] = {"up": "  nothing; the data start here", "down": "  nothing yet"}


def lines(found: Trace, width: int = WIDTH) -> Iterator[str]:
    """The whole answer, line by line, at most that wide except for names that may not be broken."""
    graph = found.graph
    if found.note:
        yield from _wrapped(found.note, width)
        yield ""
    for key in found.starts:
        yield from _plain(_label(graph, key, width, full=True))
    sides: dict[Side, frozenset[str]] = {"up": found.up, "down": found.down}
    for side, keys in sides.items():
        if keys:
            yield from ("", _HEADINGS[side])
            shown: set[str] = set(found.starts)
            for key in found.starts:
                yield from _tree(graph, key, side, shown, width)
    yield ""
    yield from _verdict(found, width)


def _tree(graph: Graph, start: str, side: Side, shown: set[str], width: int) -> Iterator[str]:
    root = Tree("", hide_root=True)
    _grow(root, graph, start, side, shown, width)
    yield from _plain(root) if root.children else [_NOTHING[side]]


def _grow(branch: Tree, graph: Graph, key: str, side: Side, shown: set[str], width: int) -> None:
    counted: dict[Kind, int] = {}
    for child in _children(graph, key, side):
        node = graph.nodes[child]
        counted[node.kind] = counted.get(node.kind, 0) + 1
        if counted[node.kind] > _MOST_OF_A_KIND:
            continue
        if child in shown:
            branch.add(Text(f"{node.title} (above)", no_wrap=True))
            continue
        shown.add(child)
        grown = branch.add(_label(graph, child, width))
        _grow(grown, graph, child, side, shown, width - _INDENT)
    for kind, count in counted.items():
        if count > _MOST_OF_A_KIND:
            branch.add(
                f"... and {count - _MOST_OF_A_KIND} more of the kind {LABELS[kind]}; --json lists "
                "all"
            )


def _children(graph: Graph, key: str, side: Side) -> list[str]:
    """Direct neighbours that no other neighbour leads to; nearest of the pipeline first,
    newest first."""
    near = graph.next(key, side)
    beyond: set[str] = set()
    for child in near:
        beyond |= graph.closure(graph.next(child, side), side)
    kept = sorted((child for child in near if child not in beyond), key=lambda k: graph.nodes[k].id)
    kept.sort(key=lambda k: str(graph.nodes[k].facts.get("as_of_week", "")), reverse=True)
    kept.sort(key=lambda k: FLOW.index(graph.nodes[k].kind), reverse=side == "up")
    return kept


def _label(graph: Graph, key: str, width: int, full: bool = False) -> Group:
    """Name and facts, then where it lies, which is never broken so that it can be copied."""
    node = graph.nodes[key]
    mark = "  << broken, see below" if any(fault.node == key for fault in graph.faults) else ""
    texts = [f"{node.title}  {_facts(node)}".rstrip() + mark]
    texts += [f"  {line}" for line in _details(node)] if full else []
    rows = [row for text in texts for row in _wrapped(text, width)]
    if node.path:
        kept = [
            _if("in DVC", node.facts.get("dvc_id")),
            _if("held by", node.facts.get("held_by")),
            _if("pruned on", node.facts.get("pruned")),
        ]
        noted = "".join(f"  ({note})" for note in kept if note)
        fits = len(f"  {node.path}{noted}") <= width
        rows += [f"  {node.path}{noted}"] if fits else [f"  {node.path}", *_wrapped(noted, width)]
    return Group(*(Text(row, no_wrap=True) for row in rows))


def _facts(node: Node) -> str:
    describe = _FACTS.get(node.kind)
    texts = describe(node.facts) if describe else []
    return ", ".join(text for text in texts if text)


def _drop(facts: dict[str, Any]) -> list[str]:
    content = f"content {facts['sha256']}" if "sha256" in facts else facts.get("note", "")
    return [
        content,
        "synthetic scenes" if facts.get("synthetic_scenes") else "",
        facts.get("withdrawn", ""),
    ]


def _run(facts: dict[str, Any]) -> list[str]:
    failed = (
        f"stopped at {facts['failed_step']}: {facts.get('failure')}"
        if "failed_step" in facts
        else ""
    )
    return [_if("profile", facts.get("profile")), _if("up to", facts.get("as_of_week")), failed]


def _validation(facts: dict[str, Any]) -> list[str]:
    counts = facts.get("issues", {})
    issues = [
        f"{level} {counts[level]}"
        for level in ("critical", "error", "warning", "info")
        if level in counts
    ]
    return [*issues, f"{facts.get('quarantined', 0)} rows in quarantine"]


def _dataset(facts: dict[str, Any]) -> list[str]:
    rows = f"{facts['rows']} rows" if "rows" in facts else ""
    return [_if("up to", facts.get("as_of_week")), rows]


def _features(facts: dict[str, Any]) -> list[str]:
    return [
        _if("embedding version", facts.get("embedding_version")),
        *(_brought(one) for one in facts.get("brought", ())),
    ]


def _brought(origin: Mapping[str, object]) -> str:
    """Of whom vectors are that were made elsewhere."""
    checked = "not checked" if origin.get("cosine") is None else "checked"
    return f"vectors by {origin.get('by')} of {origin.get('made_on')}, {checked} when taken"


def _mlflow_run(facts: dict[str, Any]) -> list[str]:
    return [_if("of run", facts.get("run"))]


def _bundle(facts: dict[str, Any]) -> list[str]:
    if "head" not in facts:
        return []
    return [
        f"{facts['head']} head",
        f"lambda {facts.get('lambda_shift', 0.0):g}",
        _if("up to", facts.get("as_of_week")),
    ]


def _decision(facts: dict[str, Any]) -> list[str]:
    against = facts.get("against_version")
    head = f"{facts['head']} head" if facts.get("head") else ""
    return [str(facts.get("decision", "")), head, f"against version {against}" if against else ""]


def _model_version(facts: dict[str, Any]) -> list[str]:
    back = f"rolled back: {facts['rolled_back']}" if "rolled_back" in facts else ""
    return [*facts.get("aliases", ()), back]


def _forecast(facts: dict[str, Any]) -> list[str]:
    ahead = ", ".join(str(weeks) for weeks in facts.get("horizons_weeks", ()))
    return [
        f"{facts['rows']} rows" if "rows" in facts else "",
        f"{ahead} weeks ahead" if ahead else "",
        facts.get("withdrawn", ""),
    ]


def _forecast_row(facts: dict[str, Any]) -> list[str]:
    expected = "outbreak expected" if facts["outbreak_expected"] else "no outbreak expected"
    state, why = str(facts.get("state") or ""), str(facts.get("why") or "")
    known = [expected] if facts["probability"] is not None else []
    chance = f"{facts['target_week']}: {_chance(facts['probability'])}"
    return [str(facts["municipality"]), chance, *known, *filter(None, (state, why))]


def _chance(probability: float | None) -> str:
    return "no forecast" if probability is None else f"probability {probability:.3f}"


def _prediction(facts: dict[str, Any]) -> list[str]:
    rows, version = len(facts["predictions"]), facts.get("forecast_version")
    return [
        f"answered {facts['at'][:19]} UTC",
        f"{rows} rows" if rows else "",
        _if("from forecast version", version),
    ]


def _predictions(facts: dict[str, Any]) -> list[str]:
    least = "at least " if facts.get("at_least") else ""
    days = f"{facts['first_day']} to {facts['last_day']}"
    return [
        f"{least}{facts['answers']} requests answered, {days}",
        _if("newest", facts["newest"][0]),
    ]


def _if(word: str, value: object) -> str:
    return f"{word} {value}" if value else ""


_FACTS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "drop": _drop, "run": _run, "validation": _validation, "dataset": _dataset,
    "features": _features, "mlflow_run": _mlflow_run, "bundle": _bundle, "decision": _decision,
    "model_version": _model_version, "forecast": _forecast, "forecast_row": _forecast_row,
    "prediction": _prediction, "predictions": _predictions,
}  # fmt: skip


def _details(node: Node) -> list[str]:
    """Further lines on the thing that was asked about."""
    if node.kind == "decision":
        return [str(reason) for reason in node.facts.get("reasons") or ()]
    if node.kind != "prediction":
        return []
    answered = node.facts["predictions"]
    rows = [
        f"{row['municipality_code']}, {row['horizon_weeks']} weeks ahead: "
        f"{_chance(row['probability'])}"
        for row in answered[:_MOST_ROWS]
    ]
    more = [f"... and {len(answered) - len(rows)} rows more"] if len(answered) > len(rows) else []
    return [f"input {node.facts['input_sha256']}", *rows, *more]


def _verdict(found: Trace, width: int) -> Iterator[str]:
    count = len(found.up | found.down)
    looked = (
        "contents compared"
        if found.by_content
        else "existence and recorded ids; --verify compares contents"
    )
    pruned = sum("pruned" in node.facts for node in found.nodes())
    if pruned:
        yield (
            f"{pruned} of these {count} were pruned by this deployment's retention: their names "
            "are known, their files were deleted."
        )
    if not found.broken:
        yield f"Every link of these {count} holds ({looked})."
        return
    yield f"Broken links: {len(found.broken)} ({looked})."
    for link in found.broken:
        first, *rest = _wrapped(f"{link.what}.", width - 2)
        yield f"- {first}"
        yield from (f"  {line}" for line in rest)
        yield f"  Where: {link.where}"
        yield from (f"  {line}" for line in _wrapped(f"What to do: {link.fix}.", width - 2))


def _wrapped(sentence: str, width: int) -> list[str]:
    """Broken between words; an id or a path is never broken, so that it can be copied."""
    indent = sentence[: len(sentence) - len(sentence.lstrip())]
    return textwrap.wrap(
        sentence,
        max(width, _NARROWEST),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _plain(drawn: Any) -> list[str]:
    """Drawn without colour, so that a pipe and a terminal show the same; nothing is cut off."""
    out = StringIO()
    Console(
        file=out, width=1000, color_system=None, emoji=False, markup=False, highlight=False
    ).print(drawn, crop=False)
    return [line.rstrip() for line in out.getvalue().rstrip("\n").split("\n")]
