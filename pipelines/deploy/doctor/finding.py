"""What a check found, and what the checks are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pipelines.config import DeploymentPaths

Level = Literal["ok", "warn", "fail", "skip"]
EXIT_CODES: Mapping[Level, int] = {"skip": 0, "ok": 0, "warn": 1, "fail": 2}
CALL_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Attributes:
        level: `warn` works today, `fail` does not, `skip` does not apply here.
        about: what was looked at, in a word or two.
        said: what is so; no secret is in it.
        fix: what to do; "" if nothing is to be done.
    """

    level: Level
    about: str
    said: str
    fix: str = ""


@dataclass(frozen=True)
class Scene:
    """What checks may look at.

    Attributes:
        deployment: folder with docker-compose.yml and .env, None where it cannot be seen.
        settings: of its `.env`.
        environment: variables of this process, which inside the stack name its services.
        now: with its time zone.
        endpoint_key: a key of the endpoint to try, if a person gave one.
        send: mail and webhook get a test, too.
    """

    deployment: Path | None
    settings: Mapping[str, str]
    environment: Mapping[str, str]
    paths: DeploymentPaths
    now: datetime
    endpoint_key: str | None = None
    send: bool = False

    def variable(self, name: str) -> str:
        """A variable of this process, "" if it is not set."""
        return self.environment.get(name, "")
