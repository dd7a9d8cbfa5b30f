"""Whole answers of `denguard trace`, word for word: answers/<name>.txt, ids by what they name."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from support.planted_lineage import FORECAST_TRACE, Store
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.inference.forecast import publish_forecast
from pipelines.run.events import append_event
from pipelines.run.withdrawn import withdraw
from pipelines.storage import write_json

ANSWERS = Path(__file__).parent / "answers"
Change = Callable[[Store], None]


def as_it_is(store: Store) -> None:
    """Three runs, all of them whole."""


def withdrawn(store: Store) -> None:
    withdraw(store.paths, "drop", "2019-01-02", "Ana", "the neighbour's figures")
    withdraw(store.paths, "forecast", store.forecasts["third"], "Ben", "wrong counts")


def pruned(store: Store) -> None:
    names = [
        f"artifacts/datasets/{store.datasets['third']}",
        f"artifacts/features/{store.features['third']}",
        "artifacts/candidates/c52",
        "artifacts/runs/third/validation/issues.json",
    ]
    append_event(store.paths, "pruned", {"room": "datasets", "names": names, "bytes": 1})
    remove(store, *names)


def lost(store: Store) -> None:
    remove(
        store,
        f"artifacts/datasets/{store.datasets['third']}",
        f"artifacts/versions/features-{store.features['third']}.dvc",
        "artifacts/candidates/c52",
        "artifacts/decisions/third.json",
        "data/drops/2019-01-02",
    )
    torn = store.paths.artifacts / "features" / store.features["third"] / "features.json"
    torn.write_text("{")


def other_content(store: Store) -> None:
    for name in ("data/drops/2019-01-02/metadata.csv", "artifacts/candidates/c52/bundle/x"):
        (store.paths.home / name).write_text("changed")


def without_runs(store: Store) -> None:
    remove(store, "artifacts/runs")


def without_versions(store: Store) -> None:
    remove(store, "artifacts/versions")


def without_registry(store: Store) -> None:
    remove(store, "artifacts/mlflow/mlflow.db")


def failed(store: Store) -> None:
    folder = store.paths.artifacts / "runs" / "fourth"
    shutil.copytree(store.paths.artifacts / "runs" / "third", folder)
    for step in ("train", "gate", "register", "forecast", "report"):
        (folder / f"{step}.json").unlink()
    write_json(folder / "failure.json", {"step": "train", "cause": "the disk was full"})


def unpublished(store: Store) -> None:
    """A forecast from the last accepted data that no run made and no version was made of."""
    third = store.paths.artifacts / "forecasts" / store.forecasts["third"]
    rows = pd.read_parquet(third / "forecast.parquet").assign(probability=0.5)
    facts = {
        "feature_version": store.features["third"],
        "data_state": "without this week's data",
        "why": "run fourth failed at step train",
    }
    made = publish_forecast(rows, third.parent, facts=facts)
    store.forecasts["fallback"] = made.name
    features = store.paths.artifacts / "features"  # others of the same vectors, not read by it
    shutil.copytree(features / store.features["third"], features / "0123456789abcdef")


def remove(store: Store, *names: str) -> None:
    for name in names:
        path = store.paths.home / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("name", "change", "arguments"),
    [
        ("drop", as_it_is, ["2019-01-02"]),
        ("drop-json", as_it_is, ["2019-01-02", "--json"]),
        ("answer-of-a-forecast", as_it_is, [FORECAST_TRACE]),
        ("answer-of-a-forecast-json", as_it_is, [FORECAST_TRACE, "--json", "--up"]),
        ("row-json", as_it_is, ["2018-w52/5001/4", "--json"]),
        ("run-of-equal-data", as_it_is, ["second", "--up"]),
        ("withdrawn", withdrawn, ["2019-01-02"]),
        ("pruned", pruned, ["2019-01-02", "--verify"]),
        ("lost", lost, ["2019-01-02"]),
        ("lost-json", lost, ["2019-01-02", "--json"]),
        ("other-content", other_content, ["2019-01-02", "--verify"]),
        ("without-runs-json", without_runs, ["2019-01-02", "--json", "--verify"]),
        ("without-versions", without_versions, ["2019-01-02"]),
        ("without-registry", without_registry, ["2019-01-02"]),
        ("failed", failed, ["run", "fourth"]),
        ("unpublished", unpublished, ["<forecast fallback>"]),
        ("unpublished-json", unpublished, ["<forecast fallback>", "--json", "--up"]),
    ],
)
def test_an_answer_is_word_for_word_what_it_was(
    store: Store, name: str, change: Change, arguments: list[str]
) -> None:
    known = set(store.forecasts)
    try:
        change(store)
        names = {**_names(store), str(store.paths.home): "<home>"}
        ids = {what: identity for identity, what in names.items()}
        done = CliRunner().invoke(app, ["trace", *(ids.get(word, word) for word in arguments)])
    finally:
        for run in set(store.forecasts) - known:
            del store.forecasts[run]
    output = _one_a_line(done.output) if "--json" in arguments else done.output
    answer = _by_name(output, names) + f"exit code {done.exit_code}\n"
    assert answer == (ANSWERS / f"{name}.txt").read_text(encoding="utf-8")


def _names(store: Store) -> dict[str, str]:
    """Id -> what it names; equal data of two runs have the name of the first."""
    kinds = {
        "dataset": store.datasets,
        "features": store.features,
        "bundle": store.bundles,
        "forecast": store.forecasts,
    }
    found: dict[str, str] = {}
    for kind, ids in kinds.items():
        for run, identity in ids.items():
            found.setdefault(identity, f"<{kind} {run}>")
    return found


def _one_a_line(output: str) -> str:
    """JSON with a line for each node, edge and broken link, in the order given."""
    lines: list[str] = []
    for name, value in json.loads(output).items():
        listed = isinstance(value, list)
        lines += [name, *(f"  {json.dumps(v)}" for v in (value if listed else [value]))]
    return "\n".join([*lines, ""])


def _by_name(answer: str, names: dict[str, str]) -> str:
    for identity, name in names.items():
        answer = answer.replace(identity, name)
    answer = re.sub(r"\b(?!0{32}|([abc])\1{31})[0-9a-f]{32}\b", "<mlflow run>", answer)
    answer = re.sub(r"(pruned on |\"pruned\": \"|withdrawn on )\d{4}-\d\d-\d\d", r"\1<day>", answer)
    # a bundle's other files, and so its damaged whole, are not the same everywhere
    return re.sub(r"its content is\s+[0-9a-f]{16}", "its content is <other>", answer)
