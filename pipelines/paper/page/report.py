"""The page of a reproduction: every number beside the printed one and beside the other protocol's.

The page is self-contained and every text in it is escaped: names come from data.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines.errors import StoreError
from pipelines.evaluate.pages import templates
from pipelines.paper.page import views, views_lambda, views_space, views_tables, views_tuned
from pipelines.paper.page.views import Record, Side, ran
from pipelines.paper.reported import known_slips, reported_table
from pipelines.paper.results import RESULTS
from pipelines.paper.study import PROTOCOLS, Protocol
from pipelines.storage import read_json, write_atomic

PAGE = "report.html"
# Records that an older denguard left may lack these; the same command writes them anew in seconds.
_NEEDED = {"request", "approaches", "test_groups", "alone"}


def write_report(folder: Path) -> Path:
    """Write report.html from the protocols' results below a data set's folder; return its path.

    A protocol that has not run is said to be so, with what to type.

    Raises:
        StoreError: neither protocol has results.
    """
    sides = read_sides(folder)
    beside = {
        other.name: read_sides(other)
        for other in sorted(folder.parent.iterdir())
        if other != folder and any((other / p / RESULTS).is_file() for p in PROTOCOLS)
    }
    if not ran(sides):
        raise StoreError(
            "neither protocol has results that can be read",
            where=str(folder),
            fix="run `denguard reproduce` on this data set",
        )
    return write_atomic(folder / PAGE, _page(sides, beside))


def read_sides(folder: Path) -> list[Side]:
    """Both protocols of a data set's folder, run or not."""
    found: dict[Protocol, Record | StoreError] = {p: _read(folder / p / RESULTS) for p in PROTOCOLS}
    request = next((r["request"] for r in found.values() if not isinstance(r, StoreError)), None)
    return [_side(protocol, result, request) for protocol, result in found.items()]


def _read(path: Path) -> Record | StoreError:
    try:
        found = read_json(path)
    except StoreError as err:
        return err
    if lacks := sorted(_NEEDED - found.keys()):
        return StoreError(
            f"results without {', '.join(lacks)}",
            where=str(path),
            fix="run the same reproduce command again",
        )
    return found


def _side(protocol: Protocol, result: Record | StoreError, request: Record | None) -> Side:
    if not isinstance(result, StoreError):
        return Side(protocol, result, "", views.command(result["request"], protocol))
    typed = (
        views.command(request, protocol) if request else f"denguard reproduce --protocol {protocol}"
    )
    return Side(protocol, None, _why(result), typed)


def _why(error: StoreError) -> str:
    return (
        f"its results cannot be used: {error.what}"
        if Path(error.where).is_file()
        else "it has not been run into this folder"
    )


def _page(sides: Sequence[Side], beside: dict[str, list[Side]]) -> str:
    some = views.any_results(sides)
    shown = views.approaches(sides)
    colour = views_lambda.colours(shown)
    measured = [name for name, theirs in beside.items() if ran(theirs)]
    page = templates("pipelines.paper.page").get_template("reproduction.html.j2")
    return page.render(
        dataset=views.dataset_title(some["dataset"]),
        is_printed=any(cell.dataset == some["dataset"] for cell in reported_table(1)),
        sides=sides,
        first_lines=[
            (side.title, side.results["first_line"] if side.results else "not run here.")
            for side in reversed(sides)
        ],
        data=views.data_rows(sides),
        table1=views_tables.table1(sides, shown),
        per_class=views_tables.per_class(sides),
        gains=views_tables.gains(sides, shown),
        table2=views_tables.table2(sides, shown),
        left_out=views_tables.left_out(sides, shown),
        measured_how=views_tables.measured_how(sides),
        table3=views_tables.table3(sides, shown),
        embedding=views_tables.embedding(sides),
        ablation=views_lambda.ablation(sides, shown, colour),
        lambdas=views_lambda.lambdas(sides, shown, colour),
        tuned=views_tuned.tuned(sides, shown),
        printed_lambdas=views_lambda.printed_lambdas(some["dataset"]),
        gap=views_space.gap(sides, shown, colour),
        variance=views_space.variance(sides, shown, beside),
        cone=views_space.cone(sides),
        not_run=views.not_run(sides, measured),
        notes=views.notes(sides),
        settings=views.settings(sides),
        groups=[(side.title, results["test_groups"]) for side, results in ran(sides)],
        slips={name: known_slips(name) for name in (1, 2, 3, "lambda", "variance")},
    )
