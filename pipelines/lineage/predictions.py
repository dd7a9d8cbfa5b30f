"""What the endpoint answered: the prediction log as nodes."""

from __future__ import annotations

import re
from heapq import nlargest
from itertools import islice
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.lineage.graph import Graph

TRACE_ID = re.compile(r"^[0-9a-f]{32}$")
_MOST_ANSWERS = 200_000  # counted at most, newest days first: about 3 seconds
_NEWEST_SHOWN = 5


def find_prediction(graph: Graph, paths: DeploymentPaths, trace_id: str) -> str | None:
    """Add the prediction with this trace id, linked to what answered it; None if not logged.

    Raises:
        StoreError: the log cannot be read.
    """
    from pipelines.inference.prediction_log import log_folder, read_predictions

    answer = read_predictions(paths, trace_id) if TRACE_ID.match(trace_id) else None
    if answer is None:
        return None
    folder = log_folder(paths).relative_to(paths.home) / answer.at.date().isoformat()
    rows = [row.model_dump(mode="json") for row in answer.predictions]
    key = graph.add(
        "prediction",
        trace_id,
        folder.as_posix(),
        at=answer.at.isoformat(),
        input_sha256=answer.input_sha256,
        bundle_id=answer.bundle_id,
        model_version=answer.model_version,
        predictions=rows,
    )
    bundle = graph.add("bundle", answer.bundle_id)
    graph.link(bundle, key)
    if answer.forecast_version:
        graph.nodes[key].facts["forecast_version"] = answer.forecast_version
        graph.link(graph.add("forecast", answer.forecast_version), key)
    for version in graph.next(bundle, "down", "model_version"):
        # the log knows the number of the version and its bundle, not the model's name
        if graph.nodes[version].id.endswith(f"/{answer.model_version}"):
            graph.link(version, key)
    return key


def count_predictions(graph: Graph, paths: DeploymentPaths) -> None:
    """One node a bundle: how many requests it answered, since when, and the newest trace ids."""
    from pipelines.inference.prediction_log import log_folder, logged_days, read_day

    found: dict[str, dict[str, Any]] = {}
    answers = ((day, answer) for day in logged_days(paths) for answer in read_day(paths, day))
    counted = 0
    try:
        for day, answer in islice(answers, _MOST_ANSWERS):
            counted += 1
            facts = found.setdefault(
                answer.bundle_id, {"answers": 0, "last_day": day.isoformat(), "newest": []}
            )
            facts["answers"] += 1
            facts["first_day"] = day.isoformat()
            facts["newest"] = nlargest(
                _NEWEST_SHOWN, [*facts["newest"], (answer.at, answer.trace_id)]
            )
    except StoreError as err:
        graph.fault(None, err.what, err.where, err.fix)
    folder = log_folder(paths).relative_to(paths.home).as_posix()
    for identity, facts in found.items():
        facts["newest"] = [trace for _, trace in facts["newest"]]
        bundle, least = graph.add("bundle", identity), counted == _MOST_ANSWERS
        graph.add("predictions", identity, folder, [bundle], at_least=least, **facts)
