"""What a reproduction's page says before its tables: what ran, on which rows, and what did not."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.contracts import PAPER_DATASETS
from pipelines.evaluate.report_views import issues
from pipelines.paper.reported import APPROACH_TITLES, DATASET_TITLES
from pipelines.paper.study import PROTOCOLS, Protocol

Record = Mapping[str, Any]
Rows = list[dict[str, Any]]

_TITLES = {
    **DATASET_TITLES,
    "satellitebench81": "SatelliteBench, 81 municipalities",
    "folder": "A folder of one's own",
}
_FETCHED = {"satellitebench81": "satellitebench"}  # one archive holds both
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Side:
    """One protocol on the page.

    Attributes:
        results: what results.json holds; None if this protocol has not run.
        why: why it is None.
        command: what runs it, or runs it again.
    """

    protocol: Protocol
    results: Record | None
    why: str
    command: str

    @property
    def title(self) -> str:
        return f"{self.protocol} protocol"

    @property
    def scored(self) -> str:
        """The title over scores: what was picked on the rows it reports must say so."""
        return f"{self.title}, test-selected" if self.protocol == "paper" else self.title

    def records(self, name: str) -> Sequence[Record]:
        """A list of the results; empty if the protocol has not run."""
        return self.results[name] if self.results else ()


@dataclass(frozen=True)
class Shown:
    """An approach as a row of the tables.

    Attributes:
        beside: the printed approach whose figures stand beside it.
        missing: why it was not run and the command that would, per protocol; without an entry it
            ran, or its protocol did not.
    """

    id: str
    title: str
    beside: str
    as_printed: bool
    missing: Mapping[str, Record]

    @property
    def tag(self) -> str:
        """What a reader must not overlook."""
        return "" if self.as_printed else "other weights"

    @property
    def beside_title(self) -> str:
        return APPROACH_TITLES[self.beside]


def dataset_title(name: str) -> str:
    """A data set's name for a person."""
    return _TITLES.get(name, name)


def command(request: Record, protocol: str) -> str:
    """What to type for a protocol on the same data."""
    words = [
        "denguard",
        "reproduce",
        "--dataset",
        request["dataset"],
        "--protocol",
        protocol,
        "--data",
        request["data"],
        "--out",
        request["out"],
    ]
    for option in ("study", "general"):
        if request[option]:
            words += [f"--{option}", request[option]]
    return shlex.join(words)


# --- What was run
# ----------------------------------------------------------------------------------
def ran(sides: Sequence[Side]) -> list[tuple[Side, Record]]:
    """The protocols that have results."""
    return [(side, side.results) for side in sides if side.results is not None]


def any_results(sides: Sequence[Side]) -> Record:
    """Results of the safe protocol, or of the other if that alone has run."""
    by_name = {side.protocol: results for side, results in ran(sides)}
    return by_name["safe"] if "safe" in by_name else by_name["paper"]


def approaches(sides: Sequence[Side]) -> list[Shown]:
    """The printed three first, run or not, then those with other weights."""
    known: dict[str, Record] = {}
    missing: dict[str, dict[str, Record]] = {}
    for side in sides:
        for a in side.records("approaches"):
            known.setdefault(a["id"], a)
            found = next((n for n in side.records("not_run") if n["what"] == a["title"]), None)
            if found:
                missing.setdefault(a["id"], {})[side.protocol] = found
    rows = [
        Shown(a["id"], a["title"], a["beside"], a["as_printed"], missing.get(a["id"], {}))
        for a in known.values()
    ]
    named = {row.beside for row in rows if row.as_printed}
    rows += [_unnamed(beside, sides) for beside in APPROACH_TITLES if beside not in named]
    order = list(APPROACH_TITLES)
    return sorted(rows, key=lambda row: (not row.as_printed, order.index(row.beside)))


def _unnamed(beside: str, sides: Sequence[Side]) -> Shown:
    """A printed approach that the study file does not name."""
    missing: dict[str, Record] = {}
    for side, results in ran(sides):
        shipped = command({**results["request"], "study": None}, side.protocol)
        missing[side.protocol] = {
            "what": APPROACH_TITLES[beside],
            "why": "the study file does not name it",
            "command": shipped,
        }
    return Shown(beside, APPROACH_TITLES[beside], beside, True, missing)


def data_rows(sides: Sequence[Side]) -> Rows:
    """Rows by part and class of each protocol that ran."""
    found = []
    for side, results in ran(sides):
        parts = results["rows"]["parts"]
        lines = [
            ("rows in the metadata", [parts[p]["metadata"] for p in PARTS]),
            ("of them usable here", [parts[p]["usable"] for p in PARTS]),
            ("with an image", [parts[p]["with_image"] for p in PARTS]),
            ("with a text", [parts[p]["with_text"] for p in PARTS]),
            ("groups among them", [parts[p]["groups"] for p in PARTS]),
        ]
        classes = [
            (name, [parts[p]["classes"][name] for p in PARTS]) for name in results["classes"]
        ]
        found.append(
            {
                "title": side.title,
                "metadata": f"{results['rows']['metadata']:,}",
                "usable": f"{results['rows']['usable']:,}",
                "lines": [(label, [f"{n:,}" for n in counts]) for label, counts in lines],
                "classes": [(label, [f"{n:,}" for n in counts]) for label, counts in classes],
            }
        )
    return found


def settings(sides: Sequence[Side]) -> list[tuple[str, str]]:
    """Seeds, epochs and versions: one line where both protocols say the same."""
    by_name: dict[str, dict[str, str]] = {}
    for side, found in ran(sides):
        own = {
            f"epochs, {a['title']}": str(a["epochs"])
            for a in found["approaches"]
            if a["epochs"] != found["epochs"]
        }
        facts = {
            "seeds": ", ".join(map(str, found["seeds"])),
            "epochs": str(found["epochs"]),
            **own,
            **found["versions"],
        }
        for name, value in facts.items():
            by_name.setdefault(name, {})[side.protocol] = value
    return [
        (
            name,
            next(iter(by.values()))
            if len(set(by.values())) == 1
            else "; ".join(f"{p}: {v}" for p, v in by.items()),
        )
        for name, by in by_name.items()
    ]


def notes(sides: Sequence[Side]) -> Rows:
    """Notes and data issues of each protocol."""
    return [
        {
            "title": side.title,
            "notes": side.records("notes"),
            "issues": issues(side.records("issues")),
        }
        for side, _ in ran(sides)
    ]


# --- What was not run
# -------------------------------------------------------------------------------
def not_run(sides: Sequence[Side], measured: Sequence[str]) -> Rows:
    """Everything of the paper that has no number on this page: why, and what to type.

    Args:
        measured: data sets whose results lie beside this one's.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}  # what, why -> protocol -> command
    for side in sides:
        if side.results is None:
            found[f"the {side.title}", side.why] = {"": side.command}
        for item in side.records("not_run"):
            found.setdefault((item["what"], item["why"]), {})[side.protocol] = item["command"]
    for shown in approaches(sides):
        for protocol, item in shown.missing.items():
            found.setdefault((item["what"], item["why"]), {})[protocol] = item["command"]
    rows: Rows = [
        {
            "what": what,
            "why": why,
            "commands": list(dict.fromkeys(by.values())),
            "protocols": " and ".join(filter(None, by)),
        }
        for (what, why), by in found.items()
    ]
    return [*rows, *_other_datasets(any_results(sides)["request"], measured)]


def _other_datasets(request: Record, measured: Sequence[str]) -> Iterator[dict[str, Any]]:
    own = {*measured, request["dataset"]}
    for name in (n for n in PAPER_DATASETS if n not in own and n != "folder"):
        get = f"denguard fetch {_FETCHED.get(name, name)} --to DIR"
        yield _other(
            name, "it has no results beside this page's", [get, *_both(name, request["out"])]
        )
    for name in ("coco_qa", "fakeddit", "recipes5k"):
        why = (
            "denguard does not fetch it: put its images and a rows.csv (columns image, text, "
            "label) into a folder DIR"
        )
        yield _other(name, why, _both("folder", str(Path(request["out"]) / name)))


def _other(name: str, why: str, typed: list[str]) -> dict[str, Any]:
    return {
        "what": f"data set {dataset_title(name)}",
        "why": why,
        "commands": typed,
        "protocols": "",
    }


def _both(dataset: str, out: str) -> list[str]:
    return [
        shlex.join(
            [
                "denguard",
                "reproduce",
                "--dataset",
                dataset,
                "--protocol",
                p,
                "--data",
                "DIR",
                "--out",
                out,
            ]
        )
        for p in PROTOCOLS
    ]
