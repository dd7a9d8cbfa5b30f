"""Taking back: a drop that must not count, or a forecast that nobody should use.

The record comes first and withdraws; everything after it can be made good by the same command
again.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from pipelines.config import DeploymentPaths
from pipelines.data.drop_info import SCENES, is_of_scenes_alone
from pipelines.data.intake import accepted_drops
from pipelines.errors import ConfigError, DenguardError, DropError
from pipelines.lineage import trace
from pipelines.lineage.graph import FLOW, LABELS, Kind, Node
from pipelines.lineage.trace import Trace
from pipelines.run.lock import holder
from pipelines.run.success import last_success
from pipelines.run.withdrawn import Withdrawn, withdraw, withdrawal
from pipelines.storage import folder_id, manifest_of, shared
from pipelines.versioning import read_index
from pipelines.versioning.catalogue import read_catalogue
from pipelines.versioning.find import find_version, newest_first
from pipelines.versioning.publish import remote_uri
from pipelines.versioning.source import Source, address
from pipelines.versioning.withdrawals import passed_over, read_marks, write_mark

_DROP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[0-9]{1,2})?")
_LISTED: tuple[Kind, ...] = (
    "dataset",
    "features",
    "bundle",
    "model_version",
    "forecast",
    "predictions",
    "report",
)


@dataclass(frozen=True)
class TakenBack:
    """What a withdrawal means, for a person.

    Attributes:
        record: of the withdrawal, which may be an earlier one.
        earlier: it was withdrawn before this call.
        downstream: label of a kind -> names of what was made from it.
        to_do: what a person should do now, the most urgent first.
    """

    record: Withdrawn
    earlier: bool
    downstream: dict[str, tuple[str, ...]]
    to_do: tuple[str, ...]


def withdraw_drop(
    paths: DeploymentPaths, name: str, by: str, reason: str, profile: str
) -> TakenBack:
    """Withdraw a drop, accepted or not: no run reads it from now on; its folder stays as it is.

    Raises:
        DropError: there is no such drop.
        ConfigError: nobody's name, or no reason.
        StoreError, VersioningError: it is withdrawn here, but a store or remote could not be
            written.
    """
    earlier = withdrawal(paths, "drop", name) is not None
    record = withdraw(paths, "drop", name, by, reason, "" if earlier else _content(paths, name))
    found = trace(f"drop:{name}", paths, "down")
    nodes = [node for node in found.nodes() if node.kind != "drop"]
    if held := _versions_with(paths, nodes):
        write_mark(paths, record, held)
    listed = {LABELS[kind]: tuple(n.id for n in nodes if n.kind == kind) for kind in _LISTED}
    return TakenBack(
        record,
        earlier,
        {k: v for k, v in listed.items() if v},
        tuple(_to_do(paths, found, profile)),
    )


def withdraw_forecast(paths: DeploymentPaths, wanted: str, by: str, reason: str) -> TakenBack:
    """Withdraw a published forecast: `latest` and the endpoint pass over it; its files stay as they
    are.

    Args:
        wanted: a version, the unique start of one, an origin week with one forecast, or a run id.

    Raises:
        ConfigError: nobody's name, no reason, or `latest`, which means another one afterwards.
        VersioningError: no or several forecasts fit; or it is withdrawn here, but the remote
            could not be written.
    """
    if wanted == "latest":
        raise ConfigError(
            "`latest` means another forecast once this one is withdrawn",
            fix="name the version; `denguard list forecasts` shows them",
        )
    _require_any(paths)
    catalogue = read_catalogue(source := Source(remote_uri(paths)))
    meant = find_version(catalogue, "forecasts", wanted)
    earlier = withdrawal(paths, "forecast", meant.version) is not None
    record = withdraw(paths, "forecast", meant.version, by, reason, meant.content_id or "")
    write_mark(paths, record, [meant.id])
    over = passed_over(catalogue, read_marks(source))
    reports = tuple(
        v.run_id or v.id
        for v in catalogue.values()
        if v.kind == "report" and v.id in over and meant.id in v.parents
    )
    left = newest_first(v for v in catalogue.values() if v.kind == "forecasts" and v.id not in over)
    stands = (
        f"the newest forecast that stands is {left[0].version}"
        if left
        else "no forecast stands any more"
    )
    to_do = [
        f"{stands}; the weekly cycle makes a new one, and equal data and model make this one "
        "again, withdrawn as it is"
    ]
    return TakenBack(record, earlier, {"report": reports} if reports else {}, tuple(to_do))


def _require_any(paths: DeploymentPaths) -> None:
    """Raise ConfigError in a home that published nothing; a remote that others share is asked
    itself.
    """
    own = paths.artifacts / "remote"
    if remote_uri(paths) == address(str(own)) and not own.is_dir():
        raise ConfigError(
            "there is no forecast here: no run of this home has published one",
            where=str(paths.home),
            fix="DENGUARD_HOME names the deployment; `denguard list forecasts` shows what there is",
        )


def _content(paths: DeploymentPaths, name: str) -> str:
    """Content id of a drop, "" if it cannot be had. Raises DropError if there is no such drop."""
    accepted, folder, store = accepted_drops(paths), paths.drops / name, shared(paths)
    there = {p.name for p in paths.drops.glob("[!.]*/")} | set(accepted)
    there |= set(store.names(folder.parent.relative_to(paths.home).as_posix())) if store else set()
    if name not in there or not _DROP.fullmatch(name):
        near = ", ".join(difflib.get_close_matches(name, there, 3, 0.4) or sorted(there)[-3:])
        raise DropError(
            f"there is no drop {name!r}",
            where=str(paths.drops),
            fix=f"name its folder; there are {near or 'none'}",
        )
    if name in accepted or not folder.is_dir() or folder.is_symlink():
        return accepted.get(name, "")
    return folder_id(manifest_of(folder))


def _versions_with(paths: DeploymentPaths, nodes: list[Node]) -> list[str]:
    """Published versions that hold the drop itself: the parents of the samples made from it."""
    made = {n.facts.get("dvc_md5") for n in nodes if n.kind == "dataset"}
    samples = [
        e for e in read_index(paths).values() if e.get("kind") == "samples" and e.get("md5") in made
    ]
    return sorted({parent for entry in samples for parent in entry.get("parents", ())})


def _to_do(paths: DeploymentPaths, found: Trace, profile: str) -> list[str]:
    nodes = found.nodes()
    cycle = f"run the weekly cycle without it: denguard run --profile {profile} --run-id NAME"
    actions = []
    if (owner := holder(paths)) and any(n.kind == "run" and n.id == owner.run_id for n in nodes):
        actions.append(
            f"{owner.words()} is at work and has read it: stop it, or withdraw its forecast "
            "afterwards"
        )
    champions = [
        n for n in nodes if n.kind == "model_version" and "champion" in n.facts.get("aliases", ())
    ]
    for champion in champions:
        actions.append(
            f"the champion, {champion.title}, was trained on it: {cycle}; to have the model "
            "before it meanwhile: denguard rollback --by NAME --reason TEXT"
        )
    newest = _newest_forecast(paths)
    if any(n.kind == "forecast" and n.id == newest for n in nodes):
        actions.append(
            f"the newest forecast, {newest}, was made from it: denguard withdraw-forecast "
            f"{newest} --by NAME --reason TEXT, if nobody should use it"
        )
    if not champions and any(FLOW.index(n.kind) >= FLOW.index("dataset") for n in nodes):
        actions.append(cycle)
    return [*actions, _again(paths, found.starts[0].partition(":")[2].partition("@")[0])]


def _again(paths: DeploymentPaths, name: str) -> str:
    """How what was in a withdrawn drop comes right."""
    day, scenes = name[:10], is_of_scenes_alone(name)
    edition = _next_edition(paths, f"{day}.{SCENES}" if scenes else day)
    what = ("scenes", " --images FOLDER") if scenes else ("data", "")
    return (
        f"deliver the right {what[0]} of that day with denguard drop --received {day} --edition "
        f"{edition}{what[1]}"
    )


def _newest_forecast(paths: DeploymentPaths) -> str | None:
    try:
        made = last_success(paths)
    except DenguardError:
        return None
    return made.forecast_version if made else None


def _next_edition(paths: DeploymentPaths, name: str) -> int:
    """The first number after a name that no folder has."""
    taken = {p.name for p in paths.drops.glob(f"{name}*")} | set(accepted_drops(paths))
    return next(n for n in range(2, 1000) if f"{name}.{n}" not in taken)
