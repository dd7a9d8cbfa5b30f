"""The `denguard` command: one file for each group of commands.

Each command imports what it calls when it runs, so that `denguard --help` costs nothing.
"""

from __future__ import annotations

import logging
import os

import typer

from pipelines.cli import (
    analysts,
    confirm,
    deploy,
    drops,
    encoders,
    fetch,
    lineage,
    onboard,
    ops,
    plan,
    profiles,
    prune,
    releases,
    reproduce,
    run,
    scenes,
    services,
    taking_back,
    validate,
    vectors,
    weights,
)
from pipelines.cli.app import PlainLog, app, in_lines
from pipelines.config import deployment_paths
from pipelines.errors import DenguardError
from pipelines.storage import in_words

__all__ = [
    "analysts",
    "app",
    "confirm",
    "deploy",
    "drops",
    "encoders",
    "fetch",
    "lineage",
    "main",
    "onboard",
    "ops",
    "plan",
    "profiles",
    "prune",
    "releases",
    "reproduce",
    "run",
    "scenes",
    "services",
    "taking_back",
    "validate",
    "vectors",
    "weights",
]


def main() -> None:
    """Entry point: denguard's own errors end with their message, not with a traceback."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # other thread counts give other bits
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # it sets its logger's level itself
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for handler in logging.getLogger().handlers:
        handler.setFormatter(PlainLog("%(asctime)s %(levelname)s %(message)s"))
    for chatty in ("alembic", "great_expectations", "httpx", "rasterio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("great_expectations.data_context.types.base").addFilter(_at_least_warning)
    try:
        app()
    except DenguardError as err:
        _end_with(err)
    except OSError as err:  # a full disk, a folder without permission: no defect of denguard's
        paths = deployment_paths()
        named = in_words(err, (paths.artifacts, paths.data))
        _end_with(named if isinstance(named, DenguardError) else _refused(err))


def _refused(err: OSError) -> DenguardError:
    return DenguardError(
        f"the operating system refused: {err.strerror or err}",
        where=str(err.filename or ""),
        fix="check that the path exists and may be written; DENGUARD_HOME names the deployment",
    )


def _at_least_warning(record: logging.LogRecord) -> bool:
    """For a logger that sets its own level on import."""
    return record.levelno >= logging.WARNING


def _end_with(err: DenguardError) -> None:
    typer.secho(in_lines(err), fg="red", err=True)
    raise SystemExit(2) from err
