"""Which drops a run may know, and which data version was accepted last."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.data.drop_info import BULLETIN_DAYS, DropInfo
from pipelines.data.drops import Drop, drop_hash, survey_drops
from pipelines.data.receipts import require_likely
from pipelines.data.sources import Context, source_of
from pipelines.data.tables import Tables
from pipelines.errors import DropError
from pipelines.run.outputs import FixedDrop
from pipelines.run.withdrawn import withdrawal, withdrawn
from pipelines.storage import read_json, write_json
from pipelines.weeks import Calendar

log = logging.getLogger(__name__)


def known_drops(paths: DeploymentPaths, as_of: str | None, calendar: Calendar) -> list[Drop]:
    """Drops that the bulletin of `as_of` could use, oldest first; all of them for None.

    What was withdrawn is used by none, not by a look back either.

    If every table came later, the oldest one is used: its history is then hindsight.
    """
    drops, _ = survey_drops(paths.drops, withdrawn(paths, "drop"))
    if as_of is None:
        return drops
    deadline = calendar.week_end(calendar.week_no(as_of)) + timedelta(days=BULLETIN_DAYS)
    oldest = next((d for d in drops if not d.info.scenes_alone), None)
    return [d for d in drops if d.info.received_date <= deadline or d is oldest]


def fingerprint(drops: Sequence[Drop], paths: DeploymentPaths) -> tuple[FixedDrop, ...]:
    """Name, content hash and whether its scenes are synthetic, for each drop."""
    return tuple(
        FixedDrop(
            received_date=drop.name,
            sha256=drop_hash(drop, file_cache(paths)),
            synthetic_scenes=drop.info.synthetic_scenes,
        )
        for drop in drops
    )


def file_cache(paths: DeploymentPaths) -> Path:
    """Remembered (path, size, mtime) -> hash and scene facts."""
    return paths.artifacts / "cache" / "files.json"


def accepted_version(paths: DeploymentPaths) -> str | None:
    """Dataset version that was accepted last, if any."""
    version = _accepted(paths).get("dataset_version")
    return None if version is None else str(version)


def accepted_drops(paths: DeploymentPaths) -> dict[str, str]:
    """Name -> content hash of every drop that an accepted version was made from."""
    return {d["received_date"]: d["sha256"] for d in _accepted(paths).get("drops", [])}


def accepted_tables(paths: DeploymentPaths) -> Tables | None:
    """Clean tables of the dataset version that was accepted last, if any.

    None too if one of its drops was withdrawn since: nothing may be compared with its values.
    """
    version = accepted_version(paths)
    if version is None:
        return None
    folder = paths.artifacts / "datasets" / version
    withdrawn_drops = withdrawn(paths, "drop")
    if withdrawn_drops and not withdrawn_drops.keys().isdisjoint(drops_of(folder)):
        log.info(
            "dataset version %s was made from a withdrawn drop; nothing is compared with it",
            version,
        )
        return None
    return Tables.load(folder / "tables")


def require_not_withdrawn(paths: DeploymentPaths, names: Iterable[str]) -> None:
    """Raise DropError if one of a run's drops was withdrawn since the run chose them."""
    withdrawn_drops = withdrawn(paths, "drop")
    for name in sorted(withdrawn_drops.keys() & set(names)):
        raise DropError(
            f"the drop was {withdrawn_drops[name].words()}; this run had chosen it before",
            where=name,
            fix="start a new run, which does not read it",
        )


def accept(
    paths: DeploymentPaths,
    dataset_version: str,
    as_of_week: str,
    drops: Sequence[dict[str, Any]],
    look_back: bool = True,
) -> None:
    """Point at a dataset version, last thing of a snapshot; drops accepted before stay fixed.

    An older origin week than the one accepted fixes its drops and leaves the pointer, unless it is
    the newest
    there is: every drop of the version accepted was read, but for those that were withdrawn.

    Args:
        look_back: whether somebody asked for that week.
    """
    before = _accepted(paths)
    named = {d["received_date"]: d for d in [*before.get("drops", []), *drops]}
    newest = {"dataset_version": dataset_version, "as_of_week": as_of_week}
    if "as_of_week" in before and before["as_of_week"] > as_of_week:
        known = None if look_back else _drops_not_withdrawn(paths, str(before["dataset_version"]))
        if known is None or not known <= {str(d["received_date"]) for d in drops}:
            newest = {key: before[key] for key in newest}
    write_json(accepted_file(paths), {**newest, "drops": [named[k] for k in sorted(named)]})


def accepted_file(paths: DeploymentPaths) -> Path:
    """The one pointer to the version that was accepted last."""
    return paths.artifacts / "accepted.json"


def require_not_withdrawn_name(paths: DeploymentPaths, name: str) -> None:
    """Raise DropError if a drop of that name was withdrawn: what is made under it would never be
    read.
    """
    if record := withdrawal(paths, "drop", name):
        raise DropError(
            f"a drop of that name was {record.words()}, and its folder stays as it is",
            where=name,
            fix="give the right data of that day the next --edition number, such as --edition 2",
        )


def bring_likely(
    paths: DeploymentPaths,
    files: Sequence[Path],
    to: Path,
    info: DropInfo,
    until: str | None,
    context: Context,
) -> DropInfo | None:
    """As Source.bring, refused by DropError if the receipt date is far from the drops that are
    here.
    """
    brought = source_of(context.config).bring(list(files), to, info, until, context)
    withdrawn_drops = withdrawn(paths, "drop")
    siblings = [
        d
        for d in survey_drops(paths.drops, withdrawn_drops)[0]
        if d.name != info.folder_name and not d.info.scenes_alone
    ]
    require_likely(
        Drop(to, brought or info),
        siblings,
        accepted_drops(paths).keys() - withdrawn_drops.keys(),
        context,
    )
    return brought


def _drops_not_withdrawn(paths: DeploymentPaths, dataset_version: str) -> set[str] | None:
    """Names of a version's drops that were not withdrawn; None if it is not here."""
    folder = paths.artifacts / "datasets" / dataset_version
    if not (folder / "dataset.json").is_file():
        return None
    return drops_of(folder) - withdrawn(paths, "drop").keys()


def drops_of(dataset: Path) -> set[str]:
    """Names of the drops that a dataset version was made from."""
    drops: Any = read_json(dataset / "dataset.json").get("drops", [])
    return {str(drop["received_date"]) for drop in drops}


def _accepted(paths: DeploymentPaths) -> dict[str, Any]:
    return read_json(accepted_file(paths)) if accepted_file(paths).is_file() else {}
