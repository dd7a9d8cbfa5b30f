"""A scene for the doctor's checks: an installation, and an environment that a test fills."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.installation import installed, new_folder

from pipelines.config import DeploymentPaths
from pipelines.deploy.doctor.finding import Scene
from pipelines.deploy.env_file import read_env

MakeScene = Callable[..., Scene]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An installation that nobody has started."""
    made = new_folder(tmp_path / "here")
    installed(made)
    return made


@pytest.fixture
def scene(folder: Path) -> MakeScene:
    """scene(send=True, VARIABLE="value") of that installation."""

    def make(
        deployment: Path | None = folder, send: bool = False, key: str | None = None, **more: str
    ) -> Scene:
        settings = read_env((folder / ".env").read_text()) if deployment else {}
        paths = DeploymentPaths(home=folder)
        return Scene(deployment, settings, more, paths, datetime.now(UTC), key, send)

    return make
