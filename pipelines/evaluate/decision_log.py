"""Every decision of the gate that this deployment holds, newest first.

They lie in artifacts/decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, DenguardError
from pipelines.run import run_folder
from pipelines.storage import read_json

Record = dict[str, Any]


def decisions(paths: DeploymentPaths) -> list[Record]:
    """Every decision: by origin week, and within one by when it was written; newest first.

    A damaged file is listed as what it is, with decision "unreadable": the others are still shown.
    """
    folder = paths.artifacts / "decisions"
    found = [(_age(record), record) for record in map(_read, sorted(folder.glob("*.json")))]
    return [record for _, record in sorted(found, key=lambda pair: pair[0], reverse=True)]


def decision_of(run_id: str, paths: DeploymentPaths) -> Record:
    """One decision in full. Raises ConfigError if there is none of this run."""
    run_folder(paths, run_id)  # refuses a name that leads elsewhere
    path = paths.artifacts / "decisions" / f"{run_id}.json"
    if not path.is_file():
        raise ConfigError(
            f"there is no decision of a run {run_id!r}",
            where=str(path.parent),
            fix="denguard decisions lists the runs that have one",
        )
    return read_json(path)


@dataclass(frozen=True)
class Since:
    """How many weeks of decisions lie after the last promotion, and why the newest one kept the
    champion.

    `why` is empty where the newest decision promoted; `waits` if a person has to let a refit
    through.
    """

    weeks: int
    why: str
    waits: bool


def since_promotion(paths: DeploymentPaths) -> Since | None:
    """Weeks since the gate last promoted; None if it never did."""
    later: list[Record] = []
    for record in decisions(paths):
        if record.get("decision") == "promote":
            weeks = {str(one["as_of_week"]) for one in later} - {str(record["as_of_week"]), ""}
            newest = later[0] if later else {}
            return Since(
                len(weeks), why(newest) if later else "", bool(newest.get("waits_for_person"))
            )
        later.append(record)
    return None


def why(record: Record) -> str:
    """The reason that decided, in one line: the last one found."""
    reasons = record.get("reasons") or [record.get("first_line", "")]
    return " ".join(str(reasons[-1]).split())


def line_and_why(record: Record) -> str:
    """The first line, and the reason that decided unless the line gives it already."""
    line, reason = str(record.get("first_line", "")), why(record)
    repeats = (
        reason.removeprefix("First champion: ").rstrip(".")[1:] in line
    )  # its first letter differs
    return line if repeats else f"{line} {reason}"


def in_words(record: Record) -> list[str]:
    """One decision for people, a line each; --json holds every figure of it."""
    champion = record.get("champion") or {}
    then = f"version {champion['version']} ({champion['head']} head)" if champion else "none"
    lines = [
        f"run {record.get('run_id')}, origin week {record.get('as_of_week')}: "
        f"{record.get('decision')}",
        str(record.get("first_line", "")),
        *(f"because: {reason}" for reason in record.get("reasons") or ()),
        f"judged: {record.get('head') or 'nothing'} (bundle {record.get('bundle_id') or 'none'}), "
        f"{record.get('primary_horizon_weeks')} weeks ahead, {record.get('origins')} test years, "
        f"{record.get('blocks')} blocks of weeks",
        f"champion then: {then}",
        *map(_compared, record.get("comparisons") or ()),
        _before(record),
    ]
    return [" ".join(line.split()) for line in lines if line]


def _before(record: Record) -> str:
    """Where the run's decision before this one lies; "" of its first."""
    if "decided_before" not in record:
        return ""
    return f"decision {record['decision_no']} of the run; before it: {record['decided_before']}"


def _compared(found: Record) -> str:
    """Brier difference, negative = the challenger is better."""
    at, word = found["interval"], "yes" if found["passed"] else "no"
    return (
        f"{found['challenger']} {found['question']} {found['reference']}: {word} (Brier "
        f"difference {at['mean']:+.5f}, interval {at['lower']:+.5f} to {at['upper']:+.5f}, "
        f"{at['rows']} rows)"
    )


def _read(path: Path) -> Record:
    try:
        record = read_json(path)
    except (DenguardError, OSError) as err:
        record = {"decision": "unreadable", "reasons": [str(err)]}
    written = path.stat().st_mtime_ns if path.is_file() else 0
    return {"run_id": path.stem, "as_of_week": "", **record, "_written": written}


def _age(record: Record) -> tuple[str, int, str]:
    return str(record["as_of_week"]), record.pop("_written"), str(record["run_id"])
