"""A seasonal rule in the pipeline: samples, features, backtest, bundle, prediction, forecast."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.rule_worlds import Prepared, prepare, season_of

from pipelines.contracts import EncoderSpec
from pipelines.data.labels import outbreak_rates
from pipelines.data.samples import resolve_as_of
from pipelines.errors import ConfigError, LabelRuleError, StoreError
from pipelines.evaluate.backtest import backtest_year
from pipelines.features.build import build_features, thresholds_in, version_of
from pipelines.features.read import load_examples
from pipelines.fusion.bundle import Bundle, load_bundle, load_verified_bundle, write_bundle
from pipelines.inference.vectors import VectorInput, vector_examples
from pipelines.steps.bulletin import check_rule
from pipelines.storage import read_json, sha256_file, write_json
from pipelines.training.candidates import train_candidate
from pipelines.weeks import CDC


@pytest.fixture(scope="session")
def bundle(prepared: Prepared) -> Bundle:
    made = train_candidate(
        prepared.features, "linear", prepared.profile, prepared.paths.artifacts / "candidates"
    )
    return load_verified_bundle(Path(made.folder) / "bundle")


@pytest.fixture(scope="session")
def rows(prepared: Prepared) -> pd.DataFrame:
    return pd.read_parquet(prepared.features / "rows.parquet")


def _limits(prepared: Prepared) -> pd.Series:
    table = pd.read_parquet(prepared.dataset / "thresholds.parquet")
    usable = table[table["refused_reason"].isna()]
    return usable.set_index(["unit_id", "origin_year", "season_week"])["threshold_cases"]


def test_every_row_of_the_features_has_the_threshold_of_its_year_and_season(
    prepared: Prepared, rows: pd.DataFrame
) -> None:
    keys = zip(
        rows["unit_id"],
        rows["origin_week_no"].map(CDC.epi_year),
        rows["target_week_no"].map(season_of),
        strict=True,
    )
    wanted = _limits(prepared).reindex(pd.MultiIndex.from_tuples(list(keys)))
    np.testing.assert_array_equal(rows["threshold_cases"], wanted)
    known = rows["cases"].notna()
    np.testing.assert_array_equal(
        rows.loc[known, "label"] == 1, rows.loc[known, "cases"] > rows.loc[known, "threshold_cases"]
    )
    assert rows.loc[~known, "label"].isna().all()


def test_rows_without_a_threshold_are_left_out_of_the_features(
    prepared: Prepared, rows: pd.DataFrame
) -> None:
    samples = pd.read_parquet(prepared.dataset / "samples")
    assert 0 < len(rows) < len(samples)
    assert rows["threshold_cases"].notna().all()
    assert (rows["threshold_cases"] > 0).all()


def test_features_say_the_rates_and_keep_the_thresholds(
    prepared: Prepared, rows: pd.DataFrame
) -> None:
    about = read_json(prepared.features / "features.json")
    assert about["outbreak_rates"] == {str(y): r for y, r in outbreak_rates(rows, CDC).items()}
    assert version_of(prepared.features) == prepared.features.name
    kept = thresholds_in(prepared.features, CDC)
    assert kept is not None
    (prepared.features / "thresholds.parquet").rename(prepared.features / "aside")
    assert build_features(prepared.dataset, prepared.profile, prepared.paths) == prepared.features
    again = thresholds_in(prepared.features, CDC)
    assert again is not None
    np.testing.assert_array_equal(kept.cases, again.cases)


def test_no_head_and_no_baseline_meets_an_unknown_threshold(prepared: Prepared) -> None:
    examples = {h: load_examples(prepared.features, h) for h in (1, 4)}
    assert all(np.isfinite(e.threshold_cases).all() for e in examples.values())
    blind = ("prevalence", "persistence", "persistence_calibrated", "climatology")
    found = backtest_year(examples, prepared.profile, ["linear"], 2018, blind)
    assert found["probability"].between(0, 1).all()
    assert found["label"].isin([0.0, 1.0]).all()


def test_a_bundle_asks_the_same_thresholds_as_the_features(
    bundle: Bundle, rows: pd.DataFrame
) -> None:
    assert bundle.meta.threshold_cases == {}
    assert bundle.meta.label_rule_id == "channel_median3_hw1"
    assert set(bundle.thresholds.unit_ids) == set(rows["unit_id"])
    origins, targets = (
        rows[name].to_numpy(np.int64) for name in ("origin_week_no", "target_week_no")
    )
    np.testing.assert_array_equal(
        bundle.thresholds.of_rows(list(rows["unit_id"]), origins, targets), rows["threshold_cases"]
    )


def test_vectors_get_their_threshold_or_are_refused(bundle: Bundle) -> None:
    origin = CDC.week_no("2018-w48")
    examples = vector_examples(bundle, 4, [VectorInput("unit-5", {}, origin_week_no=origin)])
    assert examples.threshold_cases[0] == np.float32(bundle.thresholds.of("unit-5", origin, 4))
    with pytest.raises(ConfigError, match="no origin week"):
        vector_examples(bundle, 4, [VectorInput("unit-5", {})])


def test_mlflow_s_model_reads_the_origin_week(bundle: Bundle) -> None:
    from pipelines.registry.pyfunc_model import DenguardModel

    model = DenguardModel()
    model.bundle = bundle
    frame = pd.DataFrame(
        {"municipality_code": ["unit-5"], "horizon_weeks": [4], "origin_week": ["2018-w48"]}
    )
    assert model.predict(None, frame)["probability"].between(0, 1).all()
    with pytest.raises(ConfigError, match="no origin week"):
        model.predict(None, frame.drop(columns="origin_week"))


def test_a_forecast_has_the_newest_origin_s_thresholds(prepared: Prepared, bundle: Bundle) -> None:
    from pipelines.inference.forecast import ForecastVersions, forecast_table

    examples = {h: load_examples(prepared.features, h) for h in (1, 4)}
    scenes = pd.DataFrame({"sample_id": [], "image_date": [], "image_quality": []}).astype(object)
    versions = ForecastVersions("1", "b", "d", "e", synthetic_scenes=False)
    table = forecast_table(bundle, examples, "2018-w48", {}, scenes, versions)
    for row in table.to_dict("records"):
        limit = bundle.thresholds.of(
            row["municipality_code"], CDC.week_no("2018-w48"), row["horizon_weeks"]
        )
        assert row["threshold_cases"] == pytest.approx(limit, rel=1e-6)


def test_a_bundle_of_another_rule_is_refused_with_the_command(
    prepared: Prepared, bundle: Bundle
) -> None:
    about = read_json(prepared.features / "features.json")
    check_rule(bundle, about, prepared.profile)
    with pytest.raises(
        LabelRuleError, match=r"made by channel_median3_hw1, this run's by q0\.75_rolling5"
    ) as caught:
        check_rule(bundle, {**about, "label_rule_id": "q0.75_rolling5"}, prepared.profile)
    assert "denguard adopt-rule --profile small" in caught.value.fix
    plain = Bundle(
        bundle.meta.model_copy(update={"threshold_cases": {"unit-5": 3.0}}), bundle.models
    )
    with pytest.raises(LabelRuleError, match="in another form"):
        check_rule(plain, about, prepared.profile)


def test_a_bundle_holds_thresholds_in_one_form(bundle: Bundle, tmp_path: Path) -> None:
    both = replace(bundle, meta=bundle.meta.model_copy(update={"threshold_cases": {"unit-5": 3.0}}))
    with pytest.raises(StoreError, match="lie in bundle"):
        write_bundle(both, tmp_path / "both")


def test_varying_thresholds_are_a_file_that_is_read_when_they_are_asked_for(
    bundle: Bundle, tmp_path: Path
) -> None:
    folder = write_bundle(bundle, tmp_path / "bundle")
    assert "thresholds.parquet" in read_json(folder / "bundle.json")["files"]
    lazy = load_bundle(folder)
    (folder / "thresholds.parquet").rename(folder / "aside")
    with pytest.raises(StoreError, match="cannot be read"):
        _ = lazy.thresholds
    (folder / "aside").rename(folder / "thresholds.parquet")
    np.testing.assert_array_equal(lazy.thresholds.cases, bundle.thresholds.cases)


def test_a_bundle_whose_thresholds_are_none_may_not_serve(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_bundle(bundle, tmp_path / "bundle")
    (folder / "thresholds.parquet").write_bytes(b"no table")
    about = read_json(folder / "bundle.json")
    write_json(
        folder / "bundle.json",
        {**about, "files": {name: sha256_file(folder / name) for name in about["files"]}},
    )
    load_bundle(folder)
    with pytest.raises(StoreError, match="the thresholds cannot be read"):
        load_verified_bundle(folder)


def test_a_fixed_rule_leaves_features_and_bundle_as_they_were(tmp_path: Path) -> None:
    rule = {"kind": "quantile", "q": 0.5, "reference": ["2016-w01", "2017-w52"]}
    fixed = prepare(rule, tmp_path)
    about = read_json(fixed.features / "features.json")
    assert "thresholds_id" not in about
    assert not (fixed.features / "thresholds.parquet").exists()
    made = train_candidate(fixed.features, "linear", fixed.profile, tmp_path / "candidates")
    bundle = load_verified_bundle(Path(made.folder) / "bundle")
    table = pd.read_parquet(fixed.dataset / "thresholds.parquet")
    pool = table[table["in_pool"]].set_index("unit_id")["threshold_cases"]
    assert bundle.meta.threshold_cases == pool.to_dict()
    assert bundle.varying is None
    without = vector_examples(bundle, 4, [VectorInput("unit-5", {})])
    assert without.threshold_cases[0] == np.float32(pool["unit-5"])


def test_a_bundle_does_not_say_where_the_template_lay(prepared: Prepared, tmp_path: Path) -> None:
    place = prepared.profile.place.model_copy(update={"prompt": tmp_path / "own.yaml"})
    profile = prepared.profile.model_copy(update={"place": place})
    made = train_candidate(prepared.features, "linear", profile, tmp_path / "candidates")
    said = (Path(made.folder) / "bundle" / "bundle.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in said


def test_a_model_that_reads_text_is_not_trained_without_its_template(
    prepared: Prepared, tmp_path: Path
) -> None:
    features = Path(shutil.copytree(prepared.features, tmp_path / "features"))
    spec = EncoderSpec("hf_text", "text", 8, "w", "p", "mean", "float32", 1, "c")
    about = {
        **read_json(features / "features.json"),
        "text": asdict(spec),
        "prompt_template_id": "gone",
    }
    write_json(features / "features.json", about)
    with pytest.raises(ConfigError, match="prompt template gone that the rows were made from"):
        train_candidate(features, "early", prepared.profile, tmp_path / "candidates")
    assert not list((tmp_path / "candidates").glob("*"))


def test_a_pool_that_is_empty_says_the_most_frequent_reason(
    prepared: Prepared, tmp_path: Path
) -> None:
    from pipelines.data.samples import build_dataset
    from pipelines.label_config import LabelConfig

    labels = LabelConfig(rule=prepared.profile.labels.rule, min_reference_cases=10**6)
    profile = prepared.profile.model_copy(update={"labels": labels})
    with pytest.raises(
        ConfigError,
        match=r"training pool \(most often: fewer than 1000000 cases in the years before\)",
    ):
        build_dataset(prepared.tables, profile, None, [], tmp_path)


def test_a_short_history_has_no_traceback(tmp_path: Path, prepared: Prepared) -> None:
    from pipelines.data.samples import build_dataset

    cases = prepared.tables.cases
    young = replace(prepared.tables, cases=cases[cases["week_no"] >= CDC.week_no("2018-w05")])
    with pytest.raises(ConfigError, match=r"lies before the first one|training pool"):
        build_dataset(young, prepared.profile, None, [], tmp_path)


def test_a_history_without_a_year_before_any_origin_says_how_long_it_is(prepared: Prepared) -> None:
    cases = prepared.tables.cases
    young = replace(prepared.tables, cases=cases[cases["week_no"] >= CDC.week_no("2018-w05")])
    with pytest.raises(ConfigError, match=r"^44 weeks of history are too few") as caught:
        resolve_as_of(young, prepared.profile, None)
    assert caught.value.where == "counts 2018-w05..2018-w48" and "earlier years" in caught.value.fix
