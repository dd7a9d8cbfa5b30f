"""The services of one machine."""

from __future__ import annotations

from pipelines.cli.app import MACHINE, app
from pipelines.config import deployment_paths


@app.command(rich_help_panel=MACHINE)
def up() -> None:
    """Start Airflow, MLflow and the endpoint on this machine; idempotent."""
    from pipelines.local import supervisor

    supervisor.up(deployment_paths())


@app.command(rich_help_panel=MACHINE)
def down() -> None:
    """Stop everything that `up` started."""
    from pipelines.local import supervisor

    supervisor.down(deployment_paths())


@app.command(rich_help_panel=MACHINE)
def demo() -> None:
    """Sample drop, services, one scheduled run, one triggered run, and its result."""
    from pipelines.local import demo as local_demo

    local_demo.demo(deployment_paths())
