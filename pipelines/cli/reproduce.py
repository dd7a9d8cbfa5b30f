"""The paper's tables by one command; see pipelines/paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pipelines.cli.app import LOOK_UP, app, needs, say, table
from pipelines.contracts import PAPER_DATASETS
from pipelines.paper.reported import APPROACH_TITLES


@app.command(rich_help_panel=LOOK_UP)
def reproduce(
    dataset: Annotated[str, typer.Option(metavar="NAME", help=", ".join(PAPER_DATASETS))],
    protocol: Annotated[
        Literal["paper", "safe"],
        typer.Option(
            help=(
                "paper: as printed, picked on test rows; safe: forward in time or by group, "
                "picked on validation"
            )
        ),
    ],
    data: Annotated[Path, typer.Option(metavar="DIR", help="the data set's folder")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="where everything is written; run again to go on")
    ],
    study: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="approaches and their weights, if not the shipped ones"),
    ] = None,
    general: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="everyday images and texts (rows.csv) for the cone-effect experiment",
        ),
    ] = None,
) -> None:
    """Run every approach and fusion of the paper on a data set; write its tables and a report.

    Killed or stopped, the same command goes on: what is embedded and trained is found again. What
    cannot run here is listed with the command that would run it.
    """
    with needs("study"):
        from pipelines.config import deployment_paths
        from pipelines.paper.reproduce import ask, run_all
        from pipelines.paper.results import RESULTS
        from pipelines.paper.tables import numbered
        from pipelines.storage import read_json

    asked = {
        "dataset": dataset,
        "protocol": protocol,
        "data": data,
        "out": out,
        "study": study,
        "general": general,
    }
    request = ask(asked, Path.cwd())
    plan, done = run_all(request, deployment_paths())
    _, rows = numbered(read_json(request.folder / RESULTS), 1)
    say(done["first_line"])
    if rows:
        table(
            (
                "approach",
                "fusion",
                "accuracy",
                "F1",
                "95 %",
                "epoch",
                "printed accuracy",
                "printed F1",
                "printed epoch",
                "printed is of",
            ),
            _shown(rows),
        )
    for item in plan["not_run"]:
        say(f"not run: {item['what']}: {item['why']}\n  to run it: {item['command']}")
    say("\n".join([*done["tables"], done["report"]]))


def _shown(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Table 1 in a few columns. Printed figures are of the approach that a row is set beside, and
    the last column says when that is another model."""
    for row in rows:
        span = "" if row["f1_lower"] is None else f"{row['f1_lower']:.3f} to {row['f1_upper']:.3f}"
        measured = (f"{row['accuracy']:.3f}", f"{row['f1']:.3f}", span, str(row["epoch"]))
        printed = (row["accuracy_printed"], row["f1_printed"], row["epoch_printed"])
        whose = (
            ""
            if row["f1_printed"] is None
            else "this model"
            if row["as_printed"]
            else f"another model: {APPROACH_TITLES[row['beside']]}"
        )
        yield (
            row["title"],
            row["fusion"],
            *measured,
            *("" if p is None else f"{p:g}" for p in printed),
            whose,
        )
