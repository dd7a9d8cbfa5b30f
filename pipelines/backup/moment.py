"""Copies what has to agree: databases and audit, while nobody can move a champion."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.backup.databases import Database
from pipelines.backup.proof import registry_facts
from pipelines.backup.record import DATABASES, HOME, DatabaseCopy, Facts
from pipelines.config import DeploymentPaths
from pipelines.registry.audit import audit_file

log = logging.getLogger(__name__)


@dataclass
class Moment:
    """Name in the record -> copy here; what the databases are; what champion and audit of each line
    say."""

    files: dict[str, Path] = field(default_factory=dict)
    databases: list[DatabaseCopy] = field(default_factory=list)
    facts: dict[str, Facts] = field(default_factory=dict)


def at_one_moment(
    lines: Mapping[str, DeploymentPaths], databases: list[Database], staging: Path
) -> Moment:
    """Copy them into a folder. Airflow's goes first: it may be large, and no champion is in it."""
    from pipelines.registry.tracking import registry_lock

    moment = Moment()
    for database in (d for d in databases if d.name != "mlflow"):
        _copy(database, staging, moment)
    registry = next((d for d in databases if d.name == "mlflow"), None)
    with ExitStack() as held:
        for line in lines.values():
            held.enter_context(registry_lock(line))
        if registry is not None:
            _copy(registry, staging, moment)
        for name, line in lines.items():
            moment.facts[name] = registry_facts(line, registry)
            if (trail := audit_file(line)).is_file():
                copy = Path(shutil.copy2(trail, staging / f"audit-{name}"))
                moment.files[f"{HOME}{trail.relative_to(lines[''].home).as_posix()}"] = copy
    return moment


def _copy(database: Database, staging: Path, moment: Moment) -> None:
    file = f"{DATABASES}{database.name}.{database.kind}"
    moment.files[file] = staging / f"{database.name}.dump"
    log.info("copying the database of %s", database.name)
    database.dump(moment.files[file])
    moment.databases.append(
        DatabaseCopy(
            name=database.name,
            kind=database.kind,
            file=file,
            revisions=database.revisions(),
            rows=database.rows(),
        )
    )
