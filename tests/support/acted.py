"""Steps of a run as the pipeline surrounds them, whose work is to leave a stored output or to
fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines import steps
from pipelines.config import deployment_paths
from pipelines.run import open_run
from pipelines.run import outputs as out
from pipelines.run.progress import Progress
from pipelines.steps.decorator import step
from pipelines.steps.summary import KINDS
from pipelines.storage import write_atomic
from support.outputs import stored

_STORED = {"embed_shard": "embed_000", "backtest": "backtest_2018"}


def begin(run_id: str) -> None:
    """The step `start`, which does all its work."""
    steps.start(run_id, {"profile": "ci"})


def act(
    run_id: str,
    name: str,
    *part: int,
    error: BaseException | None = None,
    counted: tuple[int, int] | None = None,
    meanwhile: Callable[[], object] = lambda: None,
    **facts: Any,
) -> None:
    """One step, or a part of it: it counts some items, then fails or leaves its output."""

    def function(run_id: str, *part: int) -> out.StepOutput:
        """As it is surrounded."""
        if counted is not None:
            progress = Progress("items", counted[1])
            progress.advance(counted[0])
        meanwhile()
        if error is not None:
            raise error
        output = KINDS[name].model_validate({**stored(_STORED.get(name, name)), **facts})
        return open_run(run_id).finish(output, *part)

    function.__name__ = name
    step(function)(run_id, *part)


def act_all(run_id: str, *names: str) -> None:
    """Steps in order, with the output that is stored; the parts of one that is cut each."""
    for name in names:
        if name == "embed":
            for shard in open_run(run_id).output(out.PlanOutput).shards:
                act(run_id, "embed_shard", shard)
        elif name == "backtest":
            for year in steps.backtest_years(run_id):
                act(run_id, "backtest", year, year=year)
        elif name == "report":
            page = f"artifacts/reports/{run_id}/report.html"
            write_atomic(deployment_paths().home / page, "<p>the report</p>")
            act(run_id, name, report=page, first_line="The champion stays.")
        else:
            act(run_id, name)
