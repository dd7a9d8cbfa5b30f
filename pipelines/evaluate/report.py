"""The report of one run: one HTML page a phone can read, the same content as JSON, and the
bulletin.

The page is self-contained (no script, font or picture from elsewhere) and every text in it is
escaped, because names and messages come from incoming data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.contracts import CURRENT
from pipelines.data.boundaries import UnitShapes
from pipelines.evaluate import (
    report_filling,
    report_forecast,
    report_lambda,
    report_modalities,
    report_numbers,
    report_rule,
    report_views,
)
from pipelines.evaluate.bulletin_page import BULLETIN, bulletin
from pipelines.evaluate.pages import templates
from pipelines.storage import write_atomic, write_json
from pipelines.words import words_of

HTML, JSON = "report.html", "report.json"


@dataclass(frozen=True)
class ReportContext:
    """Everything a report is made of, from the outputs of the run's steps.

    All but the first four may be left empty; their section then says that there is nothing.

    Attributes:
        decision: Decision.to_json() of the gate.
        metrics: summary.summarise() of the backtest, or empty if it could not be made.
        issues: contracts.Issue records as dicts.
        tuning: fused head -> {lambda_shift, lambda_reason, epochs, lambda_curve, ...}, as train
            left them (training.candidates), of the recipe that was trained for deployment.
        names: municipality_code -> name.
        thresholds: the dataset's thresholds.parquet.
        label_rule_id: rule of the thresholds; fixed_rule: it has one reference for every origin.
        outbreak_rates: year -> share of outbreak weeks among the labelled rows of the features.
        reporting_delay_weeks: of the profile.
        synthetic_scenes: whether any scene was rendered and not taken by a satellite.
        scenes_fetched: what the run fetched of scenes, a sentence, "" if it was not asked to.
        language: of the bulletin, as the place has it.
        forecast: forecast_table(), or None; forecast_version: its name; forecast_note: why there is
            none, or its version.
        shapes: of the units, for a map of the forecast.
        rises_not_forecast: codes of units without a forecast whose newest count looks too high.
        horizons_withheld: weeks ahead that nothing is forecast, because no sane model for them
            serves.
        embedding: modality -> {counts} of the embedding work.
        lineage: pairs (what, id) from the drop to the registered version, in that order.
        versions: library -> version.
        links: label -> URI of what lies elsewhere (Data Docs, MLflow run).
        filling: newest weeks that are still being reported, and the table of delays
            (steps/filling.py).
    """

    run_id: str
    profile: str
    as_of_week: str
    decision: Mapping[str, Any]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    issues: Sequence[Mapping[str, Any]] = ()
    tuning: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    thresholds: pd.DataFrame | None = None
    label_rule_id: str = ""
    fixed_rule: bool = True
    outbreak_rates: Mapping[str, float] = field(default_factory=dict)
    reporting_delay_weeks: int = 0
    synthetic_scenes: bool = False
    scenes_fetched: str = ""
    language: str = "en"
    forecast: pd.DataFrame | None = None
    forecast_version: str = ""
    forecast_note: str = ""
    shapes: UnitShapes | None = None
    not_forecast: Sequence[str] = ()
    rises_not_forecast: Sequence[str] = ()
    horizons_withheld: Sequence[int] = ()
    embedding: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lineage: Sequence[tuple[str, str]] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    filling: Mapping[str, Any] = field(default_factory=dict)


def build_report(context: ReportContext, out: Path) -> Path:
    """Write the report, the bulletin and the report as JSON into the folder `out`; the report's
    path.
    """
    write_json(out / JSON, _record(context), spaced=False)
    write_atomic(out / BULLETIN, _bulletin(context))
    return write_atomic(out / HTML, _page(context))


def _bulletin(context: ReportContext) -> str:
    table = context.forecast
    about = {
        "data_state": CURRENT,
        "data_until": context.as_of_week,
        "horizons_withheld": context.horizons_withheld,
        "synthetic_scenes": context.synthetic_scenes,
    }
    if table is not None and "model_version" in table.columns:
        about["model_version"] = str(table["model_version"].iloc[0])
    return bulletin(
        about,
        table,
        context.forecast_version,
        context.shapes,
        words_of(context.language),
        context.metrics,
        len(context.not_forecast),
        context.filling,
        [f"{context.names.get(code, code)} ({code})" for code in context.rises_not_forecast],
    )


def _page(context: ReportContext) -> str:
    metrics = report_views.in_order(context.metrics)
    return (
        templates()
        .get_template("report.html.j2")
        .render(
            context=context,
            first_line=context.decision["first_line"],
            decision=context.decision,
            verdict=report_views.verdict(context.decision),
            cards=report_views.cards(context.decision, metrics, context.forecast),
            comparisons=report_views.comparisons(context.decision),
            power=report_views.power(context.decision),
            sanity=report_views.sanity(context.decision),
            issues=report_views.issues(context.issues),
            horizons=report_views.horizons(metrics, context.decision),
            brier_picture=report_views.brier_picture(metrics),
            years=report_views.years(metrics, context.decision),
            score_labels=list(report_views.SCORES.values()),
            onset=report_views.onset(metrics),
            municipalities=report_views.municipalities(metrics, context.decision, context.names),
            calibration_picture=report_views.calibration_picture(metrics, context.decision),
            gaps=report_modalities.gaps(metrics),
            modalities=report_modalities.modalities(metrics),
            lambdas=report_lambda.lambdas(context.tuning, metrics),
            reference=report_rule.reference(context.thresholds, metrics),
            rule_years=report_rule.by_year(context.outbreak_rates, context.thresholds, metrics),
            w=words_of("en"),
            forecast=report_forecast.forecast(context.forecast, metrics, context.shapes),
            embedding=report_numbers.key_values(context.embedding),
            filling=report_filling.filling(context.filling, context.names),
        )
    )


def _record(context: ReportContext) -> dict[str, Any]:
    frames = {"thresholds": report_rule.newest(context.thresholds), "forecast": context.forecast}
    tables = {
        name: None
        if frame is None
        else json.loads(frame.to_json(orient="records", date_format="iso"))
        for name, frame in frames.items()
    }
    return {
        "first_line": context.decision["first_line"],
        "run_id": context.run_id,
        "profile": context.profile,
        "as_of_week": context.as_of_week,
        "decision": dict(context.decision),
        "metrics": dict(context.metrics),
        "issues": [dict(issue) for issue in context.issues],
        "tuning": {head: dict(found) for head, found in context.tuning.items()},
        "label_rule_id": context.label_rule_id,
        "outbreak_rates": dict(context.outbreak_rates),
        "reporting_delay_weeks": context.reporting_delay_weeks,
        "synthetic_scenes": context.synthetic_scenes,
        "scenes_fetched": context.scenes_fetched,
        "forecast_note": context.forecast_note,
        "not_forecast": list(context.not_forecast),
        "embedding": {name: dict(counts) for name, counts in context.embedding.items()},
        "lineage": [{"what": what, "id": value} for what, value in context.lineage],
        "versions": dict(context.versions),
        "links": dict(context.links),
        "filling": dict(context.filling),
        **tables,
    }
