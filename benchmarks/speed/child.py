"""One module of the bench in a process of its own: `python -m benchmarks.speed.child NAME FILE`.

Threads, memory and crashes of one module then reach no other.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.speed.row import Row, missing_row
from benchmarks.speed.side_by_side import BusyMachine
from pipelines.storage import write_json

BUSY = 3  # exit status: others use the machine
MEASURED = "DENGUARD_BENCH_LIMITS"  # names a file of the limits' rows: they are measured once a run
_ROOT = Path(__file__).parents[2]
JsonRow = dict[str, object]


def rows_of(name: str, seconds: float, module: str = "") -> list[JsonRow]:
    """Run a module in a child; what goes wrong there becomes a row.

    Args:
        name: as rows and people name it.
        seconds: it is stopped after that long, with all that it started.
        module: where its rows() is; benchmarks.speed.NAME unless said.

    Raises:
        BusyMachine: it waited in vain for a quiet machine.
    """
    with tempfile.TemporaryDirectory(prefix="denguard-bench-") as folder:
        into, said = Path(folder) / "rows.json", Path(folder) / "stderr"
        asked = [module or f"benchmarks.speed.{name}", str(into)]
        ended = _run([sys.executable, "-m", "benchmarks.speed.child", *asked], said, seconds)
        words = said.read_text(errors="replace").strip() or "it said nothing"
        if ended == BUSY:
            raise BusyMachine(words)
        if ended is None:
            return [missing_row(name, f"was stopped after {seconds:.0f} s").to_json()]
        if ended != 0:
            sys.stderr.write(f"{name}: {words}\n")
            why = f"ended with {ended}: {words.splitlines()[-1]}"
            return [missing_row(name, why).to_json()]
        rows: list[JsonRow] = json.loads(into.read_text())
        return rows


def _run(command: list[str], said: Path, seconds: float) -> int | None:
    """Exit status; None if it was stopped."""
    with said.open("w") as errors:
        child = subprocess.Popen(command, stderr=errors, cwd=_ROOT, start_new_session=True)
        try:
            return child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _stop(child)


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Its whole group: a rival's server may outlive it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(timeout=10)


def main(module: str, into: str) -> int:
    """Exit status of the child."""
    try:
        rows: list[Row] = importlib.import_module(module).rows()
    except BusyMachine as busy:
        sys.stderr.write(f"{busy}\n")
        return BUSY
    write_json(Path(into), [row.to_json() for row in rows])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
