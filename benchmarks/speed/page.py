"""docs/performance.md's table and picture from benchmarks/results/latest.json:
`python -m benchmarks.speed.page`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.speed.table import number
from pipelines.storage import write_atomic

_ROOT = Path(__file__).parents[2]
LATEST = _ROOT / "benchmarks" / "results" / "latest.json"
PAGE, PICTURE = _ROOT / "docs" / "performance.md", _ROOT / "docs" / "images" / "performance.png"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
JsonRow = Mapping[str, object]


def markdown(rows: Sequence[JsonRow]) -> str:
    """The machine in a line, then a row a piece of work."""
    lines = [
        *(_machine(row) for row in rows if "machine" in row),
        "",
        "| work | ours | rival | ratio: min, median, max | goal | CPU s, ours / rival | limit |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *("| " + " | ".join(_cells(row)) + " |" for row in rows if "machine" not in row),
    ]
    return "\n".join(lines)


def reached(row: JsonRow) -> float | None:
    """How many times what was asked is reached; 1 is just met. None without a goal."""
    held = row["ours"] if row["ratio"] is None else row["ratio"]
    goal = row["goal"]
    if not isinstance(held, int | float) or not isinstance(goal, int | float) or held <= 0:
        return None if goal is None else 0.0
    return held / goal if row["goal_is"] == "at least" else goal / held


def draw(rows: Sequence[JsonRow], into: Path) -> None:
    """A bar a row with a goal: how many times what was asked it reaches."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    asked = [(str(row["work"]), share) for row in rows if (share := reached(row)) is not None]
    asked.sort(key=lambda one: one[1])
    figure, axes = pyplot.subplots(figsize=(9, 0.7 + 0.42 * len(asked)), layout="constrained")
    colours = ["#2b7a5b" if share >= 1 else "#b5442e" for _, share in asked]
    bars = axes.barh([_short(work) for work, _ in asked], [s for _, s in asked], color=colours)
    axes.bar_label(bars, [f"{share:.2f}" for _, share in asked], padding=3, fontsize=8)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xlabel("what was reached / what was asked (1 = just met)")
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    into.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(into, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def placed(page: str, table: str) -> str:
    """The page with another table between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main() -> None:
    """Write the picture, then the page."""
    rows: list[JsonRow] = json.loads(LATEST.read_text())
    draw(rows, PICTURE)
    write_atomic(PAGE, placed(PAGE.read_text(encoding="utf-8"), markdown(rows)))


def _machine(row: JsonRow) -> str:
    about = row["machine"]
    if not isinstance(about, dict):
        return ""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"Measured {about['when'][:10]} at {about['code']} on {about['processor']}, "
        f"{about['cores']} cores ({', '.join(about['speeds'])}), {about['memory_gib']:.0f} GiB; "
        f"load before {about['load_before']:.2f}; {about['seconds'] / 60:.0f} minutes; {versions}."
    )


def _cells(row: JsonRow) -> tuple[str, ...]:
    unit, rival = row["unit"], row["rival"]
    spread = ", ".join(number(row[n]) for n in ("ratio_min", "ratio", "ratio_max"))
    goal = f"{row['goal_is']} {number(row['goal'])}: {'met' if row['met'] else '**missed**'}"
    cpu = [row["ours_cpu"], row["rival_cpu"]]
    said = (
        f"{row['work']}{'; ' if row['note'] else ''}{row['note']}",
        f"{number(row['ours'])} {unit}",
        "–" if rival is None else f"{number(rival)} {unit}: {row['rival_is']}",
        "–" if row["ratio"] is None else f"{spread} ({row['ratio_is']})",
        "–" if row["goal"] is None else goal,
        "–" if cpu == [None, None] else " / ".join(map(number, cpu)),
        str(row["limit"]) or "–",
    )
    return tuple(cell.replace("|", "\\|").replace("\n", " ") for cell in said)


def _short(work: str) -> str:
    return work if len(work) <= 70 else f"{work[:68]}…"


if __name__ == "__main__":
    main()
