"""What this week's forecast and report are made from, gathered from a run's folders."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from pipelines.candidate_config import forecaster_kind
from pipelines.config import Profile
from pipelines.contracts import CURRENT, DataState
from pipelines.data.boundaries import UnitShapes, unit_shapes
from pipelines.data.samples import STATES_FILE, UNCONFIRMED_FILE
from pipelines.errors import ConfigError, LabelRuleError
from pipelines.evaluate.withheld import weeks_ahead
from pipelines.features.read import load_examples
from pipelines.fusion.bundle import Bundle, load_bundle, load_verified_bundle
from pipelines.inference.forecast import ForecastVersions, forecast_table, publish_forecast
from pipelines.inference.forecast_states import UnitStates, with_states
from pipelines.run import Run
from pipelines.run import outputs as out
from pipelines.run.withdrawn import withdrawal
from pipelines.steps.asked_horizons import require_some
from pipelines.steps.filling import filling
from pipelines.steps.readable import (
    as_trained,
    check_encoders,
    left_out_words,
    prompts_left_out,
)
from pipelines.steps.spaces import version_read_by
from pipelines.storage import read_json

if TYPE_CHECKING:
    from pipelines.evaluate.report import ReportContext
from pipelines.steps import report_inputs

log = logging.getLogger(__name__)
_LIBRARIES = (
    "denguard",
    "torch",
    "transformers",
    "timm",
    "scikit-learn",
    "lightgbm",
    "mlflow",
    "dvc",
    "great-expectations",
)


@dataclass(frozen=True)
class Material:
    """What a forecast is made from.

    Attributes:
        features: folder of the feature version.
        dataset: folder of the dataset version that it was built from.
    """

    features: Path
    dataset: Path
    profile: Profile
    artifacts: Path


def make_forecast(
    run: Run, bundle_folder: Path, version: str, provisional: bool = False
) -> tuple[Path, out.ForecastOutput]:
    """Forecast every municipality with the bundle that serves, and publish it.

    Raises:
        StoreError: the bundle is not sound here, or reads vectors that this run's features do not
            hold.
        LabelRuleError: the bundle was trained by another label rule than this run's.
        ConfigError: the bundle forecasts none of this run's horizons.
    """
    own = run.output(out.FeaturesOutput).features
    other = version_read_by(run, load_bundle(bundle_folder))
    features = run.path(own if other is None else other.features)
    material = Material(features, _dataset(run), run.profile, run.paths.artifacts)
    folder, table = forecast_of(material, bundle_folder, version, provisional)
    note = (
        f"forecast version {folder.name}, by model version "
        f"{version}{', which is provisional' if provisional else ''}"
        f"{_not_ahead(folder)}{left_out_words(read_json(folder / 'forecast.json'))}"
        f"{_taken_back(run, folder.name)}"
    )
    return folder, out.ForecastOutput(
        **({} if other is None else {"feature_version": other.feature_version}),
        forecast=run.name(folder),
        forecast_version=folder.name,
        rows=len(table),
        note=note,
    )


def _not_ahead(folder: Path) -> str:
    """Horizons that no row is forecast at, because the model is not sane there."""
    withheld = _withheld_in(folder)
    if not withheld:
        return ""
    return f"; nothing is forecast {weeks_ahead(withheld)}: no sane model for that serves"


def _withheld_in(folder: Path) -> list[int]:
    """Those of a published forecast."""
    horizons: Any = read_json(folder / "forecast.json").get("horizons_withheld", ())
    return list(horizons)


def _taken_back(run: Run, version: str) -> str:
    """Equal data and model make a forecast again that somebody withdrew; it stays withdrawn."""
    record = withdrawal(run.paths, "forecast", version)
    return f"; the very forecast that was {record.words()}" if record else ""


def forecast_of(
    material: Material,
    bundle_folder: Path,
    version: str,
    provisional: bool = False,
    data_state: DataState = CURRENT,
    facts: Mapping[str, object] | None = None,
) -> tuple[Path, pd.DataFrame]:
    """Forecast and publish; the published folder and its table. Raises as make_forecast does."""
    features, profile = material.features, material.profile
    about, bundle = read_json(features / "features.json"), load_verified_bundle(bundle_folder)
    check_rule(bundle, about, profile)
    check_encoders(bundle, about, profile)
    require_some(bundle.meta.horizons_weeks, profile.evaluate.horizons_weeks, version)
    horizons = [h for h in bundle.meta.horizons_weeks if h in profile.evaluate.horizons_weeks]
    usable = replace(bundle, models={h: bundle.models[h] for h in horizons})
    versions = ForecastVersions(
        model_version=version,
        bundle_id=bundle_folder.name,
        dataset_version=str(about["dataset_version"]),
        embedding_version=str(about["embedding_version"]),
        synthetic_scenes=bool(about["synthetic_scenes"]),
        provisional=provisional,
        data_state=data_state,
    )
    origin = bundle.calendar.week_no(str(about["as_of_week"]))
    newest = {h: load_examples(features, h, origin) for h in horizons}
    examples = as_trained(bundle, about, newest)
    table = forecast_table(
        usable,
        examples,
        str(about["as_of_week"]),
        names(material.dataset),
        report_inputs.scenes(features),
        versions,
        parents(material.dataset),
    )
    table = with_states(table, usable, examples, states_of(material.dataset))
    without = not_forecast(material.dataset, table)
    withheld = withheld_horizons(bundle, profile)
    facts = {**(facts or {}), **({"horizons_withheld": withheld} if withheld else {})}
    if prompts_left_out(bundle, about):
        facts["prompts_left_out"] = True
    return publish_forecast(table, material.artifacts / "forecasts", without, facts), table


def withheld_horizons(bundle: Bundle, profile: Profile) -> list[int]:
    """Horizons of the profile that the bundle was trained for and leaves out: not sane there."""
    trained = set(map(int, bundle.meta.recipe.get("horizons_weeks", ())))
    return sorted(
        (trained & set(profile.evaluate.horizons_weeks)) - set(bundle.meta.horizons_weeks)
    )


def names(dataset: Path) -> dict[str, str]:
    """municipality_code -> name."""
    units = report_inputs.units(dataset)
    return dict(zip(units["unit_id"], units["name"], strict=True))


def parents(dataset: Path) -> dict[str, str]:
    """municipality_code -> what it lies in, of those whose files name it."""
    units = report_inputs.units(dataset)
    known = units.dropna(subset=["parent"]) if "parent" in units.columns else units.iloc[:0]
    return {str(row["unit_id"]): str(row["parent"]) for row in known.to_dict("records")}


def shapes(profile: Profile, units: Iterable[str]) -> UnitShapes | None:
    """Shapes of the units, where the place declares some; what is wrong with them is in the
    report of `validate`.
    """
    declared = profile.place.boundaries
    if declared is None:
        return None
    try:
        return unit_shapes(declared, units, profile.codes)
    except ConfigError as err:
        log.warning("the report has no map: %s", err)
        return None


def states_of(dataset: Path) -> UnitStates | None:
    """Units of a dataset that are held, unconfirmed or did not report; None if none is."""
    if not (dataset / STATES_FILE).is_file():
        return None
    path = dataset / UNCONFIRMED_FILE
    rows = pd.read_parquet(path) if path.is_file() else pd.DataFrame({"sample_id": []})
    return UnitStates(pd.read_parquet(dataset / STATES_FILE), rows)


def not_forecast(dataset: Path, table: pd.DataFrame | None) -> list[str]:
    """Units that the label rule refuses, altogether or at this origin; without a forecast the
    former.
    """
    thresholds = report_inputs.thresholds(dataset)
    units = set(thresholds["unit_id"])
    labelled = set(thresholds.loc[thresholds["in_pool"].astype(bool), "unit_id"])
    return sorted(units - (labelled if table is None else set(table["municipality_code"])))


def gather(run: Run) -> ReportContext:
    """Everything the report of a run shows."""
    from pipelines.evaluate.report import ReportContext  # draws pictures; a forecast needs none

    snap, made = run.output(out.SnapshotOutput), run.output(out.ForecastOutput)
    candidates, folder = run.output(out.TrainOutput).to_json()["candidates"], made.forecast
    table = None if folder is None else pd.read_parquet(run.path(folder) / "forecast.parquet")
    dataset = _dataset(run)
    left_out = not_forecast(dataset, table)
    known, docs = names(dataset), quote(run.output(out.ValidateOutput).data_docs)
    return ReportContext(
        run_id=run.run_id,
        profile=run.profile.profile,
        as_of_week=snap.as_of_week,
        decision=run.output(out.GateOutput).to_json(),
        metrics=read_json(run.path(run.output(out.EvaluateOutput).metrics)),
        issues=report_inputs.issues(run),
        tuning={h: c for h, c in candidates.items() if forecaster_kind(h).reads_vectors},
        names=known,
        shapes=None if table is None else shapes(run.profile, known),
        thresholds=report_inputs.thresholds(dataset),
        label_rule_id=run.profile.labels.rule_id,
        fixed_rule=run.profile.labels.rule.fixed,
        outbreak_rates=_features(run).get("outbreak_rates", {}),
        reporting_delay_weeks=run.profile.data.reporting_delay_weeks,
        synthetic_scenes=snap.synthetic_scenes,
        scenes_fetched=report_inputs.scenes_fetched(run),
        language=run.profile.place.language,
        forecast=table,
        forecast_version=made.forecast_version or "",
        forecast_note=made.note,
        not_forecast=left_out,
        rises_not_forecast=report_inputs.rises_among(dataset, left_out),
        horizons_withheld=() if folder is None else _withheld_in(run.path(folder)),
        filling=filling(run),
        embedding=report_inputs.embedding(run),
        lineage=report_inputs.lineage(run),
        versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
        links={"Data Docs (their style needs internet)": f"../../../{docs}/index.html"},
    )


def check_rule(bundle: Bundle, about: dict[str, Any], profile: Profile) -> None:
    """Raise LabelRuleError if a bundle's thresholds are not those of a feature version."""
    theirs, ours = bundle.meta.label_rule_id, str(about["label_rule_id"])
    plain = "thresholds_id" not in about
    if theirs == ours and bundle.thresholds.plain == plain:
        return
    differ = (
        f"by {theirs}, this run's by {ours}"
        if theirs != ours
        else "in another form than this run's"
    )
    raise LabelRuleError(
        f"the champion's thresholds are made {differ}: its weights say nothing about other "
        "thresholds",
        where=f"profile {profile.profile}",
        fix=(
            f"to change the rule for good, run `denguard adopt-rule --profile {profile.profile} "
            "--by NAME --reason TEXT` and the weekly cycle again; else set labels.rule back"
        ),
    )


def _features(run: Run) -> dict[str, Any]:
    return read_json(run.path(run.output(out.FeaturesOutput).features) / "features.json")


def _dataset(run: Run) -> Path:
    return run.path(run.output(out.SnapshotOutput).dataset)
