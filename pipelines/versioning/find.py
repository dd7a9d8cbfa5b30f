"""Which version somebody means: an id, the start of one, `latest`, a week, or a run.

"The embeddings behind the week-32 bulletin" is answered through parents: a week's or a run's
bulletin (its report and forecasts) leads to everything it was made from, older versions included.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from pipelines.errors import VersioningError
from pipelines.versioning.entry import Kind, Version
from pipelines.versioning.parents import generations

_WEEK = re.compile(r"^\d{4}-w\d{2}$")
_BULLETIN = ("report", "forecasts")
_SHOWN = 8
_NAME_LENGTH = 8  # shorter facts, such as a count, name nothing


def newest_first(versions: Iterable[Version]) -> list[Version]:
    """By origin week, then by when they were published."""
    return sorted(versions, key=lambda v: (v.as_of_week or "", v.published_at, v.id), reverse=True)


def find_version(
    catalogue: Mapping[str, Version], kind: Kind, wanted: str, withdrawn: Collection[str] = ()
) -> Version:
    """The one version that is meant.

    Args:
        wanted: id with or without its kind, a unique start of one, `latest`, an origin week such
            as 2018-w32, a run id, or another name it is known by (its facts).
        withdrawn: ids that `latest` passes over, and that a week means only if it has no other.

    Raises:
        VersioningError: none fits, or several do; it lists them.
    """
    mine = [v for v in catalogue.values() if v.kind == kind]
    if not mine:
        raise VersioningError(
            f"there are no {kind} versions", fix="see what there is with `denguard list`"
        )
    standing = {name: v for name, v in catalogue.items() if name not in withdrawn}
    if wanted.strip() == "latest" and not any(v.kind == kind for v in standing.values()):
        raise VersioningError(
            f"every one of the {kind} versions was withdrawn: {_listed(mine)}",
            fix="name one of them by its id to have it all the same",
        )
    for fitting in [
        *_soft(standing, kind, wanted.strip()),
        *_readings(catalogue, mine, wanted.strip()),
    ]:
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise VersioningError(
                f"{wanted!r} could be any of {len(fitting)} {kind} versions: {_listed(fitting)}",
                fix="name one of them by its id",
            )
    raise VersioningError(
        f"no {kind} version is {wanted!r}; there are {_listed(mine)}",
        fix="name one of them by its id, by its week or run, or say latest",
    )


def nearest(catalogue: Mapping[str, Version], root: str, kind: Kind) -> list[Version]:
    """Versions of a kind that a version was made from, itself included, the fewest steps away.

    A bulletin's own samples are nearer than those its older bundle was trained on.
    """
    for names in generations([root], lambda name: parents_of(catalogue, name)):
        found = [v for name in names if (v := catalogue.get(name)) and v.kind == kind]
        if found:
            return found
    return []


def made_since(catalogue: Mapping[str, Version], found: Version) -> Version | None:
    """The newest of its kind that was published after a version, of an older week, and knows the
    same drops or later ones; None if there is none.

    Newer weeks were declared unknown since (`data.maturity`), or a person looked back on purpose: a
    remote does not tell which, so people are told and `latest` goes by the week.
    """
    known = _newest_drop(catalogue, found)
    since = [
        v
        for v in catalogue.values()
        if v.kind == found.kind
        and (v.as_of_week or "") < (found.as_of_week or "")
        and v.published_at > found.published_at
        and "" < known <= _newest_drop(catalogue, v)
    ]
    return max(since, key=lambda v: (v.published_at, v.id), default=None)


def _newest_drop(catalogue: Mapping[str, Version], version: Version) -> str:
    return max(
        (v.facts.get("newest_drop", "") for v in nearest(catalogue, version.id, "data")), default=""
    )


def parents_of(catalogue: Mapping[str, Version], name: str) -> tuple[str, ...]:
    """Ids of what a version was made from; none of a version that the catalogue lacks."""
    version = catalogue.get(name)
    return version.parents if version else ()


def _soft(standing: Mapping[str, Version], kind: Kind, wanted: str) -> list[list[Version]]:
    """What `latest` or a week means among what was not withdrawn; nothing for other words."""
    mine = [v for v in standing.values() if v.kind == kind]
    by_time = wanted == "latest" or _WEEK.match(wanted)
    return list(_readings(standing, mine, wanted)) if by_time and mine else []


def _readings(
    catalogue: Mapping[str, Version], mine: list[Version], wanted: str
) -> Iterable[list[Version]]:
    """What could be meant, the most literal reading first."""
    yield [v for v in mine if wanted in {v.id, v.version}]
    yield newest_first(mine)[:1] if wanted == "latest" else []
    if _WEEK.match(wanted):
        week = [v for v in catalogue.values() if v.as_of_week == wanted]
        yield _of_bulletins(catalogue, mine[0].kind, week)
        yield [v for v in mine if v.as_of_week == wanted]
        return
    run = [v for v in catalogue.values() if v.run_id == wanted]
    yield _of_bulletins(catalogue, mine[0].kind, run)
    yield [v for v in mine if v.run_id == wanted]
    yield [v for v in mine if wanted and (v.id.startswith(wanted) or v.version.startswith(wanted))]
    yield [v for v in mine if len(wanted) >= _NAME_LENGTH and wanted in v.facts.values()]


def _of_bulletins(
    catalogue: Mapping[str, Version], kind: Kind, those: list[Version]
) -> list[Version]:
    """What the reports among `those` were made from, else what the forecasts were."""
    for bulletin in _BULLETIN:
        roots = [v.id for v in those if v.kind == bulletin]
        found = {v.id: v for root in roots for v in nearest(catalogue, root, kind)}
        if found:
            return list(found.values())
    return []


def _listed(versions: list[Version]) -> str:
    shown = [
        f"{v.id} ({v.as_of_week or 'week unknown'}, run {v.run_id or 'unknown'})"
        for v in newest_first(versions)[:_SHOWN]
    ]
    more = len(versions) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
