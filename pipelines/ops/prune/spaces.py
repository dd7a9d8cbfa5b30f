"""Vector spaces that nothing needs any more: what an encoder left behind that was given up.

A space stays while rows that are kept hold its vectors, while a profile, a run that is kept or an
adoption names its weights, and for `runs_weeks` after it was last written to, so that going back
costs nothing. Rows that are kept but lie on another machine hide which spaces they hold: then none
goes. What went is made again where it is asked for, at its price in hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths, Profile, load_profile, own_profiles
from pipelines.contracts import canonical_json
from pipelines.embed.store import store_root
from pipelines.errors import ConfigError, StoreError
from pipelines.ops.prune.items import Item, entries, item
from pipelines.ops.prune.retained import Retained
from pipelines.run import run_folder
from pipelines.run.adopted import read_adopted
from pipelines.run.params import profile_of, recorded_params
from pipelines.storage import read_json

ROOM = "spaces"


def of_spaces(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    """Whole spaces that may go.

    Raises:
        StoreError: a record that decides cannot be read, or a profile of the deployment is not
            valid, so that nobody knows which encoders it names.
    """
    weeks = retained.retention.runs_weeks
    old = [
        folder
        for folder in entries(store_root(paths))
        if (folder / "space.json").is_file() and retained.weeks_old(folder) >= weeks
    ]
    held = held_by_rows(paths, retained) if old else None
    if held is None:
        return
    named = named_weights(paths, retained)
    for folder in old:
        record: Any = read_json(folder / "space.json")
        spec = record["spec"]
        if canonical_json(spec) not in held and spec["weights_sha256"] not in named:
            why = f"no rows, profile or adopted encoder needs it; unchanged for {weeks} weeks"
            yield item(paths, ROOM, folder, why)


def held_by_rows(paths: DeploymentPaths, retained: Retained) -> set[str] | None:
    """Specs of the encoders in feature versions that stay; None where one of them is not here."""
    folders = {folder.name: folder for folder in entries(paths.artifacts / "features")}
    needed = {n.id for n in retained.graph.of_kind("features") if n.key in retained.needed}
    if needed - set(folders):
        return None
    weeks = retained.retention.runs_weeks
    stay = [f for name, f in folders.items() if name in needed or retained.weeks_old(f) < weeks]
    return {spec for folder in stay for spec in _specs(folder)}


def _specs(folder: Path) -> Iterator[str]:
    about = read_json(folder / "features.json")
    yield from (canonical_json(about[m]) for m in ("image", "text") if about.get(m))


def named_weights(paths: DeploymentPaths, retained: Retained) -> set[str]:
    """SHA-256 of the weights that profiles, kept runs and adoptions name."""
    profiles = [*_own_profiles(), *_of_runs(paths, retained)]
    found = {config.sha256 for profile in profiles for _, config in profile.encoders}
    for model in {profile.model_name for profile in profiles}:
        found |= {config.sha256 for config in read_adopted(paths, model).encoders.values()}
    return found


def _own_profiles() -> Iterator[Profile]:
    for name in own_profiles():
        try:
            yield load_profile(name)
        except ConfigError as err:
            raise StoreError(
                f"it cannot be known which encoders the profile {name} names: {err}",
                fix="mend the profile, or move it away, then prune again",
            ) from err


def _of_runs(paths: DeploymentPaths, retained: Retained) -> Iterator[Profile]:
    """As the profiles of kept runs are now, with the encoders that a run began with."""
    kept = retained.young | {
        n.id for n in retained.graph.of_kind("run") if n.key in retained.needed
    }
    for run in sorted(kept):
        record = run_folder(paths, run) / "run.json"
        if not record.is_file():
            continue
        try:
            params = recorded_params(read_json(record))
            yield profile_of(params.model_copy(update={"encoders": None}))
            yield profile_of(params)
        except ConfigError:
            continue  # its profile is gone; its rows say what they hold
