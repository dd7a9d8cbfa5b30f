"""Feature versions: sample rows with labels and keys, and hard links to the vectors they need.

Layout of artifacts/features/<feature_version>/:

    rows.parquet/<year>.parquet         keys, covariates, cases, label, image_key, text_key, ...
    thresholds.parquet                  usable thresholds, where they differ by year or season
    shards/<space_id>/<sha256>.parquet  hard links of the store's immutable shards
    features.json                       encoder specs, versions, what the dataset says of itself

The version is a hash of rows and meaning; how rows lie in files and vectors in shards, and library
versions, do not change it.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pipelines.config import DeploymentPaths, Profile
from pipelines.contracts import (
    COVARIATE_NAMES,
    FEATURE_COLUMNS,
    SAMPLE_KEYS,
    Modality,
    content_id,
)
from pipelines.data.labels import outbreak_rates
from pipelines.data.threshold_lookup import THRESHOLD_KEYS, Thresholds
from pipelines.embed.store import (
    origin_of,
)
from pipelines.encoder_config import Encoders
from pipelines.features.pieces import labelled_years, row_schema, values_id
from pipelines.features.rows import ROWS, RowsId, rows_id_of
from pipelines.features.spaces import Space, open_space
from pipelines.storage import new_folder, read_json, write_json
from pipelines.storage.known_hashes import known_hashes
from pipelines.storage.parquet import write_parquet, write_tables
from pipelines.weeks import Calendar

log = logging.getLogger(__name__)

_MADE = (
    *FEATURE_COLUMNS,
    "image_quality",
    "image_age_weeks",
    "image_date",
    "image_uri",
    "text_sha256",
)
ROW_COLUMNS = (
    *SAMPLE_KEYS,
    *COVARIATE_NAMES,
    *_MADE,
)  # where a place declares no covariate of its own
_COLUMNS = (("sample_id",), ("origin_week_no", "horizon_weeks"))  # distinct, asked for
THRESHOLDS = "thresholds.parquet"
# What a feature version hands on from its dataset.
_FROM_DATASET = ("week", "label_rule_id", "synthetic_scenes", "prompt_template_id", "as_of_week")
# What features.json says beyond what decides the version.
_RECORDED_ONLY = {"feature_version", "library_versions", "rows", "outbreak_rates", "brought"}


def build_features(
    dataset_dir: Path, profile: Profile, paths: DeploymentPaths, encoders: Encoders | None = None
) -> Path:
    """Write the feature version of a dataset, or find that it is there, and return its folder.

    Args:
        encoders: whose vectors it holds; None = the profile's.

    Raises:
        StoreError: vectors are missing; it says how many. Run plan_embedding and embed first.
        EncoderError: an encoder's weights are absent, so that its vector space has no name.
    """
    thresholds = pd.read_parquet(dataset_dir / "thresholds.parquet")
    known = Thresholds.of_table(thresholds, profile.calendar)
    dataset: dict[str, Any] = read_json(dataset_dir / "dataset.json")
    names = tuple(map(str, dataset.get("covariates", COVARIATE_NAMES)))
    named = profile.encoders if encoders is None else encoders
    spaces = {m: open_space(m, c, profile, paths) for m, c in named}
    root = paths.artifacts / "features"
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".pieces.") as work:
        found = _Found(Path(work), row_schema(dataset_dir, [*SAMPLE_KEYS, *names, *_MADE]))
        for year, pieces in labelled_years(dataset_dir, known, names):
            found.add(year, pieces, spaces)
        limits = None if known.plain else _usable(thresholds)
        return _kept(
            found, _describe(dataset_dir, found, spaces, limits), spaces, limits, paths, profile
        )


@dataclass
class _Found:
    """What the rows are, in a folder of their own, and what is counted over all of them."""

    work: Path
    schema: pa.Schema
    count: int = 0
    rows_id: RowsId = field(default_factory=RowsId)
    horizons: set[int] = field(default_factory=set)
    labels: list[pd.DataFrame] = field(default_factory=list)

    @property
    def rows(self) -> Path:
        """Where they lie."""
        return self.work / ROWS

    def add(
        self, year: str, pieces: Iterator[pd.DataFrame], spaces: Mapping[Modality, Space]
    ) -> None:
        self.rows.mkdir(exist_ok=True)
        tables = (self._noted(rows, spaces) for rows in pieces)
        write_tables(self.rows / f"{year}.parquet", tables, self.schema, *_COLUMNS)

    def _noted(self, rows: pd.DataFrame, spaces: Mapping[Modality, Space]) -> pa.Table:
        for modality in ("image", "text"):
            if modality in spaces:
                spaces[modality].name_in(rows)
            else:
                rows[f"{modality}_key"] = None
        self.horizons.update(map(int, rows["horizon_weeks"].unique()))
        self.labels.append(rows[["target_week_no", "label"]])
        self.count += len(rows)
        table = pa.Table.from_pandas(rows[self.schema.names], self.schema, preserve_index=False)
        self.rows_id.add(table)
        return table.replace_schema_metadata(None)


def _kept(
    found: _Found,
    described: Mapping[str, object],
    spaces: dict[Modality, Space],
    limits: pa.Table | None,
    paths: DeploymentPaths,
    profile: Profile,
) -> Path:
    """The folder of the version that this amounts to, written if it is not there."""
    shards = {m: space.shards() for m, space in spaces.items()}
    rates = outbreak_rates(pd.concat(found.labels, ignore_index=True), profile.calendar)
    log.info(
        "label rule %s: outbreak weeks by year: %s",
        profile.labels.rule_id,
        ", ".join(f"{year} {rate:.0%}" for year, rate in rates.items()),
    )
    version = content_id([described, found.rows_id.value()])
    folder = paths.artifacts / "features" / version
    if folder.is_dir() and not _intact(folder, paths):
        _set_aside(folder)
    if not folder.is_dir():
        with new_folder(folder) as temp:
            if limits is not None:
                write_parquet(temp / THRESHOLDS, limits)
            _write(
                temp,
                found,
                {**described, "feature_version": version, "outbreak_rates": rates},
                spaces,
                shards,
            )
        log.info("feature version %s: %d rows", version, found.count)
    return folder


def version_of(folder: Path) -> str:
    """The version that a folder's rows and description amount to: its name, if it is undamaged."""
    recorded = read_json(folder / "features.json")
    described = {name: value for name, value in recorded.items() if name not in _RECORDED_ONLY}
    return content_id([described, rows_id_of(folder)])


def thresholds_in(folder: Path, calendar: Calendar) -> Thresholds | None:
    """Thresholds of a feature version that differ by origin year or season; None if they do not."""
    path = folder / THRESHOLDS
    return Thresholds.of_table(pd.read_parquet(path), calendar) if path.is_file() else None


def _describe(
    dataset_dir: Path,
    found: _Found,
    spaces: dict[Modality, Space],
    limits: pa.Table | None,
) -> dict[str, Any]:
    """What decides the version, apart from the rows themselves."""
    dataset = read_json(dataset_dir / "dataset.json")
    return {
        **{name: dataset.get(name) for name in _FROM_DATASET},
        "dataset_version": dataset_dir.name,
        "embedding_version": content_id([[s.spec.space_id, s.keys] for s in spaces.values()]),
        "horizons_weeks": sorted(found.horizons),
        "image": None,  # without an encoder
        "text": None,
        **{modality: asdict(space.spec) for modality, space in spaces.items()},
        **({} if limits is None else {"thresholds_id": values_id(limits)}),
        **({"covariates": dataset["covariates"]} if "covariates" in dataset else {}),
    }


def _usable(thresholds: pd.DataFrame) -> pa.Table:
    usable = thresholds.loc[thresholds["refused_reason"].isna(), list(THRESHOLD_KEYS)]
    return pa.Table.from_pandas(usable, preserve_index=False).replace_schema_metadata(None)


def _write(
    folder: Path,
    found: _Found,
    described: dict[str, Any],
    spaces: dict[Modality, Space],
    shards: dict[Modality, list[Path]],
) -> None:
    found.rows.rename(folder / ROWS)
    for modality, space in spaces.items():
        _link(shards[modality], folder / "shards" / space.spec.space_id)
    versions = {m: space.store.checked_versions() for m, space in spaces.items()}
    record = {**described, "library_versions": versions, "rows": found.count}
    origins = [origin for own in shards.values() for s in own if (origin := origin_of(s))]
    if origins:
        record["brought"] = origins
    write_json(folder / "features.json", record)


def _link(shards: Iterable[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for shard in shards:
        try:
            os.link(shard, folder / shard.name)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(shard, folder / shard.name)


def _intact(folder: Path, paths: DeploymentPaths) -> bool:
    """Whether an existing version still holds what it held: its links may lead to a
    damaged shard."""
    about = folder / "features.json"
    if not about.is_file() or not (folder / ROWS).exists():
        return False
    if "thresholds_id" in read_json(about) and not (folder / THRESHOLDS).is_file():
        return False
    hashes = known_hashes(paths)
    intact = all(hashes.of(p)["sha256"] == p.stem for p in folder.glob("shards/*/*.parquet"))
    hashes.save()
    return intact


def _set_aside(folder: Path) -> None:
    aside = folder.with_name(f".damaged-{folder.name}")
    log.warning("feature version %s is damaged; it is written again", folder.name)
    shutil.rmtree(aside, ignore_errors=True)
    folder.replace(aside)
