"""The causes that the newest validation found, kept where a person answers: artifacts/held/.

Written are causes.json and doubts.parquet.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

import pandas as pd
import pyarrow as pa

from pipelines.config import DeploymentPaths
from pipelines.data.months import month_label
from pipelines.data.plausible.answers import (
    Answer,
    Verdict,
    answers_folder,
    answers_id,
    write_answer,
)
from pipelines.data.plausible.assess import Assessment
from pipelines.data.plausible.doubts import NO_WEEK, cells_of, together, waiting
from pipelines.data.plausible.listed import CauseRecord, fetched, held_folder, known_causes
from pipelines.data.plausible.suspicion import CELL_KEYS
from pipelines.errors import ConfigError
from pipelines.run.events import append_event
from pipelines.storage import shared, write_json
from pipelines.storage.parquet import write_parquet
from pipelines.weeks import Calendar
from pipelines.words import counted

_NAMED = 5  # units of a cause


def causes_of(found: Assessment, calendar: Calendar) -> list[CauseRecord]:
    """Every cause, newest drop first, what waits before what is answered."""
    doubts = _as_answered(found)
    waits = waiting(doubts)["cause_id"].value_counts()
    by_cause = dict(tuple(doubts.groupby("cause_id", sort=False)))
    none = found.doubts.iloc[:0]
    records = []
    for cause in found.causes:
        one, cells = cause.suspicion, by_cause.get(cause.cause_id, none)
        n, answers = int(waits.get(cause.cause_id, 0)), set(cells["answer"])
        own = {*map(str, cells["unit_id"]), *one.silent}  # without those of an earlier rule
        units = own or set(one.units)
        answer = cause.answer or ("superseded" if not n and answers else "")
        records.append(
            CauseRecord(
                cause.cause_id,
                cause.drop,
                one.rule,
                one.outcome.value,
                one.direction.value,
                one.message,
                one.fix,
                answer,
                len(units),
                len(cells),
                n,
                _span(cells, calendar),
                _named(units),
            )
        )
    return sorted(records[::-1], key=lambda record: record.waiting == 0)


def _as_answered(found: Assessment) -> pd.DataFrame:
    """DOUBT_COLUMNS; a cell that two stops doubt is one of each, for each of them stops the run."""
    stops = [
        cells_of(cause, found.doubts).assign(
            rule=cause.suspicion.rule,
            outcome=cause.suspicion.outcome.value,
            direction=cause.suspicion.direction.value,
            cause_id=cause.cause_id,
        )
        for cause in found.causes
        if cause.stops
    ]
    return together([found.doubts, *stops]).drop_duplicates(["cause_id", *CELL_KEYS])


def _named(units: Collection[str]) -> str:
    """Codes of the first of them."""
    ordered = sorted(units)
    return ", ".join([*ordered[:_NAMED], *(["..."] if len(ordered) > _NAMED else [])])


def _span(cells: pd.DataFrame, calendar: Calendar) -> str:
    """From the first to the last of the times, if they are of one kind."""
    own = cells[cells["when"] != NO_WEEK]
    if own["kind"].nunique() != 1:
        return ""
    ends = [
        when_label(str(own["kind"].iloc[0]), int(w), calendar)
        for w in (own["when"].min(), own["when"].max())
    ]
    return "..".join(dict.fromkeys(ends))


def when_label(kind: str, when: int, calendar: Calendar) -> str:
    """A cell's time for people: a week, a month, a year, or "" of what has none."""
    if when == NO_WEEK:
        return ""
    if kind in ("week", "weekly"):
        return calendar.week_label(when)
    if kind in ("temp", "rain", "monthly"):
        return month_label(when)
    return str(when) if kind == "population" else ""


def keep_causes(
    paths: DeploymentPaths,
    run_id: str,
    found: Assessment,
    calendar: Calendar,
    answers: Mapping[str, Answer],
) -> None:
    """Write what a validation found, before it stops or goes on; other machines see it, too.

    Args:
        answers: those that it judged by.
    """
    folder = held_folder(paths)
    doubts = _as_answered(found).astype({"number": float})
    table = pa.Table.from_pandas(doubts, preserve_index=False)
    write_parquet(folder / "doubts.parquet", table)
    records = [asdict(record) for record in causes_of(found, calendar)]
    judged_by = answers_id(answers)
    path = write_json(
        folder / "causes.json", {"run_id": run_id, "judged_by": judged_by, "causes": records}
    )
    open_ones = [r for r in records if r["waiting"]]
    if open_ones:
        named = {
            r["cause_id"]: f"{r['rule']}, {counted(r['units'], 'unit')}, drop {r['drop']}"
            for r in open_ones
        }
        append_event(paths, "held", {"causes": named}, run_id)
    if store := shared(paths):
        store.share(folder / "doubts.parquet")
        store.share(path)


def doubts_of(paths: DeploymentPaths, cause_id: str) -> pd.DataFrame:
    """assess.DOUBT_COLUMNS of one cause."""
    path = fetched(paths, held_folder(paths) / "doubts.parquet")
    found = pd.read_parquet(path) if path.is_file() else pd.DataFrame({"cause_id": []})
    return found[found["cause_id"] == cause_id]


def answer_causes(
    paths: DeploymentPaths,
    cause_ids: Sequence[str],
    verdict: Verdict,
    by: str,
    reason: str,
    units: Sequence[str] = (),
) -> list[Answer]:
    """Record a person's word about causes, in data/answers and in the event file.

    Args:
        units: of one cause, the only ones it is about; () = each cause as a whole.

    Raises:
        ConfigError: no such cause or unit, or no name or reason.
    """
    _check_person(by, reason)
    known = {record.cause_id: record for record in known_causes(paths)}
    for cause_id in cause_ids:
        _check_cause(paths, cause_id, known, units)
    if units and len(cause_ids) != 1:
        raise ConfigError("--unit goes with one cause", fix="answer the causes one by one")
    recorded = []
    for cause_id in cause_ids:
        facts = {"cause_id": cause_id, "by": by, "reason": reason, "units": sorted(units)}
        facts |= {"rule": known[cause_id].rule, "drop": known[cause_id].drop}
        append_event(paths, verdict, facts)  # first: no answer is in force without its event
        answer = write_answer(paths, cause_id, verdict, by, reason, units)
        if store := shared(paths):
            store.share(answers_folder(paths) / f"{cause_id}.json")
        recorded.append(answer)
    return recorded


def fetch_answers(paths: DeploymentPaths) -> None:
    """Have the answers in this home that were given on other machines."""
    if store := shared(paths):
        folder = answers_folder(paths).relative_to(paths.home).as_posix()
        for name in store.names(folder):
            store.bring(f"{folder}/{name}")


def _check_person(by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise ConfigError(
            "an answer needs a name and a reason", fix="give --by NAME and --reason TEXT"
        )


def _check_cause(
    paths: DeploymentPaths, cause_id: str, known: dict[str, CauseRecord], units: Sequence[str]
) -> None:
    if cause_id not in known:
        near = difflib.get_close_matches(cause_id, known, n=3)
        fix = f"did you mean {', '.join(near)}?" if near else "`denguard confirm` lists them"
        raise ConfigError(f"the newest validation found no cause {cause_id!r}", fix=fix)
    have = set(doubts_of(paths, cause_id)["unit_id"]) if units else set()
    absent = sorted(set(units) - have)
    if absent:
        raise ConfigError(
            f"cause {cause_id} is not about {', '.join(absent)}",
            fix=f"`denguard confirm {cause_id} --show` lists its units",
        )
