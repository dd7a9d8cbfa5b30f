"""The dataset folder: its rows, its name and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from support.municipal import DROPS

from pipelines.config import Profile, load_profile
from pipelines.contracts import COVARIATE_NAMES, SAMPLE_INPUTS, SAMPLE_KEYS
from pipelines.data import availability
from pipelines.data.prompts import load_template
from pipelines.data.samples import build_dataset, resolve_as_of
from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.data.tables import Tables
from pipelines.errors import ConfigError, LeakageError, StoreError
from pipelines.storage import folder_id, manifest_of, read_json
from pipelines.weeks import CDC

AS_OF = "2018-w48"


@pytest.fixture(scope="module")
def dataset(
    real_tables: Tables, profile: Profile, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return build_dataset(real_tables, profile, AS_OF, DROPS, tmp_path_factory.mktemp("datasets"))


@pytest.fixture(scope="module")
def rows(dataset: Path) -> pd.DataFrame:
    return pd.concat(
        map(pd.read_parquet, sorted((dataset / "samples").glob("epi_year=*/part.parquet")))
    )


@pytest.fixture(scope="module")
def facts(dataset: Path) -> dict[str, object]:
    value: dict[str, object] = json.loads((dataset / "dataset.json").read_text(encoding="utf-8"))
    return value


def short_profile(**overrides: object) -> Profile:
    return load_profile("sample", **{"data.first_week": "2018-w01", **overrides})


def test_columns_are_the_contracted_ones_in_order(rows: pd.DataFrame) -> None:
    assert list(rows.columns) == [*SAMPLE_KEYS, *SAMPLE_INPUTS, *COVARIATE_NAMES, "cases"]


def test_every_pool_unit_origin_and_horizon_has_one_row(
    rows: pd.DataFrame, facts: dict[str, object]
) -> None:
    origins = CDC.week_no(AS_OF) - CDC.week_no("2009-w01") + 1
    assert len(rows) == 139 * origins * 4 == facts["rows"]
    assert rows["sample_id"].is_unique
    assert rows["unit_id"].nunique() == facts["units"] == 139
    assert (rows["target_week_no"] - rows["origin_week_no"] == rows["horizon_weeks"]).all()
    assert set(rows["sample_id"]) >= {"05001-2009-w01-h01", f"76001-{AS_OF}-h12"}


def test_a_year_holds_the_origins_of_that_year(dataset: Path) -> None:
    part = pq.read_table(dataset / "samples" / "epi_year=2014" / "part.parquet").to_pandas()
    assert part["origin_week"].str.startswith("2014-w").all()
    assert part["origin_week"].nunique() == 53


def test_cases_are_those_of_the_target_and_unknown_after_as_of(
    rows: pd.DataFrame, real_tables: Tables
) -> None:
    own = real_tables.cases.set_index(["unit_id", "week_no"])["cases"]
    known = rows[rows["target_week_no"] <= CDC.week_no(AS_OF)]
    some = known.sample(300, random_state=1)
    want = [
        own.get((u, w), np.nan)
        for u, w in zip(some["unit_id"], some["target_week_no"], strict=True)
    ]
    np.testing.assert_array_equal(some["cases"], want)
    assert rows.loc[rows["target_week_no"] > CDC.week_no(AS_OF), "cases"].isna().all()
    assert known.loc[known["target_week"] == "2014-w53", "cases"].isna().all()


def test_prompts_are_made_inside_the_window_only_and_do_not_depend_on_the_horizon(
    rows: pd.DataFrame,
) -> None:
    inside = rows["unit_id"].isin(TEN_MUNICIPALITIES) & (
        rows["origin_week_no"] >= CDC.week_no("2013-w01")
    )
    assert (rows["text"].notna() == inside).all()
    texts = rows[inside].groupby(["unit_id", "origin_week_no"])["text"].nunique()
    assert (texts == 1).all()
    assert (rows["text"].isna() == rows["text_sha256"].isna()).all()


def test_every_image_is_good_recent_and_dated(rows: pd.DataFrame) -> None:
    seen = rows[rows["image_uri"].notna()]
    assert len(seen) > 0
    assert set(seen["image_quality"]) == {"ok"}
    assert seen["image_age_weeks"].between(0, 13).all()
    ends = seen["origin_week_no"].map({w: CDC.week_end(w) for w in seen["origin_week_no"].unique()})
    assert (seen["image_date"] < ends).all()
    assert set(rows.loc[rows["image_uri"].isna(), "image_quality"]) <= {"none", "blank", "stale"}


def test_there_is_neither_a_label_nor_a_split_in_it(rows: pd.DataFrame) -> None:
    assert not {"label", "split", "outbreak", "threshold_cases"} & set(rows.columns)


def test_the_folder_is_named_by_its_content_and_says_what_it_is(
    dataset: Path, facts: dict[str, object]
) -> None:
    assert dataset.name == folder_id(manifest_of(dataset))
    assert facts["as_of_week"] == AS_OF
    assert facts["drops"] == DROPS
    assert facts["label_rule_id"] == "median_2016_2017"
    assert facts["synthetic_scenes"] is True
    assert facts["reference_years"] == 2.0
    assert Tables.load(dataset / "tables").units.shape[0] == 1121


def test_equal_inputs_give_equal_bytes_in_any_row_order(ten_tables: Tables, tmp_path: Path) -> None:
    profile = short_profile()
    shuffled = Tables(
        **{
            n: getattr(ten_tables, n).sample(frac=1, random_state=3)
            for n in ("cases", "climate", "units", "scenes")
        }
    )
    one = build_dataset(ten_tables, profile, AS_OF, DROPS, tmp_path / "a")
    two = build_dataset(shuffled, profile, AS_OF, DROPS, tmp_path / "b")
    assert manifest_of(one) == manifest_of(two)


def test_a_second_build_reuses_the_folder_and_leaves_nothing_behind(
    ten_tables: Tables, tmp_path: Path
) -> None:
    first = build_dataset(ten_tables, short_profile(), AS_OF, DROPS, tmp_path)
    stamps = {p: p.stat().st_mtime_ns for p in first.rglob("*")}
    assert build_dataset(ten_tables, short_profile(), AS_OF, DROPS, tmp_path) == first
    assert {p: p.stat().st_mtime_ns for p in first.rglob("*")} == stamps
    assert list(tmp_path.iterdir()) == [first]


def test_a_damaged_folder_is_reported_not_reused(ten_tables: Tables, tmp_path: Path) -> None:
    folder = build_dataset(ten_tables, short_profile(), AS_OF, DROPS, tmp_path)
    (folder / "thresholds.parquet").write_bytes(b"damaged")
    with pytest.raises(StoreError, match="delete the folder"):
        build_dataset(ten_tables, short_profile(), AS_OF, DROPS, tmp_path)


def test_another_as_of_or_a_revised_count_is_another_version(
    ten_tables: Tables, tmp_path: Path
) -> None:
    revised = ten_tables.cases.copy()
    revised.loc[0, "cases"] += 1
    versions = {
        build_dataset(ten_tables, short_profile(), "2018-w48", DROPS, tmp_path).name,
        build_dataset(ten_tables, short_profile(), "2018-w47", DROPS, tmp_path).name,
        build_dataset(
            replace(ten_tables, cases=revised), short_profile(), "2018-w48", DROPS, tmp_path
        ).name,
    }
    assert len(versions) == 3


def test_rows_of_an_origin_do_not_depend_on_as_of(ten_tables: Tables, tmp_path: Path) -> None:
    inputs = [*SAMPLE_KEYS, *SAMPLE_INPUTS, *COVARIATE_NAMES]
    folders = [
        build_dataset(ten_tables, short_profile(), week, DROPS, tmp_path)
        for week in ("2018-w30", "2018-w48")
    ]
    parts = [pd.read_parquet(f / "samples" / "epi_year=2018" / "part.parquet") for f in folders]
    early, late = (p.loc[p["origin_week_no"] <= CDC.week_no("2018-w30"), inputs] for p in parts)
    pd.testing.assert_frame_equal(early.reset_index(drop=True), late.reset_index(drop=True))


def test_as_of_is_the_newest_week_that_half_of_the_municipalities_have(ten_tables: Tables) -> None:
    newest = ten_tables.cases["week_no"] == CDC.week_no("2018-w52")
    most_missing = newest & (ten_tables.cases["unit_id"] > "08001")
    cases = ten_tables.cases.assign(cases=ten_tables.cases["cases"].mask(most_missing))
    assert resolve_as_of(ten_tables, short_profile(), None) == CDC.week_no("2018-w52")
    assert resolve_as_of(replace(ten_tables, cases=cases), short_profile(), None) == CDC.week_no(
        "2018-w51"
    )


def test_with_a_reporting_delay_the_newest_origin_is_as_much_later(ten_tables: Tables) -> None:
    delayed = short_profile(**{"data.reporting_delay_weeks": 1})
    assert resolve_as_of(ten_tables, delayed, None) == CDC.week_no("2019-w01")


def test_an_as_of_after_the_data_is_refused_with_the_newest_week(ten_tables: Tables) -> None:
    with pytest.raises(ConfigError, match="newest possible origin week is 2018-w52"):
        resolve_as_of(ten_tables, short_profile(), "2019-w03")


@pytest.mark.parametrize("as_of", ["2008-w50", "2017-w20"])
def test_an_as_of_that_cannot_be_labelled_is_refused(ten_tables: Tables, as_of: str) -> None:
    with pytest.raises(ConfigError):
        resolve_as_of(ten_tables, load_profile("sample"), as_of)


def test_tables_without_cases_are_refused(ten_tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no week has cases"):
        build_dataset(
            replace(ten_tables, cases=Tables.empty().cases), short_profile(), None, DROPS, tmp_path
        )


def test_an_empty_pool_is_refused(ten_tables: Tables, tmp_path: Path) -> None:
    strict = short_profile(**{"labels.min_reference_cases": 10**9})
    with pytest.raises(ConfigError, match="training pool"):
        build_dataset(ten_tables, strict, AS_OF, DROPS, tmp_path)


def test_a_label_computed_into_a_prompt_stops_the_build_and_writes_nothing(
    ten_tables: Tables, tmp_path: Path
) -> None:
    template = tmp_path / "own.yaml"
    template.write_text(
        yaml.safe_dump(
            {
                "template": "{municipality} outbreak: {label}",
                "unknown": "?",
                "months": list("abcdefghijkl"),
            }
        )
    )
    with pytest.raises(LeakageError, match="'label'"):
        profile = short_profile(**{"place.prompt": str(template)})
        build_dataset(ten_tables, profile, AS_OF, DROPS, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_prompt_that_knows_the_future_stops_the_build_and_writes_nothing(
    ten_tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "known_lag_weeks", lambda _h, d: d - 1)
    with pytest.raises(LeakageError, match="when the future is noise"):
        build_dataset(ten_tables, short_profile(), AS_OF, DROPS, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_places_own_template_makes_the_prompts(ten_tables: Tables, tmp_path: Path) -> None:
    template = tmp_path / "own.yaml"
    template.write_text(
        yaml.safe_dump(
            {"template": "Zona {municipality}", "unknown": "?", "months": list("abcdefghijkl")}
        )
    )
    profile = short_profile(**{"place.prompt": str(template)})
    folder = build_dataset(ten_tables, profile, AS_OF, DROPS, tmp_path / "out")
    texts = pd.read_parquet(folder / "samples" / "epi_year=2018")["text"].dropna()
    assert len(texts) and texts.str.startswith("Zona ").all()
    made_from = read_json(folder / "dataset.json")["prompt_template_id"]
    assert made_from == load_template("es", template).template_id
