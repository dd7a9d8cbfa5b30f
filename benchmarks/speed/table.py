"""Rows of the bench as a table that a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

JsonRow = Mapping[str, object]


def table(rows: Sequence[JsonRow]) -> Table:
    """Work, both figures, the ratio with its spread, the goal, CPU seconds and the limit."""
    made = Table(show_lines=True)
    for name in ("work", "ours", "rival", "ratio (min, median, max)", "goal", "CPU s", "limit"):
        made.add_column(name)
    for row in rows:
        made.add_row(*cells(row))
    return made


def cells(row: JsonRow) -> tuple[str, ...]:
    """What the table says of a row, column by column."""
    said = (text for text in (row["work"], row["note"]) if text)
    return (
        "\n".join(map(str, said)),
        f"{number(row['ours'])} {row['unit']}",
        _rival(row),
        _ratio(row),
        _goal(row),
        _cpu(row),
        _limit(row),
    )


def number(value: object) -> str:
    """Three significant digits; a dash for none."""
    if not isinstance(value, int | float):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _rival(row: JsonRow) -> str:
    if row["rival"] is None:
        return str(row["rival_is"]) or "–"
    return f"{number(row['rival'])} {row['unit']}\n{row['rival_is']}"


def _ratio(row: JsonRow) -> str:
    if row["ratio"] is None:
        return "–"
    spread = (number(row[name]) for name in ("ratio_min", "ratio", "ratio_max"))
    return f"{', '.join(spread)}\n{row['ratio_is']}"


def _goal(row: JsonRow) -> str:
    if row["met"] is None:
        return "–"
    said = "met" if row["met"] else "[bold]missed[/bold]"
    return f"{row['goal_is']} {number(row['goal'])}\n{said}"


def _cpu(row: JsonRow) -> str:
    both = (row["ours_cpu"], row["rival_cpu"])
    return " / ".join(map(number, both)) if any(one is not None for one in both) else "–"


def _limit(row: JsonRow) -> str:
    share = row["share"]
    of = f" ({share:.0%} reached)" if isinstance(share, float) else ""
    return f"{row['limit']}{of}" or "–"
