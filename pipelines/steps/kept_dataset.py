"""A dataset of the same tables, settings and code is not built again.

    artifacts/cache/snapshots/<content>/about.json   which dataset was built of it

The dataset itself lies where it always does and is checked by its name, which is its content's.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines.contracts import LABEL_RULES, content_id
from pipelines.data.prompts import template_of
from pipelines.errors import StoreError
from pipelines.run import Run
from pipelines.storage import folder_id, manifest_of, read_json, write_json
from pipelines.storage.code import code_id
from pipelines.storage.kept import note_use, write_in_use

log = logging.getLogger(__name__)
_ABOUT = "about.json"
# Whose code and versions a dataset follows from.
_ROOMS = ("data", "storage")
_LIBRARIES = ("numpy", "pandas", "pyarrow", "scipy")


def dataset_folder(run: Run, tables: Path, drops: Sequence[Mapping[str, Any]]) -> Path:
    """The run's dataset, as it was built before or as it is built now.

    Args:
        tables: folder of the clean tables.
        drops: facts of the drops that they came from, as the dataset records them.

    Raises:
        ConfigError, LeakageError, StoreError: as data.samples.build_dataset does.
    """
    root, kept = run.paths.artifacts / "datasets", _kept_at(run, tables, drops)
    found = None if kept is None or run.params.force else _built(kept, root)
    if found is None:
        found = _build(run, tables, drops, root)
        if kept is not None:
            write_json(kept / _ABOUT, {"dataset": found.name})
    if kept is not None:
        write_in_use(kept.parent, [kept.name])
    return found


def _build(run: Run, tables: Path, drops: Sequence[Mapping[str, Any]], root: Path) -> Path:
    from pipelines.data.samples import build_dataset
    from pipelines.data.tables import Tables

    return build_dataset(Tables.load(tables), run.profile, run.params.as_of, drops, root)


def _kept_at(run: Run, tables: Path, drops: Sequence[Mapping[str, Any]]) -> Path | None:
    """Where it is written down; None where another distribution brings the label rule, whose code
    may change unseen."""
    profile = run.profile
    if not LABEL_RULES.built_in(profile.labels.rule.kind):
        return None
    name = content_id(
        {
            "tables": manifest_of(tables),
            "drops": list(drops),
            "as_of": run.params.as_of,
            "profile": profile.model_dump(mode="json"),
            "template": asdict(template_of(profile.place, profile.data.has_notes)),
            "code": code_id(*_ROOMS),
            "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        }
    )
    return run.paths.artifacts / "cache" / "snapshots" / name


def _built(kept: Path, root: Path) -> Path | None:
    """The dataset that was built before; None if none was, or it is not there as it was."""
    if not (kept / _ABOUT).is_file():
        return None
    try:
        folder = root / str(read_json(kept / _ABOUT)["dataset"])
    except (StoreError, KeyError) as err:
        log.warning("a record of a dataset cannot be read; it is built again: %s", err)
        return None
    if not folder.is_dir() or folder_id(manifest_of(folder)) != folder.name:
        return None
    note_use(kept)
    log.info("dataset %s was built of these tables before: %s", folder.name, folder)
    return folder
