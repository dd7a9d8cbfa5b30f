"""The result of a step in a sentence, and which documents it left: for logs and for people's pages.

Read from the step's own output, artifacts/runs/<run>/<step>.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from pipelines.config import TestYears, load_profile
from pipelines.errors import DenguardError
from pipelines.run import RunParams
from pipelines.run import outputs as out
from pipelines.steps import scene_words

KINDS: dict[str, type[BaseModel]] = {
    "start": RunParams,
    "embed_shard": out.ShardOutput,
    "backtest": out.BacktestOutput,
    **{
        kind.step: kind
        for kind in (
            out.SceneFetchOutput,
            out.IngestOutput,
            out.ValidateOutput,
            out.SnapshotOutput,
            out.PlanOutput,
            out.FeaturesOutput,
            out.TrainOutput,
            out.EvaluateOutput,
            out.GateOutput,
            out.RegisterOutput,
            out.DeployOutput,
            out.ForecastOutput,
            out.ReportOutput,
        )
    },
}


def is_of_a_step(name: str) -> bool:
    """Whether a file of a run's folder may be an output of this name: a step's, or a part's."""
    return name in KINDS


def read(step: str, raw: Mapping[str, object]) -> BaseModel | None:
    """A step's output as it lies in a run's folder; None if a step of another version wrote it."""
    try:
        return KINDS[step].model_validate(raw, extra="ignore") if step in KINDS else None
    except ValidationError:
        return None


def summarise(output: object) -> str:
    """One sentence on what a step's output means; a step without one of its own is just done."""
    match output:
        case RunParams():
            return _start(output)
        case out.SceneFetchOutput():
            return scene_words.said(output)
        case out.IngestOutput():
            return f"drops: {', '.join(drop.received_date for drop in output.drops)}"
        case out.ValidateOutput():
            return _validate(output)
        case out.SnapshotOutput():
            return f"dataset version {output.dataset_version}, up to {output.as_of_week}"
        case out.PlanOutput():
            return _plan(output)
        case out.ShardOutput():
            return _shard(output)
        case out.FeaturesOutput():
            return f"feature version {output.feature_version}, up to {output.as_of_week}"
        case out.TrainOutput():
            return _train(output)
        case out.BacktestOutput():
            return f"year {output.year} replayed for {' and '.join(_replayed(output))}"
        case out.EvaluateOutput():
            return f"scored {len(output.predictions)} test years: {output.metrics}"
        case out.GateOutput():
            return f"{output.decision}: {output.first_line}"
        case out.RegisterOutput():
            return _register(output)
        case out.DeployOutput():
            return _deploy(output)
        case out.ForecastOutput():
            return output.note
        case out.ReportOutput():
            return output.first_line
    return "finished"


def artifacts_of(run_id: str, output: object) -> dict[str, str]:
    """Title -> file a person may want to read, relative to home; empty if the step leaves none."""
    match output:
        case out.ValidateOutput():
            return {"data issues": output.issues_path}
        case out.EvaluateOutput():
            return {"metrics": output.metrics}
        case out.GateOutput():
            return {"decision record": f"artifacts/decisions/{run_id}.json"}
        case out.ForecastOutput(forecast=str(folder)):
            return {"forecast (CSV)": f"{folder}/forecast.csv"}
        case out.ReportOutput(report=page):
            return {"bulletin": f"{page.rpartition('/')[0]}/bulletin.html", "report": page}
    return {}


def end_facts(run_id: str, output: object) -> dict[str, Any]:
    """Facts of the line on a step that is done: `said`, `documents`, and of a step that
    plans others the names of their `parts`."""
    parts = _parts(output)
    more = {"parts": parts} if parts else {}
    return {"said": summarise(output), "documents": artifacts_of(run_id, output), **more}


def part_name(step: str, *items: object) -> str:
    """How one part of a step is called: `embed_shard_003`, `backtest_2016`, or the step's
    own name."""
    return "_".join([step, *(f"{item:03d}" for item in items if isinstance(item, int))])


def _parts(output: object) -> list[str]:
    match output:
        case out.PlanOutput():
            return [part_name("embed_shard", shard) for shard in output.shards]
        case out.SnapshotOutput():
            return [part_name("backtest", year) for year in output.test_years or ()]
        case RunParams():
            return [part_name("backtest", year) for year in _listed_years(output)]
    return []


def _listed_years(params: RunParams) -> Sequence[int]:
    """Of a profile that lists them; none of one that is not here any more."""
    try:
        wanted = load_profile(params.profile).evaluate.test_years
    except DenguardError:
        return ()
    return () if isinstance(wanted, TestYears) else wanted


def _start(output: RunParams) -> str:
    horizons = list(output.horizons) if output.horizons else "those of the profile"
    return (
        f"profile {output.profile}, origin week {output.as_of or 'the newest complete one'}, "
        f"horizons {horizons}"
    )


def _validate(output: out.ValidateOutput) -> str:
    issues = ", ".join(f"{n} {level}" for level, n in output.issues.items()) or "none"
    n = output.quarantined
    return f"data issues: {issues}; {n} {'row' if n == 1 else 'rows'} quarantined"


def _plan(output: out.PlanOutput) -> str:
    new = ", ".join(f"{c.missing} of {c.distinct} {m} inputs" for m, c in output.counts.items())
    lacking = sum(c.lacking or 0 for c in output.counts.values())
    return f"to embed: {new}; shards: {len(output.shards)}{_other_bands(lacking)}"


def _shard(output: out.ShardOutput) -> str:
    if not output.inputs:
        return f"nothing to embed: every {output.modality} input was known; no encoder was started"
    lacking = output.lacking or 0
    known = output.inputs - output.embedded - lacking
    encoder = "" if output.encoder_started else "; no encoder was started"
    return (
        f"{output.embedded} {output.modality} inputs embedded, {known} were known{encoder}"
        f"{_other_bands(lacking)}"
    )


def _other_bands(scenes: int) -> str:
    """Said of scenes that the encoder cannot read; "" if there are none."""
    return f"; scenes without the encoder's bands, where the image is missing: {scenes}" * (
        scenes > 0
    )


def _train(output: out.TrainOutput) -> str:
    return "; ".join(
        f"{head}: lambda {c.lambda_shift:g}, bundle {c.bundle_id}"
        for head, c in output.candidates.items()
    )


def _replayed(output: out.BacktestOutput) -> list[str]:
    return ["candidates"] if output.champion is None else ["candidates", "champion"]


def _register(output: out.RegisterOutput) -> str:
    if waiting := output.waiting_version:
        return f"registered as version {waiting}, which waits for a person; the champion stays"
    return (
        f"registered as version {output.version}"
        if output.version
        else "nothing registered: the gate kept the champion"
    )


def _deploy(output: out.DeployOutput) -> str:
    if output.error:
        return f"NOT deployed, the old champion serves: {output.error}"
    if not output.deployed:
        return "the champion stays"
    if output.serves:
        return f"version {output.version} serves"
    return f"version {output.version} is champion; the endpoint is {output.endpoint}"
