"""Feature versions: sample rows with labels and keys, and hard links to the vectors they need.

Layout of artifacts/features/<feature_version>/:

    rows.parquet                        keys, covariates, cases, label, image_key, text_key, ...
    thresholds.parquet                  usable thresholds, where they differ by year or season
    shards/<space_id>/<sha256>.parquet  hard links of the store's immutable shards
    features.json                       encoder specs, versions, what the dataset says of itself

The version is a hash of rows and meaning; how vectors happen to lie in shards, and library
versions, are recorded and do not change it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from pipelines.config import DeploymentPaths, EncoderConfig, Profile
from pipelines.contracts import (
    COVARIATE_NAMES,
    FEATURE_COLUMNS,
    SAMPLE_KEYS,
    SAMPLE_TARGET,
    EncoderSpec,
    Modality,
    content_id,
)
from pipelines.data.labels import label_of, outbreak_rates
from pipelines.data.threshold_lookup import THRESHOLD_KEYS, Thresholds
from pipelines.embed.base import describe_encoder
from pipelines.embed.store import (
    EmbeddingStore,
    absent_vectors,
    input_key,
    origin_of,
    store_root,
)
from pipelines.encoder_config import Encoders
from pipelines.storage import new_folder, read_json, sha256_file, write_json
from pipelines.storage.parquet import write_parquet
from pipelines.weeks import Calendar

log = logging.getLogger(__name__)

_SOURCE = (
    *SAMPLE_KEYS,
    SAMPLE_TARGET,
    "image_uri",
    "image_sha256",
    "image_quality",
    "image_age_weeks",
    "image_date",
    "text_sha256",
)
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
THRESHOLDS = "thresholds.parquet"
# What a feature version hands on from its dataset.
_FROM_DATASET = ("week", "label_rule_id", "synthetic_scenes", "prompt_template_id", "as_of_week")
# What features.json says beyond what decides the version.
_RECORDED_ONLY = {"feature_version", "library_versions", "rows", "outbreak_rates", "brought"}


@dataclass(frozen=True)
class _Space:
    """One modality of a feature version: its store, the keys its rows name, and where they lie."""

    store: EmbeddingStore
    keys: list[str]  # sorted, distinct

    @property
    def spec(self) -> EncoderSpec:
        return self.store.spec

    def shards(self) -> list[Path]:
        """Shards that hold the keys. Raises StoreError naming how many keys none holds."""
        located = self.store.locations()
        lost = sum(key not in located for key in self.keys)
        if lost:
            raise absent_vectors(lost, len(self.keys), self.store.folder)
        return sorted({located[key] for key in self.keys})


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
    rows = _labelled_rows(dataset_dir, known, names)
    named = profile.encoders if encoders is None else encoders
    spaces = {m: _space(rows, m, c, profile, paths) for m, c in named}
    for modality in {"image", "text"} - set(spaces):
        rows[f"{modality}_key"] = None
    shards = {m: space.shards() for m, space in spaces.items()}
    limits = None if known.plain else _usable(thresholds)
    described = _describe(dataset_dir, rows, spaces, limits)
    table = _table(rows, names)
    rates = outbreak_rates(rows, profile.calendar)
    log.info(
        "label rule %s: outbreak weeks by year: %s",
        profile.labels.rule_id,
        ", ".join(f"{year} {rate:.0%}" for year, rate in rates.items()),
    )
    version = content_id([described, _table_id(table)])
    folder = paths.artifacts / "features" / version
    if folder.is_dir() and not _intact(folder):
        _set_aside(folder)
    if not folder.is_dir():
        with new_folder(folder) as temp:
            if limits is not None:
                write_parquet(temp / THRESHOLDS, limits)
            _write(
                temp,
                table,
                {**described, "feature_version": version, "outbreak_rates": rates},
                spaces,
                shards,
            )
        log.info("feature version %s: %d rows", version, len(rows))
    return folder


def version_of(folder: Path) -> str:
    """The version that a folder's rows and description amount to: its name, if it is undamaged."""
    recorded = read_json(folder / "features.json")
    described = {name: value for name, value in recorded.items() if name not in _RECORDED_ONLY}
    return content_id([described, _table_id(pq.read_table(folder / "rows.parquet"))])


def thresholds_in(folder: Path, calendar: Calendar) -> Thresholds | None:
    """Thresholds of a feature version that differ by origin year or season; None if they do not."""
    path = folder / THRESHOLDS
    return Thresholds.of_table(pd.read_parquet(path), calendar) if path.is_file() else None


def _labelled_rows(
    dataset_dir: Path, thresholds: Thresholds, names: tuple[str, ...]
) -> pd.DataFrame:
    """Rows that have a threshold, with it and their label, in a fixed order.

    A row whose origin year or season has none is left out here: whoever reads features never meets
    a threshold of NaN, so it is neither trained on nor forecast.
    """
    samples = pads.dataset(dataset_dir / "samples", format="parquet", partitioning="hive")
    rows: pd.DataFrame = samples.to_table(columns=[*_SOURCE, *names]).to_pandas()
    origin, target = (
        rows[name].to_numpy(np.int64) for name in ("origin_week_no", "target_week_no")
    )
    rows["threshold_cases"] = thresholds.of_rows(rows["unit_id"].tolist(), origin, target)
    rows = rows[rows["threshold_cases"].notna()]
    cases, limit = (rows[name].to_numpy(np.float64) for name in (SAMPLE_TARGET, "threshold_cases"))
    rows = rows.assign(label=label_of(cases, limit))
    order = ["horizon_weeks", "unit_id", "origin_week_no"]
    return rows.sort_values(order, kind="stable", ignore_index=True)


def _space(
    rows: pd.DataFrame,
    modality: Modality,
    config: EncoderConfig,
    profile: Profile,
    paths: DeploymentPaths,
) -> _Space:
    """Give the rows their keys, null where the modality is missing or cannot be read.

    What the encoder cannot read of a good scene is said as its quality.
    """
    spec = describe_encoder(config, paths)
    space_id = spec.space_id  # a hash, anew each time it is asked for
    shas = rows[f"{modality}_sha256"]
    reading = profile.data.scenes.reading if modality == "image" else ""
    key_of = {sha: input_key(space_id, sha, reading) for sha in shas.dropna().unique()}
    store = EmbeddingStore(store_root(paths), spec)
    if without := store.without(key_of.values()):
        lacking = shas.map(key_of).isin(without)
        rows.loc[lacking, "image_quality"] = shas[lacking].map(key_of).map(without)
        key_of = {sha: key for sha, key in key_of.items() if key not in without}
    rows[f"{modality}_key"] = shas.map(key_of).astype(object)
    return _Space(store, sorted(key_of.values()))


def _describe(
    dataset_dir: Path,
    rows: pd.DataFrame,
    spaces: dict[Modality, _Space],
    limits: pa.Table | None,
) -> dict[str, Any]:
    """What decides the version, apart from the rows themselves."""
    dataset = read_json(dataset_dir / "dataset.json")
    return {
        **{name: dataset.get(name) for name in _FROM_DATASET},
        "dataset_version": dataset_dir.name,
        "embedding_version": content_id([[s.spec.space_id, s.keys] for s in spaces.values()]),
        "horizons_weeks": sorted(int(h) for h in rows["horizon_weeks"].unique()),
        "image": None,  # without an encoder
        "text": None,
        **{modality: asdict(space.spec) for modality, space in spaces.items()},
        **({} if limits is None else {"thresholds_id": _table_id(limits)}),
        **({"covariates": dataset["covariates"]} if "covariates" in dataset else {}),
    }


def _usable(thresholds: pd.DataFrame) -> pa.Table:
    usable = thresholds.loc[thresholds["refused_reason"].isna(), list(THRESHOLD_KEYS)]
    return pa.Table.from_pandas(usable, preserve_index=False).replace_schema_metadata(None)


def _table(rows: pd.DataFrame, names: tuple[str, ...]) -> pa.Table:
    texts = ("image_key", "text_key", "image_quality", "image_uri", "text_sha256")
    table = pa.Table.from_pandas(rows[[*SAMPLE_KEYS, *names, *_MADE]], preserve_index=False)
    for name in texts:  # a column without any value has no type of its own
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table[name].cast(pa.string()))
    return table.replace_schema_metadata(None)


def _table_id(table: pa.Table) -> str:
    """Hash of a table's values, which no Parquet writer's version changes."""
    hashes = pd.util.hash_pandas_object(table.to_pandas(), index=False).to_numpy()
    return content_id([table.column_names, hashlib.sha256(hashes.tobytes()).hexdigest()])


def _write(
    folder: Path,
    table: pa.Table,
    described: dict[str, Any],
    spaces: dict[Modality, _Space],
    shards: dict[Modality, list[Path]],
) -> None:
    write_parquet(folder / "rows.parquet", table)
    for modality, space in spaces.items():
        _link(shards[modality], folder / "shards" / space.spec.space_id)
    versions = {m: space.store.checked_versions() for m, space in spaces.items()}
    record = {**described, "library_versions": versions, "rows": table.num_rows}
    origins = [found for own in shards.values() for s in own if (found := origin_of(s))]
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


def _intact(folder: Path) -> bool:
    """Whether an existing version still holds what it held: its links may lead to a
    damaged shard."""
    about = folder / "features.json"
    if not about.is_file() or not (folder / "rows.parquet").is_file():
        return False
    if "thresholds_id" in read_json(about) and not (folder / THRESHOLDS).is_file():
        return False
    return all(sha256_file(p) == p.stem for p in folder.glob("shards/*/*.parquet"))


def _set_aside(folder: Path) -> None:
    aside = folder.with_name(f".damaged-{folder.name}")
    log.warning("feature version %s is damaged; it is written again", folder.name)
    shutil.rmtree(aside, ignore_errors=True)
    folder.replace(aside)
