"""An encoder's program in the test's own process, which has its libraries already.

A process of its own imports them for six seconds. That an encoder runs in one, and what is left
when it is killed or crashes, is for tests/embed; other tests need its vectors or its errors alone.
"""

from __future__ import annotations

import io
import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import DeploymentPaths
from pipelines.embed import child, run
from pipelines.embed.work import ShardWork


def encode_here(patch: pytest.MonkeyPatch) -> None:
    """From now on work is embedded here; its answer is read as that of a process."""
    patch.setattr(run, "_run_child", _answered)


def _answered(
    work: ShardWork, work_file: Path, paths: DeploymentPaths, budget_s: float
) -> dict[str, Any]:
    output = io.StringIO()
    with redirect_stdout(output):
        code = child.main(str(work_file), str(paths.home), str(os.getppid()), str(budget_s))
    return run._result(code, output.getvalue(), work, work_file)
