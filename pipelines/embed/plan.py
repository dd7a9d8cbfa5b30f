"""What has to be embedded: distinct inputs of a dataset minus what the store holds, in shards."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import pyarrow.dataset as pads

from pipelines.config import DeploymentPaths, EmbedConfig, EncoderConfig, Profile, ScenePolicy
from pipelines.contracts import EncoderSpec, Modality, content_id
from pipelines.embed.base import describe_encoder
from pipelines.embed.store import input_key, own_store
from pipelines.embed.work import ShardWork, WorkInput, write_work
from pipelines.encoder_config import Encoders
from pipelines.run.outputs import ToEmbed

log = logging.getLogger(__name__)

_SHOWN = {"image": "scenes", "text": "prompts"}
_COLUMNS = ["unit_id", "origin_week", "image_uri", "image_sha256", "text", "text_sha256"]


@dataclass(frozen=True)
class EmbeddingPlan:
    """The work of one dataset.

    Attributes:
        work_files: one per shard, at least one a modality, possibly without inputs: mapped tasks
            must never be none, and an idle shard still notices changed libraries. None at all
            without encoders.
        titles: what people call each shard, such as "shard 3 of 8: 200 scenes"; at least one.
        counts: modality -> distinct and missing inputs; "champion image" names its space too.
        new_inputs: the same -> what will be embedded, as a scene's URI or "05001 2018-w48".
    """

    work_files: tuple[Path, ...]
    titles: tuple[str, ...]
    counts: dict[str, ToEmbed]
    new_inputs: dict[str, list[str]]


def plan_embedding(
    dataset_dir: Path, profile: Profile, paths: DeploymentPaths, champion: Encoders = ()
) -> EmbeddingPlan:
    """Find the inputs that are not in the store yet and write one work file per shard.

    Args:
        champion: encoders that the champion reads beside the profile's; their counts and inputs are
            named "champion text", say.

    Raises:
        EncoderError: an encoder's weights are absent or are not the pinned ones.
    """
    if profile.embed is None:
        return EmbeddingPlan((), ("nothing to embed: the profile has no encoders",), {}, {})
    samples, pieces = read_inputs(dataset_dir), profile.embed
    works: list[ShardWork] = []
    counts: dict[str, ToEmbed] = {}
    new_inputs: dict[str, list[str]] = {}
    named = [
        *((m, m, c) for m, c in profile.encoders),
        *((f"champion {m}", m, c) for m, c in champion),
    ]
    for name, modality, config in named:
        spec = describe_encoder(config, paths)
        inputs = distinct_inputs(samples, modality, spec.space_id, profile.data.scenes)
        store = own_store(paths, spec)
        lacking = set(store.missing(inputs["key"]))
        missing = inputs[inputs["key"].isin(lacking)]
        beside = {} if name == modality else {"space_id": spec.space_id}
        without = {"lacking": n} if (n := len(store.without(inputs["key"]))) else {}
        counts[name] = ToEmbed(distinct=len(inputs), missing=len(missing), **beside, **without)
        new_inputs[name] = list(missing["name"])
        works += _works(missing, modality, spec, config, profile.data.scenes, pieces)
    files = _write(works, dataset_dir, paths)
    return EmbeddingPlan(files, shard_titles(works), counts, new_inputs)


def shard_titles(works: Sequence[ShardWork]) -> tuple[str, ...]:
    """What people call each shard, numbered from 1 as Airflow's mapped tasks are counted."""
    return tuple(
        f"shard {number} of {len(works)}: {len(work.inputs)} {_SHOWN[work.modality]}"
        for number, work in enumerate(works, start=1)
    )


def read_inputs(dataset_dir: Path) -> pd.DataFrame:
    """Input columns of a dataset's rows that have any input, in a fixed order."""
    table = pads.dataset(dataset_dir / "samples", format="parquet", partitioning="hive").to_table(
        columns=_COLUMNS,
        filter=pads.field("image_sha256").is_valid() | pads.field("text_sha256").is_valid(),
    )
    rows: pd.DataFrame = table.to_pandas()
    return rows.sort_values(["unit_id", "origin_week"], kind="stable")


def distinct_inputs(
    samples: pd.DataFrame, modality: Modality, space_id: str, scenes: ScenePolicy
) -> pd.DataFrame:
    """Each distinct input of a modality once: key, sha256, uri, text, name."""
    present = samples[samples[f"{modality}_sha256"].notna()]
    first = present.drop_duplicates(f"{modality}_sha256")
    is_image = modality == "image"
    reading = scenes.reading if is_image else ""
    return pd.DataFrame(
        {
            "key": [input_key(space_id, sha, reading) for sha in first[f"{modality}_sha256"]],
            "sha256": first[f"{modality}_sha256"].to_numpy(),
            "uri": first["image_uri"].to_numpy() if is_image else None,
            "text": None if is_image else first["text"].to_numpy(),
            "name": (
                first["image_uri"] if is_image else first["unit_id"] + " " + first["origin_week"]
            ).to_numpy(),
        }
    )


def as_inputs(rows: pd.DataFrame) -> list[WorkInput]:
    """Rows of `distinct_inputs` as a work file names them."""
    records = rows[["key", "sha256", "uri", "text"]].to_dict("records")
    return [WorkInput.model_validate(record) for record in records]


def cut(inputs: Sequence[WorkInput], max_shards: int, min_inputs: int) -> list[list[WorkInput]]:
    """Contiguous pieces of near-equal size: at most max_shards, each of at least min_inputs.

    Fewer inputs than min_inputs make one piece; none make one empty piece.
    """
    pieces = min(max_shards, max(1, len(inputs) // min_inputs))
    bounds = [len(inputs) * i // pieces for i in range(pieces + 1)]
    return [list(inputs[a:b]) for a, b in itertools.pairwise(bounds)]


def _works(
    missing: pd.DataFrame,
    modality: Modality,
    spec: EncoderSpec,
    config: EncoderConfig,
    scenes: ScenePolicy,
    pieces: EmbedConfig,
) -> list[ShardWork]:
    inputs = as_inputs(missing)
    return [
        ShardWork(
            modality=modality,
            space_id=spec.space_id,
            spec=asdict(spec),
            encoder=config,
            scenes=scenes,
            inputs=tuple(piece),
        )
        for piece in cut(inputs, pieces.max_shards, pieces.min_inputs_per_shard)
    ]


def _write(works: list[ShardWork], dataset_dir: Path, paths: DeploymentPaths) -> tuple[Path, ...]:
    """Work files under artifacts/embeddings/plans/<content id>/, written again if they are there:
    equal plans are equal files, and a damaged one is repaired by planning again."""
    content = [work.model_dump(mode="json") for work in works]
    folder = paths.artifacts / "embeddings" / "plans" / content_id([dataset_dir.name, content])
    for title in shard_titles(works):
        log.info(title)
    return tuple(write_work(folder / f"shard-{i:03d}.json", w) for i, w in enumerate(works))
