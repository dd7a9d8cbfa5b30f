"""From a dataset version to a feature version: plan, embed in shards, join."""

from __future__ import annotations

from typing import Any

from pipelines.run import open_run
from pipelines.run.outputs import FeaturesOutput, PlanOutput, ShardOutput, SnapshotOutput, ToEmbed
from pipelines.steps.decorator import step
from pipelines.storage import read_json, write_json


@step
def plan_embedding(run_id: str) -> PlanOutput:
    """List what has to be embedded: distinct inputs that the store does not hold, in shards."""
    from pipelines.embed.plan import plan_embedding as plan
    from pipelines.embed.sync import fetch_spaces

    run = open_run(run_id)
    fetch_spaces(run.paths, *(config for _, config in run.profile.encoders))
    found = plan(run.path(run.output(SnapshotOutput).dataset), run.profile, run.paths)
    return run.finish(
        PlanOutput(
            shards=tuple(range(len(found.titles))),
            titles=found.titles,
            work_files=tuple(run.name(path) for path in found.work_files),
            counts={name: ToEmbed(**counts) for name, counts in found.counts.items()},
            new_inputs=run.name(write_json(run.folder / "new_inputs.json", found.new_inputs)),
        )
    )


@step
def embed_shard(run_id: str, shard: int) -> ShardOutput:
    """Embed one shard; starts the encoder process only if something is missing."""
    from pipelines.embed.run import embed_shard as embed
    from pipelines.embed.sync import fetch_work, share_space

    run = open_run(run_id)
    if not run.profile.encoders:
        nothing = ShardOutput(
            modality="none", inputs=0, encoder_started=False, embedded=0, truncated=0, seconds=0.0
        )
        return run.finish(nothing, shard)
    work_file = run.path(run.output(PlanOutput).work_files[shard])
    fetch_work(run.paths, work_file)
    done = embed(work_file, run.profile, run.paths)
    share_space(run.paths, done.space_id)
    return run.finish(done, shard)


@step
def features(run_id: str) -> FeaturesOutput:
    """Join samples, labels and vector keys into a feature version, kept by DVC."""
    from pipelines.embed.sync import fetch_spaces
    from pipelines.features.build import build_features
    from pipelines.steps.versions import feature_drafts
    from pipelines.versioning import add_versions

    run = open_run(run_id)
    fetch_spaces(run.paths, *(config for _, config in run.profile.encoders))
    dataset = run.path(run.output(SnapshotOutput).dataset)
    folder = build_features(dataset, run.profile, run.paths)
    about: dict[str, Any] = read_json(folder / "features.json")
    version = add_versions(run.paths, feature_drafts(run, folder, about))[-1]
    return run.finish(
        FeaturesOutput(
            features=run.name(folder),
            feature_version=folder.name,
            dvc=version.md5,
            as_of_week=about["as_of_week"],
            dataset_version=about["dataset_version"],
            embedding_version=about["embedding_version"],
        )
    )
