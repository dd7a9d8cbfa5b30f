"""What came of a step, in a sentence, and which documents it left: for logs and for people's pages.

Read from the step's own output, artifacts/runs/<run>/<step>.json.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Output = dict[str, Any]


def said(step: str, output: Output) -> str:
    """One sentence on what a step's output means; a step without one of its own is just done."""
    try:
        return _SAID[step](output)
    except KeyError:  # a step of another version wrote it, or it has no sentence of its own
        return "finished"


def documents(step: str, run_id: str, output: Output) -> dict[str, str]:
    """Title -> file a person may want to read, relative to home; empty if the step leaves none."""
    try:
        return _DOCUMENTS[step](run_id, output)
    except KeyError:
        return {}


def _start(output: Output) -> str:
    horizons = output["horizons"] or "those of the profile"
    return (
        f"profile {output['profile']}, origin week "
        f"{output['as_of'] or 'the newest complete one'}, horizons {horizons}"
    )


def _validate(output: Output) -> str:
    issues = ", ".join(f"{n} {level}" for level, n in output["issues"].items()) or "none"
    n = output["quarantined"]
    return f"data issues: {issues}; {n} {'row' if n == 1 else 'rows'} quarantined"


def _plan(output: Output) -> str:
    new = ", ".join(
        f"{c['missing']} of {c['distinct']} {m} inputs" for m, c in output["counts"].items()
    )
    return f"to embed: {new}; shards: {len(output['shards'])}"


def _shard(output: Output) -> str:
    if not output["inputs"]:
        return (
            f"nothing to embed: every {output['modality']} input was known; no encoder was started"
        )
    known = output["inputs"] - output["embedded"]
    encoder = "" if output["encoder_started"] else "; no encoder was started"
    return f"{output['embedded']} {output['modality']} inputs embedded, {known} were known{encoder}"


def _train(output: Output) -> str:
    heads = output["candidates"].items()
    return "; ".join(
        f"{head}: lambda {c['lambda_shift']:g}, bundle {c['bundle_id']}" for head, c in heads
    )


def _backtest(output: Output) -> str:
    return f"year {output['year']} replayed for {' and '.join(k for k in output if k != 'year')}"


def _register(output: Output) -> str:
    if waiting := output.get("waiting_version"):
        return f"registered as version {waiting}, which waits for a person; the champion stays"
    return (
        f"registered as version {output['version']}"
        if output["version"]
        else "nothing registered: the gate kept the champion"
    )


def _deploy(output: Output) -> str:
    if output["error"]:
        return f"NOT deployed, the old champion serves: {output['error']}"
    return f"version {output['version']} serves" if output["deployed"] else "the champion stays"


_SAID: dict[str, Callable[[Output], str]] = {
    "start": _start,
    "ingest": lambda o: f"drops: {', '.join(d['received_date'] for d in o['drops'])}",
    "validate": _validate,
    "snapshot": lambda o: f"dataset version {o['dataset_version']}, up to {o['as_of_week']}",
    "plan_embedding": _plan,
    "embed_shard": _shard,
    "features": lambda o: f"feature version {o['feature_version']}, up to {o['as_of_week']}",
    "train": _train,
    "backtest": _backtest,
    "evaluate": lambda o: f"scored {len(o['predictions'])} test years: {o['metrics']}",
    "gate": lambda o: f"{o['decision']}: {o['first_line']}",
    "register": _register,
    "deploy": _deploy,
    "forecast": lambda o: str(o["note"]),
    "report": lambda o: str(o["first_line"]),
}

_DOCUMENTS: dict[str, Callable[[str, Output], dict[str, str]]] = {
    "validate": lambda _, o: {"data issues": o["issues_path"]},
    "evaluate": lambda _, o: {"metrics": o["metrics"]},
    "gate": lambda run_id, _: {"decision record": f"artifacts/decisions/{run_id}.json"},
    "forecast": lambda _, o: (
        {"forecast (CSV)": f"{o['forecast']}/forecast.csv"} if o["forecast"] else {}
    ),
    "report": lambda _, o: {
        "bulletin": f"{o['report'].rpartition('/')[0]}/bulletin.html",
        "report": o["report"],
    },
}
