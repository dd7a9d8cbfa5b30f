"""A command that dies by kill -9 at its n-th write, once for each n, each time in a home of its
own.

Run as a program, FOLDER WHAT: FOLDER/1, FOLDER/2, ... are equal deployments. It forks, so that what
is imported is imported once, and writes one line a home: how it ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.ops.withdrawing import withdraw_drop, withdraw_forecast
from support.killed import die_at


def killed_at_each_write(folder: Path, what: str) -> list[int]:
    """Exit codes of a withdrawal that dies at its first, second, ... write, in folder/1, folder/2,
    ...
    """
    command = [sys.executable, "-W", "ignore", "-m", "support.killed_withdrawal", str(folder), what]
    tests = Path(__file__).parents[1]
    path = {"PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests)])}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=True, env={**os.environ, **path}
    )
    return [int(line.split()[1]) for line in done.stdout.splitlines()]


def work(home: Path, what: str) -> None:
    paths = DeploymentPaths(home=home)
    os.environ["DENGUARD_HOME"], os.environ["DENGUARD_DVC_REMOTE"] = str(home), str(home / "remote")
    if what == "drop":
        withdraw_drop(paths, "2018-12-11", "Ana", "the neighbour's figures", "ci")
    else:
        withdraw_forecast(paths, "third", "Ana", "made from wrong counts")


def main(folder: Path, what: str) -> None:
    homes = sorted(folder.iterdir(), key=lambda path: int(path.name))
    for home in homes:
        child = os.fork()
        if child == 0:
            die_at(int(home.name))
            work(home, what)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{home.name} {os.waitstatus_to_exitcode(status)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
