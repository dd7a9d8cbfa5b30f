"""What an MLflow run holds of a weekly run: hyper-parameters as params, ids and hashes as tags."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.contracts import HeadKind
from pipelines.run import Run
from pipelines.run import outputs as out

# Names of a recipe's leaves that say which bytes were used, not how training was set.
_IDENTITIES = ("sha256", "revision")


def params(run: Run) -> dict[str, str]:
    """The recipe of the judged head, flat (`train.linear_c`), and what validation chose with it.

    Of a run that judged no head it is the linear head's, which every profile can train; what was
    chosen is left out where no candidate of that head was trained.
    """
    head = judged_head(run)
    recipe = dict(_flat(run.profile.recipe(head)))
    found = {name: value for name, value in recipe.items() if not _is_identity(name)}
    made = run.output(out.TrainOutput).candidates.get(head)
    chosen = {name: _text(getattr(made, name)) for name in ("lambda_shift", "epochs") if made}
    more = {
        "candidates": ",".join(run.profile.train.names),
        "label_rule": run.profile.labels.rule_id,
    }
    return {**found, **chosen, **more}


def tags(run: Run) -> dict[str, str]:
    """Versions and hashes of data, vectors and recipe, and the decision."""
    snap, feat = run.output(out.SnapshotOutput), run.output(out.FeaturesOutput)
    drops, head = run.output(out.IngestOutput).drops, judged_head(run)
    recipe = dict(_flat(run.profile.recipe(head)))
    return {
        "profile": run.profile.profile,
        "as_of_week": snap.as_of_week,
        "drops": ",".join(f"{d.received_date}:{d.sha256[:16]}" for d in drops),
        "dataset_version": snap.dataset_version,
        "dataset_dvc_md5": snap.dvc,
        "embedding_version": feat.embedding_version,
        "feature_version": feat.feature_version,
        "features_dvc_md5": feat.dvc,
        "recipe_id": run.profile.recipe_id(head),
        "decision": run.output(out.GateOutput).decision,
        **{name: value for name, value in recipe.items() if _is_identity(name)},
    }


def judged_head(run: Run) -> HeadKind:
    """The head that the gate judged for service; the linear one if it did not come to that."""
    return run.output(out.GateOutput).head or "linear"


def _flat(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", _text(value)


def _is_identity(name: str) -> bool:
    return name.rpartition(".")[2] in _IDENTITIES


def _text(value: object) -> str:
    """Text as it is; numbers, lists and the like as JSON, so that 0.5 is the same text
    everywhere."""
    return value if isinstance(value, str) else json.dumps(value)
