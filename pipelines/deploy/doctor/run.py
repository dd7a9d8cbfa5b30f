"""All checks at once, each within its time, in the order in which a person reads them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from pipelines.config import deployment_paths
from pipelines.deploy.doctor import database, files, host, people, services, stores
from pipelines.deploy.doctor.finding import EXIT_CODES, Finding, Scene
from pipelines.deploy.env_file import read_env
from pipelines.errors import DenguardError

Check = Callable[[Scene], list[Finding]]
LIMIT_S = 20.0  # of all checks together, since they run side by side
_LOOKS_AT_MUCH = {"growth"}  # being slow is no sign that it fails
CHECKS: Mapping[str, Check] = {
    "disk": host.disk,
    "growth": host.growing,
    "memory": host.memory,
    "cores": host.cores,
    "ports": host.ports,
    "settings": files.secrets_and_settings,
    "folders": files.host_folders,
    "home": files.home_folders,
    "version": files.versions,
    "certificate": files.certificate,
    "clock": services.clock,
    "database": database.database,
    "MLflow": services.mlflow,
    "Airflow": services.airflow,
    "endpoint": services.endpoint,
    "S3": stores.s3,
    "alerts": people.alerts,
    "forecast": people.forecast,
}


def scene_of(
    folder: Path, now: datetime, endpoint_key: str | None = None, send: bool = False
) -> Scene:
    """What can be seen from here: the deployment of a folder if there is one, and the environment.

    Raises:
        ConfigError: the line that DENGUARD_LINE names cannot be used.
    """
    here = folder if (folder / "docker-compose.yml").is_file() else None
    env = folder / ".env"
    settings = read_env(env.read_text(encoding="utf-8")) if here and env.is_file() else {}
    return Scene(here, settings, dict(os.environ), deployment_paths(), now, endpoint_key, send)


def examine(
    scene: Scene, checks: Mapping[str, Check] = CHECKS, limit_s: float = LIMIT_S
) -> list[Finding]:
    """What every check found; one that fails by itself or takes too long is a finding, too."""
    found: dict[str, list[Finding]] = {}
    threads = [
        threading.Thread(target=_asked, args=(about, check, scene, found), daemon=True)
        for about, check in checks.items()
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"no answer within {limit_s:g} s"
    fix = "see whether what it asks hangs, or this machine is very busy"
    return [
        finding
        for about in checks
        for finding in found.get(
            about, [Finding("skip" if about in _LOOKS_AT_MUCH else "fail", about, late, fix)]
        )
    ]


def exit_code(findings: Iterable[Finding]) -> int:
    """0 if all is well, 1 with warnings, 2 if something fails."""
    return max((EXIT_CODES[finding.level] for finding in findings), default=0)


def _asked(about: str, check: Check, scene: Scene, found: dict[str, list[Finding]]) -> None:
    try:
        found[about] = check(scene)
    except DenguardError as err:
        found[about] = [Finding("fail", about, f"{err.what} ({err.where})", err.fix)]
    except OSError as err:
        said = f"the operating system refused: {err.strerror or err} {err.filename or ''}"
        found[about] = [Finding("fail", about, said.strip(), "look at that path's rights and room")]
    except Exception as err:  # noqa: BLE001 one check that breaks must not hide the others
        said = f"the check itself failed ({type(err).__name__})"  # its words may hold an address
        found[about] = [Finding("fail", about, said, "tell whoever maintains denguard")]
