"""Where a deployment keeps things: its folders, and those of its further lines."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from pipelines.encoder_config import Frozen
from pipelines.errors import ConfigError

# Addresses of databases that the services of one machine use in place of SQLite files of their own.
AIRFLOW_DATABASE, MLFLOW_DATABASE = "DENGUARD_AIRFLOW_DATABASE", "DENGUARD_MLFLOW_DATABASE"
LINES = "lines"  # folder of a deployment's further lines
_LINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class DeploymentPaths(Frozen):
    """Where a deployment keeps things; from DENGUARD_HOME, else the current folder.

    Attributes:
        home: of the line that is at work: data/ and artifacts/ lie there.
        root: of the deployment, if the line has a home of its own below it (lines/<name>).
    """

    home: Path
    root: Path | None = None

    @property
    def data(self) -> Path:
        """Everything a run is given."""
        return self.home / "data"

    @property
    def drops(self) -> Path:
        return self.data / "drops"

    @property
    def profiles(self) -> Path:
        """Profiles of this deployment, one YAML file each; its lines share them."""
        return (self.root or self.home) / "profiles"

    @property
    def line_names(self) -> list[str]:
        """Further lines of the deployment that have left anything here."""
        below = ((self.root or self.home) / LINES).glob("*")
        return sorted(path.name for path in below if path.is_dir() and _LINE.fullmatch(path.name))

    @property
    def model_name(self) -> str:
        """Registered name of the line's model."""
        return f"denguard-{self.home.name}" if self.root else "denguard"

    @property
    def artifacts(self) -> Path:
        """Everything a run makes."""
        return self.home / "artifacts"

    @property
    def artifacts_uri(self) -> str | None:
        """Store that several machines share, DENGUARD_ARTIFACTS_URI; None = artifacts/ alone."""
        uri = os.environ.get("DENGUARD_ARTIFACTS_URI") or None
        below = self.home.relative_to(self.root).as_posix() if self.root else ""
        return f"{uri.rstrip('/')}/{below}" if uri and below else uri

    @property
    def tracking_uri(self) -> str:
        """MLflow's address: MLFLOW_TRACKING_URI, else the database of this machine's MLflow."""
        return os.environ.get("MLFLOW_TRACKING_URI", self.own_mlflow)

    @property
    def own_mlflow(self) -> str:
        """Database of the MLflow that `up` starts: DENGUARD_MLFLOW_DATABASE, else one SQLite file
        under artifacts/."""
        default = f"sqlite:///{self.artifacts / 'mlflow' / 'mlflow.db'}"
        return os.environ.get(MLFLOW_DATABASE) or default


_line: ContextVar[str | None] = ContextVar("line", default=None)


@contextmanager
def at_line(name: str) -> Iterator[None]:
    """While this holds, deployment_paths() is of that line ("" = the main one), whatever the
    environment says.
    """
    token = _line.set(name)
    try:
        yield
    finally:
        _line.reset(token)


def deployment_paths() -> DeploymentPaths:
    """Folders of this deployment, or of the line that DENGUARD_LINE names.

    Raises:
        ConfigError: DENGUARD_LINE is no name of a folder.
    """
    root = Path(os.environ.get("DENGUARD_HOME", ".")).resolve()
    line = os.environ.get("DENGUARD_LINE", "") if (named := _line.get()) is None else named
    if not line:
        return DeploymentPaths(home=root)
    if not _LINE.fullmatch(line):
        raise ConfigError(
            f"{line!r} is not a usable name of a line",
            where="DENGUARD_LINE",
            fix="use letters, digits, - and _",
        )
    return DeploymentPaths(home=root / LINES / line, root=root)
