"""What a person asks about: words and ids turned into the nodes that a trace starts from."""

from __future__ import annotations

import difflib
import io
import json
import re
from dataclasses import dataclass
from typing import Any

from pipelines.errors import ConfigError, DenguardError
from pipelines.fusion.bundle_files import DESCRIPTION
from pipelines.lineage.graph import FLOW, LABELS, Graph, Kind, Node, key_of
from pipelines.lineage.predictions import find_prediction
from pipelines.lineage.reader import Reader
from pipelines.place_config import CodesConfig

CAN_BE_TRACED = (
    "a prediction's trace id, a forecast version, <forecast version or "
    "week>/<municipality>/<weeks ahead>, a bundle id, champion or `version 3`, a drop's date, a "
    "dataset or feature version, a run id"
)
_ALIASES = ("champion", "challenger", "previous")
_ROW = re.compile(r"^(?P<of>[^/]+)/(?P<place>[^/]+)/(?P<weeks>\d{1,2})$")
_WEEK = re.compile(r"^\d{4}-w\d{2}$")
_VERSION = re.compile(r"^(?:model )?v(?:ersion)?[ -]?(\d+)$")
_SHORTEST_PREFIX = 4


@dataclass(frozen=True)
class Found:
    """Where a trace starts; `note` says what was chosen if the question left a choice."""

    starts: tuple[str, ...]
    note: str = ""


def find(graph: Graph, reader: Reader, what: str) -> Found:
    """The nodes that a question names.

    Raises:
        ConfigError: nothing has that name, or several things have; it lists the nearest.
    """
    asked = " ".join(what.split())
    kind, name = _split_kind(asked)
    found = _by_version(graph, asked) or _by_forecast(graph, reader, asked)
    if found:
        return found
    kind = "bundle" if kind == "predictions" else kind  # they are counted by bundle
    same = _named(graph, name, kind)
    if same:
        return _one_thing(asked, same)
    prediction = (
        find_prediction(graph, reader.paths, name) if kind in (None, "prediction") else None
    )
    if prediction:
        return Found((prediction,))
    raise _unknown(graph, asked)


def _split_kind(asked: str) -> tuple[Kind | None, str]:
    """ "dataset version 5d7d..." and "dataset:5d7d..." name the kind, as the output prints it."""
    for kind in FLOW:
        for words in (f"{LABELS[kind]} of run ", f"{LABELS[kind]} ", f"{kind}:", f"{kind} "):
            if asked.startswith(words) and len(asked) > len(words):
                return kind, asked.removeprefix(words)
    return None, asked


def _by_version(graph: Graph, asked: str) -> Found | None:
    """A model version by its number or alias."""
    number, there = _VERSION.match(asked), graph.of_kind("model_version")
    if asked in _ALIASES:
        same = [node for node in there if asked in node.facts.get("aliases", ())]
    elif number:
        same = [node for node in there if node.id.endswith(f"/{number[1]}")]
    else:
        return None
    if not same:
        known = ", ".join(
            f"{n.title} {' '.join(n.facts.get('aliases', ()))}".strip() for n in there
        )
        raise ConfigError(
            f"the registry names no {asked}", fix=f"model versions known here: {known or 'none'}"
        )
    return _one_thing(asked, same)


def _by_forecast(graph: Graph, reader: Reader, asked: str) -> Found | None:
    """The newest forecast of a week, or a row of a forecast.

    A row becomes a node of its own: the graph holds versions, not their rows.
    """
    if _WEEK.match(asked):
        version, note = _forecast(graph, reader, asked)
        return Found((version.key,), note)
    parts = _ROW.match(asked)
    if parts is None or asked in {node.id for node in graph.of_kind("model_version")}:
        return None
    version, note = _forecast(graph, reader, parts["of"])
    row, renamed = _read_row(graph, reader, version, parts["place"], int(parts["weeks"]))
    note, place = "; ".join(filter(None, (note, renamed))), row["municipality_code"]
    name = f"{version.id}/{place}/{int(parts['weeks'])}"
    key = graph.add("forecast_row", name, version.path, [version.key], **row)
    for shown in graph.next(version.key, "down", "report"):
        graph.link(key, shown)
    return Found((key,), note)


def _forecast(graph: Graph, reader: Reader, name: str) -> tuple[Node, str]:
    """A forecast by its version or a unique beginning of it, or the newest one of an
    origin week."""
    made = graph.of_kind("forecast")
    exact = [node for node in made if node.id == name]
    if exact:
        return exact[0], ""
    same = [node for node in made if node.id.startswith(name)]
    if not same:
        there = ", ".join(sorted(node.id for node in made)[-8:]) or "none"
        raise ConfigError(f"there is no forecast {name}", fix=f"forecasts are {there}")
    newest = max(same, key=lambda node: (_made_at(reader, node), node.id))
    if len(same) == 1:
        return newest, "" if not _WEEK.match(name) else f"{name} is forecast version {newest.id}"
    others = ", ".join(sorted(node.id for node in same if node is not newest))
    if not _WEEK.match(name):
        raise ConfigError(
            f"{name} is the beginning of several forecasts",
            fix=f"write one of {newest.id}, {others}",
        )
    return (
        newest,
        f"{name} has {len(same)} forecasts; this is the newest, {newest.id}; others: {others}",
    )


def _made_at(reader: Reader, node: Node) -> int:
    folder = reader.local(str(node.path))
    return folder.stat().st_mtime_ns if folder.is_dir() else 0


def _read_row(
    graph: Graph, reader: Reader, version: Node, asked: str, weeks: int
) -> tuple[dict[str, Any], str]:
    """The row of a unit and horizon; and what to say if the unit was asked for by an old code."""
    rows = _rows(reader, version)
    place = (
        asked if any(_same_code(row, asked) for row in rows) else _today(graph, reader, rows, asked)
    )
    note = "" if place == asked else f"{asked} is {place} today"
    found = [row for row in rows if row["horizon_weeks"] == weeks and _same_code(row, place)]
    exact = [row for row in found if row["municipality_code"] == place] or found
    if len(exact) == 1:
        return {
            name: None if value != value else value for name, value in exact[0].items()
        }, note  # NaN
    codes = sorted({str(row["municipality_code"]) for row in rows})
    ahead = sorted({int(row["horizon_weeks"]) for row in rows})
    near = ", ".join(sorted(difflib.get_close_matches(place, codes, 5, 0.6)) or codes[:5])
    raise ConfigError(
        f"forecast {version.id} has no row {place}/{weeks}{f' ({note})' if note else ''}",
        where=str(version.path),
        fix=f"weeks ahead are {', '.join(map(str, ahead))}; municipalities such as {near}",
    )


def _today(graph: Graph, reader: Reader, rows: list[dict[str, Any]], place: str) -> str:
    """What an old code became, by the bundle that made the rows; else the code itself."""
    made_by = graph.nodes.get(key_of("bundle", str(rows[0]["bundle_id"]))) if rows else None
    if made_by is None or made_by.path is None:
        return place
    try:
        meta = json.loads(reader.read(made_by.path, DESCRIPTION))["meta"]
        changes = CodesConfig.model_validate(meta.get("place", {}).get("codes", {})).crosswalk
    except (OSError, ValueError, KeyError, DenguardError):  # the trace names what is wrong with it
        return place
    return changes.today(changes.as_delivered(place) or place) if changes else place


def _rows(reader: Reader, version: Node) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    try:
        table = io.BytesIO(reader.read(str(version.path), "forecast.parquet"))
        rows: list[dict[str, Any]] = pq.read_table(table).to_pylist()
    except (OSError, ValueError) as err:
        state = "missing" if isinstance(err, FileNotFoundError) else f"damaged ({err})"
        raise ConfigError(
            f"forecast {version.id} is {state}, so none of its rows can be read",
            where=str(version.path),
            fix="restore the folder from its version, or trace the forecast version itself",
        ) from err
    return rows


def _same_code(row: dict[str, Any], place: str) -> bool:
    """Equal but for zeros on the left, which a spreadsheet takes from 05001."""
    return str(row["municipality_code"]).lstrip("0") == place.lstrip("0")


def _named(graph: Graph, name: str, kind: Kind | None) -> list[Node]:
    """Nodes of that name, exactly; else by content hash or embedding version; else by beginning."""
    nodes = [n for n in graph.nodes.values() if kind in (None, n.kind) and n.kind != "predictions"]
    exact = [
        n for n in nodes if name in (n.id, n.facts.get("received_date"), n.facts.get("dvc_id"))
    ]
    if exact:
        return exact
    meant = [
        n
        for n in nodes
        if name in (n.facts.get("embedding_version"), n.facts.get("sha256"))
        and n.kind in ("features", "drop")
    ]
    if meant or len(name) < _SHORTEST_PREFIX:
        return meant
    without_kind = name.partition("-")[2]  # a version's id in DVC, such as features-4dba...
    return [n for n in nodes if n.id == without_kind] or [n for n in nodes if n.id.startswith(name)]


def _one_thing(asked: str, same: list[Node]) -> Found:
    """Several contents of one drop date start together; a run stands for its own records."""
    dates = {node.facts.get("received_date") for node in same}
    if all(node.kind == "drop" for node in same) and len(dates) == 1:
        note = f"drop {asked} was seen with {len(same)} contents" if len(same) > 1 else ""
        return Found(tuple(node.key for node in same), note)
    if all(node.kind == "features" for node in same) and len(same) > 1:
        return Found(tuple(node.key for node in same), f"{len(same)} feature versions hold it")
    runs = [node for node in same if node.kind == "run"]
    if len(runs) == 1 and {node.id for node in same} == {runs[0].id}:
        return Found((runs[0].key,))
    if len(same) == 1:
        return Found((same[0].key,))
    listed = ", ".join(sorted(node.title for node in same)[:8])
    raise ConfigError(f"{asked!r} names {len(same)} things", fix=f"write one of: {listed}")


def _unknown(graph: Graph, asked: str) -> ConfigError:
    ids = sorted(
        {n.id for n in graph.nodes.values()}
        | {str(n.facts.get("received_date", n.id)) for n in graph.of_kind("drop")}
    )
    near = difflib.get_close_matches(asked, ids, 5, 0.5)
    nearest = f"; nearest: {', '.join(near)}" if near else ""
    return ConfigError(f"nothing here is called {asked!r}{nearest}", fix=f"name {CAN_BE_TRACED}")
