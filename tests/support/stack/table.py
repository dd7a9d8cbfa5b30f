"""The table that the stack's test ends with: each fault, what happened, how long, what was lost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

HEAD = ("fault", "what happened", "seconds to recovery", "lost")


@dataclass(frozen=True)
class Row:
    """One fault, or one figure of the way.

    Attributes:
        recovery_s: from the fault until what it hit works again; None where nothing had to.
    """

    fault: str
    happened: str
    recovery_s: float | None
    lost: str


@dataclass
class Table:
    """Rows in the order in which they were seen; each is written down at once."""

    file: Path
    figures: dict[str, object] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.write()

    def figure(self, name: str, value: object) -> None:
        self.figures[name] = value
        self.write()

    def write(self) -> None:
        """As JSON."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")

    def to_json(self) -> dict[str, object]:
        """Figures and rows."""
        return {"figures": self.figures, "rows": [asdict(row) for row in self.rows]}

    def text(self) -> str:
        """Faults, then figures, as tables of Markdown."""
        shown = ["| figure | |", "| --- | --- |"]
        shown += [f"| {name} | {value} |" for name, value in self.figures.items()]
        lines = ["| " + " | ".join(HEAD) + " |", "| --- " * len(HEAD) + "|"]
        for row in self.rows:
            took = "" if row.recovery_s is None else f"{row.recovery_s:.0f}"
            lines.append(f"| {row.fault} | {row.happened} | {took} | {row.lost} |")
        return "\n".join([*lines, "", *shown])
