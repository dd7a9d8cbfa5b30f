"""From a decision to this week's bulletin: register, deploy, forecast, report.

A failed deployment still yields a forecast.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

from pipelines.contracts import CHALLENGER
from pipelines.errors import DeployError
from pipelines.run import open_run
from pipelines.run import outputs as out
from pipelines.run.success import record_success
from pipelines.steps import run_facts
from pipelines.steps.cycle import covers_published_data
from pipelines.steps.decorator import step
from pipelines.storage import read_json

log = logging.getLogger(__name__)


@step
def register(run_id: str) -> out.RegisterOutput:
    """Record the run in MLflow with its settings and hashes, and the promoted bundle as a
    version."""
    from pipelines.registry.aliases import set_alias
    from pipelines.registry.register import register_bundle
    from pipelines.registry.tracking import log_run
    from pipelines.steps.judged import folder_of_decision
    from pipelines.steps.versions import bundle_draft
    from pipelines.versioning import add_versions

    run = open_run(run_id)
    decision, params, tags = run.output(out.GateOutput), run_facts.params(run), run_facts.tags(run)
    metrics = _headline(read_json(run.path(run.output(out.EvaluateOutput).metrics)))
    files = {"gate": run.folder / "gate.json", "metrics": run.folder / "metrics.json"}
    waits = decision.waits_for_person
    if decision.decision != "promote" and not waits:
        mlflow_run = log_run(
            run_id, params=params, metrics=metrics, tags=tags, artifacts=files, paths=run.paths
        )
        return run.finish(out.RegisterOutput(version=None, mlflow_run=mlflow_run))
    folder = folder_of_decision(run, decision)
    files["receipt"] = folder / "receipt.json"
    version = register_bundle(
        folder / "bundle",
        run_id,
        params,
        metrics,
        tags,
        files,
        paths=run.paths,
        model_name=run.profile.model_name,
        provisional=decision.provisional,
    )
    add_versions(run.paths, [bundle_draft(run, folder, str(decision.bundle_id))])
    if waits:  # a person can let it serve; until then the champion does
        return run.finish(
            out.RegisterOutput(version=None, waiting_version=version, mlflow_run=None)
        )
    set_alias(CHALLENGER, version, paths=run.paths, model_name=run.profile.model_name)
    return run.finish(out.RegisterOutput(version=version, mlflow_run=None))


@step
def deploy(run_id: str) -> out.DeployOutput:
    """Let the promoted version serve and watch the endpoint take it; else put everything back."""
    run = open_run(run_id)
    version, decision = run.output(out.RegisterOutput).version, run.output(out.GateOutput)
    if version is None:
        return run.finish(out.DeployOutput(deployed=False, error=None, champion_stays=True))
    from pipelines.registry.aliases import AuditReason
    from pipelines.registry.deploy import deploy as deploy_champion
    from pipelines.steps.decision_record import reason_for_audit

    try:
        done = deploy_champion(
            version,
            None,
            run.profile.serving.take_over_timeout_s,
            paths=run.paths,
            model_name=run.profile.model_name,
            why=AuditReason("weekly cycle", reason_for_audit(run, decision.reasons[-1]), run_id),
            compared_with=[decision.champion.version if decision.champion else None],
        )
    except DeployError as err:
        # The old champion serves again, so this week's forecast must still be made with it; the
        # report step turns the run red.
        log.error("%s", err)
        return run.finish(out.DeployOutput(deployed=False, error=str(err), champion_stays=True))
    return run.finish(out.DeployOutput(deployed=True, error=None, **asdict(done)))


@step
def forecast(run_id: str) -> out.ForecastOutput:
    """One row per municipality and horizon by the bundle that serves, as a version of its own."""
    from pipelines.registry.champion import prepared_champion
    from pipelines.registry.lookup import fetch_bundle
    from pipelines.registry.retries import with_retries
    from pipelines.steps.bulletin import make_forecast
    from pipelines.steps.versions import forecast_draft
    from pipelines.versioning import add_versions

    run = open_run(run_id)
    champion = with_retries(lambda: prepared_champion(run.paths, run.profile.model_name))
    if champion is None:
        why = f"There is no champion, so no forecast. {run.output(out.GateOutput).first_line}"
        return run.finish(out.ForecastOutput(forecast=None, note=why))
    bundle = fetch_bundle(champion.version, paths=run.paths, model_name=run.profile.model_name)
    folder, made = make_forecast(run, bundle, champion.version, champion.provisional)
    add_versions(run.paths, [forecast_draft(run, folder, bundle.name, made.feature_version)])
    return run.finish(made)


@step
def report(run_id: str) -> out.ReportOutput:
    """Write the HTML and JSON report; a deployment that failed turns the run red here."""
    from pipelines.evaluate.kept_pictures import kept_in
    from pipelines.evaluate.report import build_report
    from pipelines.steps.bulletin import gather
    from pipelines.steps.versions import report_draft
    from pipelines.versioning import add_versions

    run = open_run(run_id)
    with kept_in(run.paths.artifacts / "cache" / "pictures"):
        page = build_report(gather(run), run.paths.artifacts / "reports" / run_id)
    run.name(page.parent)
    add_versions(run.paths, [report_draft(run, page.parent)])
    line = run.output(out.GateOutput).first_line
    output = run.finish(out.ReportOutput(report=run.name(page), first_line=line))
    made = run.output(out.ForecastOutput)
    if made.forecast_version is not None:  # a watchdog asks for the forecast, whoever made it
        record_success(
            run.paths,
            run_id,
            run.output(out.SnapshotOutput).as_of_week,
            made.forecast_version,
            calendar=run.profile.calendar,
            covers_published_data=covers_published_data(run),
        )
    error = run.output(out.DeployOutput).error
    if error:
        raise DeployError(
            f"the new champion was not deployed: {error}",
            where=run_id,
            fix=(
                "correct the cause and run the cycle again; the report and the forecast of the "
                "old champion are there"
            ),
        )
    return output


def _headline(metrics: dict[str, Any]) -> dict[str, float]:
    """Brier score and skill of each head and baseline by horizon, as MLflow metrics."""
    found = {}
    for horizon, record in metrics["horizons"].items():
        for head, scores in record["heads"].items():
            for name in ("brier", "auprc", "macro_f1"):
                if scores.get(name) is not None:
                    found[f"h{int(horizon):02d}.{head}.{name}"] = float(scores[name])
    return found
