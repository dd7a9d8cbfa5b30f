"""From a dataset version to a feature version: plan, embed in shards, join."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.encoder_config import Encoders
from pipelines.run import Run, open_run
from pipelines.run import outputs as out
from pipelines.run.outputs import FeaturesOutput, PlanOutput, ShardOutput, SnapshotOutput
from pipelines.steps.decorator import step
from pipelines.steps.spaces import champions_encoders, planned_champions
from pipelines.storage import read_json, write_json


@step
def plan_embedding(run_id: str) -> PlanOutput:
    """List what has to be embedded: distinct inputs that the store does not hold, in shards."""
    from pipelines.embed.plan import plan_embedding as plan
    from pipelines.embed.sync import fetch_spaces

    run = open_run(run_id)
    theirs = champions_encoders(run)
    fetch_spaces(run.paths, *(config for _, config in (*run.profile.encoders, *theirs)))
    dataset = run.path(run.output(SnapshotOutput).dataset)
    found = plan(dataset, run.profile, run.paths, _others(run, theirs))
    recorded = {m: config.model_dump(mode="json") for m, config in theirs}
    return run.finish(
        PlanOutput(
            **({"champion_encoders": recorded} if recorded else {}),
            shards=tuple(range(len(found.titles))),
            titles=found.titles,
            work_files=tuple(run.name(path) for path in found.work_files),
            counts=found.counts,
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
    done = embed(work_file, run.profile, run.paths, planned_champions(run))
    share_space(run.paths, done.space_id)
    return run.finish(done, shard)


@step
def features(run_id: str) -> FeaturesOutput:
    """Join samples, labels and vector keys into a feature version, kept by DVC.

    Where the champion reads vectors of other encoders, it is joined once more with those.
    """
    from pipelines.embed.sync import fetch_spaces

    run = open_run(run_id)
    theirs = planned_champions(run)
    fetch_spaces(run.paths, *(config for _, config in (*run.profile.encoders, *theirs)))
    # Published before the run's own, which analysts mean by the latest.
    champion = {"champion": _joined(run, theirs)[0]} if theirs else {}
    own, about = _joined(run, run.profile.encoders)
    return run.finish(
        FeaturesOutput(
            **own.to_json(),
            as_of_week=about["as_of_week"],
            dataset_version=about["dataset_version"],
            **champion,
        )
    )


def _joined(run: Run, encoders: Encoders) -> tuple[out.FeatureVersion, dict[str, Any]]:
    """A feature version with the vectors of these encoders, published; what it says of itself."""
    from pipelines.features.build import build_features
    from pipelines.steps.versions import feature_drafts
    from pipelines.versioning import add_versions

    dataset: Path = run.path(run.output(SnapshotOutput).dataset)
    folder = build_features(dataset, run.profile, run.paths, encoders)
    about: dict[str, Any] = read_json(folder / "features.json")
    version = add_versions(run.paths, feature_drafts(run, folder, about))[-1]
    named = out.FeatureVersion(
        features=run.name(folder),
        feature_version=folder.name,
        dvc=version.md5,
        embedding_version=about["embedding_version"],
    )
    return named, about


def _others(run: Run, theirs: Encoders) -> Encoders:
    """Those of the champion's encoders that are not the profile's as well."""
    return tuple(one for one in theirs if one not in run.profile.encoders)
