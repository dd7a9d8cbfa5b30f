"""docs/reliability.md's table of faults from what `make stack-test` wrote:
`python -m support.stack.page [TABLE.json]`, with `tests` and the root on PYTHONPATH.

The file is kept beside the benches' results, so that the page can be held against it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from support.stack.table import Row, Table

from pipelines.storage import write_atomic, write_json

_ROOT = Path(__file__).parents[3]
KEPT, PAGE = _ROOT / "benchmarks" / "results" / "stack.json", _ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- stack-test: begin -->", "<!-- stack-test: end -->"


def read(file: Path) -> Table:
    """A table that was written.

    Raises:
        ValueError: a test of it failed; such a run is not what the page shows.
    """
    found = json.loads(file.read_text(encoding="utf-8"))
    table = Table(file, found["figures"], [Row(**row) for row in found["rows"]])
    failed = [row.fault for row in table.rows if row.happened.startswith("FAILED")]
    if failed:
        raise ValueError(f"{file}: failed: {', '.join(failed)}")
    return table


def placed(page: str, table: Table) -> str:
    """The page with this table between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table.text()}\n{END}{after}"


def main() -> None:
    """Keep a run's table, and write the page anew."""
    write_json(KEPT, read(Path(sys.argv[1]) if len(sys.argv) > 1 else KEPT).to_json())
    write_atomic(PAGE, placed(PAGE.read_text(encoding="utf-8"), read(KEPT)))


if __name__ == "__main__":
    main()
