"""What must be the same before and after: who serves, its bytes, the newest forecast, the audit,
the trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.backup.champions import bundle_content, serving
from pipelines.backup.databases import Database
from pipelines.backup.places import lines_of
from pipelines.backup.record import DatabaseCopy, Facts, Record
from pipelines.config import DeploymentPaths
from pipelines.errors import DenguardError
from pipelines.storage import folder_id, manifest_of

_NONE = "none"


@dataclass(frozen=True)
class Compared:
    """One thing, as the backup says and as it is here; only `counts` decides."""

    what: str
    then: str
    now: str
    counts: bool = True

    @property
    def same(self) -> bool:
        """Whether it is as the backup says."""
        return self.then == self.now


def registry_facts(paths: DeploymentPaths, registry: Database | None) -> Facts:
    """Champion and audit of a line; every byte of the champion's bundle is read."""
    from pipelines.registry.audit import read_trail

    trail = read_trail(paths)
    newest = str(trail.entries[-1].get("sha256")) if trail.entries else ""
    facts = Facts(audit_entries=len(trail.entries), audit_sha256=newest, audit_broken=trail.broken)
    if registry is None:
        return facts
    try:
        version, files = serving(registry, paths.model_name)
        bundle = bundle_content(files) if version else ""
    except DenguardError as err:
        return facts.model_copy(update={"problem": str(err)})
    return facts.model_copy(update={"champion": version, "bundle": bundle})


def with_forecast(facts: Facts, paths: DeploymentPaths) -> Facts:
    """Facts and those of the line's newest forecast, traced by content."""
    from pipelines.lineage import trace
    from pipelines.run.success import last_success

    try:
        made = last_success(paths)
        if made is None:
            return facts
        folder = paths.artifacts / "forecasts" / made.forecast_version
        found = trace(made.forecast_version, paths, "up", by_content=True)
    except DenguardError as err:
        return facts.model_copy(update={"problem": str(err)})
    return facts.model_copy(
        update={
            "forecast": made.forecast_version,
            "forecast_bytes": folder_id(manifest_of(folder)) if folder.is_dir() else "",
            "links": len(found.graph.edges(set(found.up))),
            "broken": len(found.broken),
        }
    )


def compare(name: str, then: Facts, now: Facts) -> Iterator[Compared]:
    """Line by line, for people."""
    of = f"{name}: " if name else ""
    yield Compared(f"{of}champion's version", then.champion or _NONE, now.champion or _NONE)
    yield Compared(f"{of}champion's bundle", then.bundle or _NONE, now.bundle or _NONE)
    yield Compared(f"{of}newest forecast", then.forecast or _NONE, now.forecast or _NONE)
    yield Compared(f"{of}its bytes", then.forecast_bytes or _NONE, now.forecast_bytes or _NONE)
    yield Compared(f"{of}audit", _audit(then), _audit(now))
    worse = now.broken > then.broken or now.links < then.links
    yield Compared(f"{of}trace of the forecast", _trace(then), _trace(now), worse)
    if then.problem or now.problem:
        problems = (then.problem or "-", now.problem or "-")
        yield Compared(f"{of}could not be asked", *problems, bool(now.problem))


def compare_database(then: DatabaseCopy, now: Database) -> Iterator[Compared]:
    """Schema and rows; Airflow's grow while it is copied, so those are only shown."""
    rows = {table: rows for table, rows in now.rows().items() if table in then.rows}
    revisions = now.revisions()
    yield Compared(f"{then.name}'s schema", _listed(then.revisions), _listed(revisions))
    yield Compared(f"{then.name}'s rows", _listed(then.rows), _listed(rows), then.name != "airflow")


def prove(paths: DeploymentPaths, record: Record, databases: list[Database]) -> list[Compared]:
    """Everything that is compared, of every line and database."""
    copies = {one.name: one for one in record.databases}
    found = [row for d in databases for row in compare_database(copies[d.name], d)]
    lines, registry = lines_of(paths), next((d for d in databases if d.name == "mlflow"), None)
    for name, then in record.facts.items():
        if name not in lines:
            found.append(Compared(f"line {name}", "there", "absent"))
            continue
        now = with_forecast(registry_facts(lines[name], registry), lines[name])
        found += compare(name, then, now)
    return found


def _audit(facts: Facts) -> str:
    chain = f"broken: {facts.audit_broken}" if facts.audit_broken else "chain holds"
    return f"{facts.audit_entries} entries, {chain}, {facts.audit_sha256[:16]}"


def _trace(facts: Facts) -> str:
    return f"{facts.links} links, {facts.broken} broken"


def _listed(values: dict[str, str] | dict[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or _NONE
