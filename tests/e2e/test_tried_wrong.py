"""Every wrong input, at the drop and at the endpoint: it is named with its fix and changes
nothing."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import tifffile
from fastapi.testclient import TestClient
from PIL import Image
from support.drops import table_drop
from support.homes import Home

from pipelines import steps
from pipelines.config import Places, load_profile
from pipelines.contracts import Issue, Level, content_id
from pipelines.data import availability
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import read_drop
from pipelines.data.samples import build_dataset
from pipelines.data.sources.sample import package_table
from pipelines.data.sources.satellitebench_columns import REQUIRED, TEN_MUNICIPALITIES
from pipelines.data.tables import Tables
from pipelines.errors import LeakageError, StoreError, ValidationStopped
from pipelines.registry.promote import registry_state
from pipelines.storage import manifest_of, read_json, sha256_file
from serving.app import create_app
from serving.settings import Settings

pytestmark = pytest.mark.e2e
Grid = list[list[str]]
Spoil = Callable[[Grid], object]
KEY = "a-key-for-tests"
RECEIVED = date(2019, 1, 2)
TABLE = f"{RECEIVED}/metadata.csv"
KEPT = ("datasets", "versions", "forecasts")  # of artifacts/, beside accepted.json
CODE_COLUMN = "column 'Municipality code'"
INFO = DropInfo(received_date=RECEIVED, scene_period="week", source_note="test")


NEWS = (
    "Population2018",
    "TEMPERATURE_dec_18",
    "PRECIPITATION_dec_18",
    *(f"2018/w{week}" for week in (49, 50, 51, 52)),
)


# --- What is wrong --------------------------------------------------------------------------------
def four_weeks() -> Grid:
    """A good table, header first: the ten municipalities, December 2018 and the weeks after w48."""
    header = [*REQUIRED, *NEWS]
    true = pd.read_csv(str(package_table()), dtype=str).set_index("Municipality code")
    told = {code: true.loc[code.lstrip("0"), list(NEWS)].tolist() for code in TEN_MUNICIPALITIES}
    numbers = ["10", *["1"] * (len(REQUIRED) - 3)]
    return [header, *([code, "Town", *numbers, *told[code]] for code in TEN_MUNICIPALITIES)]


def put(row: int, name: str, text: str) -> Spoil:
    """Write a cell; `row` as a spreadsheet numbers it, the header being row 1."""
    return lambda rows: rows[row - 1].__setitem__(rows[0].index(name), text)


def without(name: str) -> Spoil:
    def spoil(rows: Grid) -> None:
        at = rows[0].index(name)
        for row in rows:
            del row[at]

    return spoil


def with_labels(rows: Grid) -> None:
    for row, text in zip(rows, ["outbreak_2018/w52", *["1"] * 10], strict=True):
        row.append(text)


def truncated_png() -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, "PNG")
    return out.getvalue()[:900]


def eight_band_tiff() -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, np.ones((8, 16, 16), np.uint8), photometric="minisblack")
    return out.getvalue()


def pixel_bomb() -> bytes:
    """A PNG of some hundred bytes that declares 60,000 x 60,000 pixels."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100))),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


# --- Where it is tried ----------------------------------------------------------------------------
@dataclass(frozen=True)
class Desk:
    """A deployment with a champion, the drop that one test brings to it, and that test's run."""

    home: Home
    work: Path

    @property
    def drop(self) -> Path:
        return self.home.path / "data" / "drops" / RECEIVED.isoformat()

    @property
    def run_id(self) -> str:
        return self.work.name

    def bring(self, spoil: Spoil | None = None, scene: tuple[str, bytes] | None = None) -> None:
        rows = four_weeks()
        if spoil:
            spoil(rows)
        images = self.work / "images" if scene else None
        if images and scene:
            (images / "05001").mkdir(parents=True)
            (images / "05001" / scene[0]).write_bytes(scene[1])
        table_drop(write_csv(self.work, rows), images, self.drop.parent, INFO)

    def validate(self) -> None:
        """The road as far as a bad drop may come."""
        steps.start(self.run_id, {"profile": "ci", "horizons": [4]})
        steps.ingest(self.run_id)
        steps.validate(self.run_id)

    def issues(self) -> list[Issue]:
        """What the run wrote down."""
        return [Issue(**found) for found in json.loads(self._written("issues.json"))]

    def left_out(self) -> list[tuple[str, int]]:
        """(file, row) of everything of the new drop that was quarantined; row 0 is a whole file."""
        rows = csv.DictReader(io.StringIO(self._written("quarantine.csv")))
        found = [(row["file"], int(row["row"])) for row in rows]
        return [at for at in found if at[0].startswith(RECEIVED.isoformat())]

    def _written(self, name: str) -> str:
        folder = self.home.path / "artifacts" / "runs" / self.run_id / "validation"
        return (folder / name).read_text(encoding="utf-8")

    def state(self) -> dict[str, str]:
        """Hashes of the registry, the champion's bundle and the accepted data."""
        artifacts = self.home.path / "artifacts"
        return {
            "registry": content_id(registry_state(Places(home=self.home.path))),
            "champion": content_id(self.home.champion_bundle()),
            "accepted.json": sha256_file(artifacts / "accepted.json"),
            **{name: content_id(manifest_of(artifacts / name)) for name in KEPT},
        }

    @contextmanager
    def nothing_changes(self) -> Iterator[None]:
        before = self.state()
        yield
        assert self.state() == before


def write_csv(folder: Path, rows: Grid) -> Path:
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)
    return folder / "metadata.csv"


@pytest.fixture(scope="module")
def small(walked_short: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The walked deployment whose accepted data are ten municipalities, which validate in
    a second."""
    home, work = Home(tmp_path_factory.mktemp("small")), tmp_path_factory.mktemp("cut")
    shutil.copytree(walked_short.path / "artifacts", home.path / "artifacts")
    (sample,) = (walked_short.path / "data" / "drops").glob("2018-12-04")
    with (sample / "metadata.csv").open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    ten = [row for row in rows if row[0].zfill(5) in TEN_MUNICIPALITIES]
    shutil.copytree(sample / "images" / "05001", work / "images" / "05001")
    drops, info = home.path / "data" / "drops", read_drop(sample).info
    table_drop(write_csv(work, [header, *ten]), work / "images", drops, info)
    (home.path / "artifacts" / "accepted.json").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENGUARD_HOME", str(home.path))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        desk = Desk(home, work)
        desk.validate()
        steps.snapshot(desk.run_id)
        yield home


@pytest.fixture
def desk(small: Home, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(small, tmp_path)
    yield desk
    shutil.rmtree(desk.drop, ignore_errors=True)


@pytest.fixture(scope="module")
def endpoint(small: Home) -> Iterator[TestClient]:
    """The endpoint with that deployment's champion."""
    hashed = hashlib.sha256(KEY.encode()).hexdigest()
    app = create_app(Settings(api_key_sha256=hashed, home=small.path))
    with TestClient(app, headers={"Authorization": f"Bearer {KEY}"}) as client:
        deadline = time.monotonic() + 60
        while client.get("/health/ready").status_code != 200:
            assert time.monotonic() < deadline, client.get("/health/ready").text
            time.sleep(0.05)
        yield client


# --- At the drop ----------------------------------------------------------------------------------
def the(issues: list[Issue], code: str) -> Issue:
    """The one issue of this code about the new drop."""
    found = [i for i in issues if i.code == code and i.place.startswith(RECEIVED.isoformat())]
    assert len(found) == 1, issues
    return found[0]


def test_a_good_drop_of_this_form_changes_what_is_accepted(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this the tests below could pass on a form refused anyway, or on a blind hash."""
    own = Desk(Home(tmp_path / "home"), desk.work)
    shutil.copytree(desk.home.path, own.home.path)
    monkeypatch.setenv("DENGUARD_HOME", str(own.home.path))
    own.bring()
    before = own.state()
    own.validate()
    assert own.state() == before
    assert not own.left_out()
    assert {i.level for i in own.issues()} <= {Level.INFO, Level.WARNING}
    new = [i for i in own.issues() if "2018-w5" in i.period or i.place.startswith(f"{RECEIVED}")]
    assert not {"week-gap", "unknown-column"} & {i.code for i in new}
    steps.snapshot(own.run_id)
    after = own.state()
    assert {k for k in before if before[k] != after[k]} == {"accepted.json", "datasets", "versions"}


@pytest.mark.parametrize(
    ("spoil", "code", "place", "fix"),
    [
        pytest.param(without("Municipality"), "missing-column", f"{TABLE} row 1", "deliver the table with column 'Municipality'", id="missing column"),
        pytest.param(put(1, "Municipality code", "Town code"), "missing-column", f"{TABLE} row 1", "deliver the table with column 'Municipality code'", id="column renamed beyond recognition"),
        pytest.param(put(1, "Municipality code", "municipality_code"), "renamed-column", f"{TABLE} row 1", "rename column 'municipality_code' to 'Municipality code'", id="renamed column"),
        pytest.param(lambda rows: rows.__delitem__(slice(1, None)), "empty-drop", TABLE, "export the table again", id="table without rows"),
        pytest.param(None, "empty-drop", RECEIVED.isoformat(), "denguard drop", id="empty drop"),
    ],
)  # fmt: skip
def test_a_critical_drop_stops_the_run_and_changes_nothing(
    desk: Desk, spoil: Spoil | None, code: str, place: str, fix: str
) -> None:  # fmt: skip
    if spoil:
        desk.bring(spoil)
    else:
        desk.drop.mkdir()
    with desk.nothing_changes():
        with pytest.raises(ValidationStopped) as stopped:
            desk.validate()
        with pytest.raises(StoreError, match="earlier step"):
            steps.snapshot(desk.run_id)
    found = the(desk.issues(), code)
    assert (found.level, found.place) == (Level.CRITICAL, place)
    assert fix in found.fix
    assert place in stopped.value.where
    assert found.fix in str(stopped.value)


@pytest.mark.parametrize(
    ("spoil", "code", "rows", "column", "fix"),
    [
        pytest.param(put(4, "2018/w50", "many"), "text-in-number", [4], "column '2018/w50' (08001)", "write a plain number", id="text in a number"),
        pytest.param(lambda rows: rows.append(rows[1]), "duplicate-row", [12], f"{CODE_COLUMN} (05001)", "deliver each municipality once", id="duplicate rows"),
        pytest.param(lambda rows: rows.append([*rows[1][:-1], "99"]), "conflicting-rows", [2, 12], f"{CODE_COLUMN} (05001)", "with the right values", id="duplicate rows that differ"),
        pytest.param(put(3, "Municipality code", "Itagüí"), "unknown-municipality", [3], CODE_COLUMN, "correct the code", id="no municipality code"),
    ],
)  # fmt: skip
def test_a_bad_row_or_cell_is_left_out_and_changes_nothing(
    desk: Desk, spoil: Spoil, code: str, rows: list[int], column: str, fix: str
) -> None:  # fmt: skip
    desk.bring(spoil)
    with desk.nothing_changes():
        desk.validate()
    silent = "gone-silent"  # by name, because its row was refused
    errors = [i for i in desk.issues() if i.level == Level.ERROR and i.code != silent]
    assert [(i.code, i.place) for i in errors] == [
        (code, f"{TABLE} row {row}, {column}") for row in rows
    ]
    assert all(fix in i.fix for i in errors)
    assert desk.left_out() == [(TABLE, row) for row in rows]


BAD_SCENES = [
    pytest.param("image_2018-12-16.png", truncated_png, "damaged-scene", 422, "download the file again", id="truncated PNG"),
    pytest.param("image_2018-12-16.tiff", eight_band_tiff, "wrong-bands", 422, "all 12 Sentinel-2 bands", id="8-band TIFF"),
    pytest.param("image_2018-12-16.png", pixel_bomb, "pixel-bomb", 413, "a smaller extract", id="pixel bomb"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "code", "status", "fix"), BAD_SCENES)
def test_a_bad_scene_is_left_out_and_changes_nothing(
    desk: Desk, name: str, make: Callable[[], bytes], code: str, status: int, fix: str
) -> None:  # fmt: skip
    file = f"{RECEIVED}/images/05001/{name}"
    desk.bring(scene=(name, make()))
    with desk.nothing_changes():
        desk.validate()
    found = the(desk.issues(), code)
    assert (found.level, found.place) == (Level.ERROR, f"{file} (05001)")
    assert fix in found.fix
    assert desk.left_out() == [(file, 0)]
    tables = read_json(desk.home.path / "artifacts" / "runs" / desk.run_id / "validate.json")[
        "tables"
    ]
    scenes = Tables.load(desk.home.path / str(tables)).scenes
    assert len(scenes)
    assert not any(RECEIVED.isoformat() in uri for uri in scenes["uri"])


def test_a_week_gap_is_a_warning_with_its_period_and_changes_nothing(desk: Desk) -> None:
    desk.bring(without("2018/w50"))
    with desk.nothing_changes():
        desk.validate()
    gaps = [i for i in desk.issues() if i.code == "week-gap" and i.period == "2018-w50"]
    assert [i.level for i in gaps] == [Level.WARNING]
    assert "deliver what is missing in the next drop" in gaps[0].fix


# --- A label computed into a prompt ---------------------------------------------------------------
def test_a_label_in_the_table_is_left_out_with_a_warning(desk: Desk) -> None:
    desk.bring(with_labels)
    with desk.nothing_changes():
        desk.validate()
    found = the(desk.issues(), "unknown-column")
    assert (found.level, found.place) == (Level.WARNING, f"{TABLE} row 1")
    assert "'outbreak_2018/w52'" in found.message
    assert found.fix == "remove them, or correct their names"


def test_a_prompt_template_that_asks_for_the_label_makes_no_dataset(
    desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "prompt.yaml"
    file.write_text(
        "template: '{municipality}: {label}'\nunknown: '?'\nmonths: [1, 2, 3, 4, 5, 6, 7, 8, 9, "
        "10, 11, 12]\n"
    )
    artifacts = desk.home.path / "artifacts"
    tables = Tables.load(
        desk.home.path / desk.home.output("first", "snapshot")["dataset"] / "tables"
    )
    with desk.nothing_changes(), pytest.raises(LeakageError, match="asks for 'label'") as caught:
        profile = load_profile("ci", **{"place.prompt": str(file)})
        build_dataset(tables, profile, None, [], artifacts / "datasets")
    assert caught.value.where == str(file)
    assert "recent_cases" in caught.value.fix


def test_a_prompt_computed_from_the_target_stops_the_run_and_is_not_accepted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = availability.known_lag_weeks
    monkeypatch.setattr(availability, "known_lag_weeks", lambda h, d: right(h, d) - 4)
    desk.validate()
    with desk.nothing_changes(), pytest.raises(LeakageError, match="future is noise") as caught:
        steps.snapshot(desk.run_id)
    assert "05001-2017-w01" in caught.value.where
    assert "pipelines.data.availability" in caught.value.fix


# --- At the endpoint ------------------------------------------------------------------------------
ROW: dict[str, Any] = {
    "municipality_code": "05001",
    "origin_week": "2018-w48",
    "horizon_weeks": 4,
    "recent_cases": [30, 28, 27, 35, 31, 40],
    "climate": [{"temp_mean_c": 21.0, "rainfall_mm": 180.0}],
}


def row(**changed: Any) -> dict[str, Any]:
    """A good row with some fields changed, or taken out where the value is `...`."""
    return {name: value for name, value in {**ROW, **changed}.items() if value is not ...}


def refused(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem of an answer: all of them say what to send instead."""
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"urn:denguard:problem:{slug}"), (
        problem
    )
    assert answer.headers["content-type"] == "application/problem+json"
    return problem


@pytest.mark.parametrize(
    ("sent", "slug", "where", "what", "fix"),
    [
        pytest.param(row(recent_cases=...), "invalid-fields", "rows.1.recent_cases", "required", "correct the fields named", id="missing column"),
        pytest.param(row(recent_cases=..., cases=[1, 2, 3, 4]), "invalid-fields", "rows.1.cases", "not permitted", "correct the fields named", id="renamed column"),
        pytest.param(row(recent_cases=[30, 28, "many", 35]), "invalid-fields", "rows.1.recent_cases.2", "valid number", "correct the fields named", id="text in a number"),
        pytest.param(row(municipality_code="05003"), "unknown-municipality", "rows.1.municipality_code", "05003 is not known; near it", "DANE code of the training pool", id="unknown municipality"),
        pytest.param(row(origin_week="2018-w53"), "unknown-week", "rows.1.origin_week", "2018", "write it as 2018-w48", id="week that does not exist"),
        pytest.param(row(label=1), "invalid-fields", "rows.1.label", "not permitted", "correct the fields named", id="label in a row"),
        pytest.param(row(climate_month="2018-12"), "unusable-row", "05001", "not known in 2018-w48", "months that have ended", id="climate of the target in a row"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_its_place_and_changes_nothing(
    desk: Desk, endpoint: TestClient, sent: dict[str, Any], slug: str, where: str, what: str, fix: str
) -> None:  # fmt: skip
    with desk.nothing_changes():
        answer = endpoint.post("/predictions", json={"rows": [ROW, sent]})
    problem = refused(answer, 422, slug)
    assert what in {e["where"]: e["what"] for e in problem["errors"]}[where]
    assert fix in problem["fix"]


@pytest.mark.parametrize(("name", "make", "code", "status", "fix"), BAD_SCENES)
def test_a_bad_upload_is_refused_and_changes_nothing(
    desk: Desk, endpoint: TestClient, name: str, make: Callable[[], bytes], code: str, status: int, fix: str
) -> None:  # fmt: skip
    form = {"row": json.dumps(ROW)}
    with desk.nothing_changes():
        answer = endpoint.post("/predictions", data=form, files={"scene": (name, make())})
    problem = refused(answer, status, code)
    assert [e["where"] for e in problem["errors"]] == ["scene"]
    assert fix in problem["fix"]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"rows": []}'])
def test_an_empty_body_is_refused_and_changes_nothing(
    desk: Desk, endpoint: TestClient, body: bytes
) -> None:
    with desk.nothing_changes():
        answer = endpoint.post(
            "/predictions", content=body, headers={"Content-Type": "application/json"}
        )
    problem = refused(answer, 422, "invalid-fields")
    assert problem["errors"]
    assert "whole example" in problem["fix"]


def test_a_wrong_key_is_refused_and_changes_nothing(desk: Desk, endpoint: TestClient) -> None:
    with desk.nothing_changes():
        answer = endpoint.post(
            "/predictions", json={"rows": [ROW]}, headers={"Authorization": "Bearer wrong"}
        )
    assert "key made at set-up" in refused(answer, 401, "wrong-key")["fix"]


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "streamed"])
def test_a_body_of_100_mb_is_refused_and_changes_nothing(
    desk: Desk, endpoint: TestClient, declared: bool
) -> None:
    body = b" " * 100_000_000 if declared else (b" " * 1_000_000 for _ in range(100))
    with desk.nothing_changes():
        answer = endpoint.post(
            "/predictions", content=body, headers={"Content-Type": "application/json"}
        )
    assert "DENGUARD_MAX_BODY_BYTES" in refused(answer, 413, "body-too-large")["fix"]


def test_duplicate_rows_and_a_week_gap_are_answered_each_and_change_nothing(
    desk: Desk, endpoint: TestClient
) -> None:
    gap = row(recent_cases=[30, 28, None, 35, None, 40])
    with desk.nothing_changes():
        answer = endpoint.post("/predictions", json={"rows": [ROW, ROW, gap]})
    assert answer.status_code == 200
    first, second, with_gap = (p["probability"] for p in answer.json()["predictions"])
    assert first == second
    assert first != with_gap
