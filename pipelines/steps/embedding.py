"""From a dataset version to a feature version: plan, embed in shards, join."""

from __future__ import annotations

from typing import Any

from pipelines.run import open_run
from pipelines.steps.box import box
from pipelines.storage import read_json, write_json

Output = dict[str, Any]


@box
def plan_embedding(run_id: str) -> Output:
    """List what has to be embedded: distinct inputs that the store does not hold, in shards."""
    from pipelines.embed.handed_over import fetch_spaces
    from pipelines.embed.plan import plan_embedding as plan

    run = open_run(run_id)
    fetch_spaces(run.places, *(config for _, config in run.profile.encoders))
    found = plan(run.path(run.output("snapshot")["dataset"]), run.profile, run.places)
    return run.finish(
        "plan_embedding",
        {
            "shards": list(range(len(found.titles))),
            "titles": list(found.titles),
            "work_files": [run.name(path) for path in found.work_files],
            "counts": found.counts,
            "new_inputs": run.name(write_json(run.folder / "new_inputs.json", found.new_inputs)),
        },
    )


@box
def embed_shard(run_id: str, shard: int) -> Output:
    """Embed one shard; starts the encoder process only if something is missing."""
    from pipelines.embed.handed_over import fetch_work, share_space
    from pipelines.embed.run import embed_shard as embed

    run = open_run(run_id)
    if not run.profile.encoders:
        return run.finish(
            f"embed_{shard:03d}",
            {
                "modality": "none",
                "inputs": 0,
                "encoder_started": False,
                "embedded": 0,
                "truncated": 0,
                "seconds": 0.0,
            },
        )
    work_file = run.path(run.output("plan_embedding")["work_files"][shard])
    fetch_work(run.places, work_file)
    counts = embed(work_file, run.profile, run.places)
    share_space(run.places, counts["space_id"])
    return run.finish(f"embed_{shard:03d}", counts)


@box
def features(run_id: str) -> Output:
    """Join samples, labels and vector keys into a feature version, kept by DVC."""
    from pipelines.embed.handed_over import fetch_spaces
    from pipelines.features.build import build_features
    from pipelines.steps.versions import feature_drafts
    from pipelines.versioning import add_versions

    run = open_run(run_id)
    fetch_spaces(run.places, *(config for _, config in run.profile.encoders))
    folder = build_features(run.path(run.output("snapshot")["dataset"]), run.profile, run.places)
    about = read_json(folder / "features.json")
    named = {name: about[name] for name in ("as_of_week", "dataset_version", "embedding_version")}
    version = add_versions(run.places, feature_drafts(run, folder, about))[-1]
    return run.finish(
        "features",
        {
            "features": run.name(folder),
            "feature_version": folder.name,
            "dvc": version.md5,
            **named,
        },
    )
