"""A changed `data.maturity` and a horizon that is left out, followed through whole runs to page and
API.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from support.homes import Home
from support.tabular import forecast, next_week, run_tabular, tabular_drop, tabular_profile

from pipelines.config import DeploymentPaths
from pipelines.evaluate import backtest
from pipelines.lineage import trace
from pipelines.ops.watch import check_lateness
from pipelines.run.success import last_success
from pipelines.words import words_of
from serving.app import create_app
from serving.settings import Settings

pytestmark = [pytest.mark.e2e, pytest.mark.slow]  # in parts: tests/evaluate, tests/steps
FIXED, LEARNED = {"method": "fixed", "shares": [0.55, 0.85]}, {"method": "learned", "weeks": 2}
KEY = "a-key-for-tests"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A deployment of 45 units with one drop that was never run."""
    home = Home(tmp_path / "home")
    (home.path / "data").mkdir(parents=True)
    tabular_profile(home.path / "tabular.yaml")
    tabular_drop(home.path / "data" / "drops", tmp_path)
    monkeypatch.setenv("DENGUARD_HOME", str(home.path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return home


def page(home: Home, run_id: str, name: str) -> str:
    return (home.path / "artifacts" / "reports" / run_id / name).read_text(encoding="utf-8")


@contextmanager
def endpoint(home: Home) -> Iterator[TestClient]:
    hashed = hashlib.sha256(KEY.encode()).hexdigest()
    app = create_app(Settings(api_key_sha256=hashed, home=home.path))
    with TestClient(app, headers={"Authorization": f"Bearer {KEY}"}) as client:
        deadline = time.monotonic() + 300
        while client.get("/health/ready").status_code != 200:
            assert time.monotonic() < deadline, client.get("/health/ready").text
            time.sleep(0.05)
        yield client


def standing(home: Home, run_id: str, week: str) -> None:
    """The run's forecast is the week's, on time, by `status` and `watch`; every link of it
    holds."""
    made = last_success(DeploymentPaths(home=home.path))
    assert made is not None and (made.run_id, made.origin_week) == (run_id, week)
    assert not check_lateness(DeploymentPaths(home=home.path), made.when).late
    code, output = home.tried_here("status", run_id)
    assert code == 0 and f"origin week {week}" in output
    assert not trace(made.forecast_version, DeploymentPaths(home=home.path)).broken


def test_from_known_shares_to_learned_ones_a_run_goes_back_two_weeks_and_is_the_bulletin(
    home: Home,
) -> None:
    tabular_profile(home.path / "tabular.yaml", data={"maturity": FIXED})
    run_tabular(home, "fixed")
    assert "nowcast with the shares that the profile declares" in page(home, "fixed", "report.html")
    tabular_profile(home.path / "tabular.yaml", data={"maturity": LEARNED})
    next_week(home, {})

    run_tabular(home, "learned")

    decision = home.output("learned", "gate")
    assert decision["decision"] == "promote"
    assert "treats the newest weeks otherwise (data.maturity)" in decision["reasons"][0]
    assert set(forecast(home, "learned")["origin_week"]) == {"2018-w47"}
    standing(home, "learned", "2018-w47")
    assert "0 past weeks have been seen filling, fewer than the 26" in page(
        home, "learned", "report.html"
    )
    assert "datos hasta la semana 47 de 2018" in page(home, "learned", "bulletin.html")
    with endpoint(home) as client:
        answer = client.get("/forecast", params={"municipality_code": "5001"}).json()
    assert (answer["origin_week"], answer["data_state"]) == ("2018-w47", "current")


def spoiled(true: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """A backtest in which the linear head says 0.3 too much, 12 weeks ahead."""

    def made(*given: Any, **named: Any) -> pd.DataFrame:
        rows = true(*given, **named)
        at = (rows["head"] == "linear") & (rows["horizon_weeks"] == 12)
        return rows.assign(probability=(rows["probability"] + 0.3 * at).clip(upper=1.0))

    return made


def test_a_horizon_that_is_not_sane_is_left_out_by_name_on_page_and_endpoint(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_tabular(home, "whole", "--horizon", "12")
    assert set(forecast(home, "whole")["horizon_weeks"]) == {4, 12}
    monkeypatch.setattr(backtest, "backtest_year", spoiled(backtest.backtest_year))
    next_week(home, {})

    run_tabular(home, "without", "--horizon", "12")

    decision = home.output("without", "gate")
    assert (decision["decision"], list(decision["withheld"])) == ("promote", ["12"])
    left_out = "It does not forecast 12 weeks ahead, where it is not sane."
    assert decision["first_line"].endswith(left_out)
    assert set(forecast(home, "without")["horizon_weeks"]) == {4}
    standing(home, "without", "2018-w49")
    assert left_out in " ".join(home.tried_here("status")[1].split())
    report = page(home, "without", "report.html")
    assert left_out in report and "nothing is forecast 12 weeks ahead" in report
    es = words_of("es")
    assert es("not-ahead", ahead=es("in-weeks", n=12)) in page(home, "without", "bulletin.html")
    assert es("in-weeks", n=12) not in page(home, "whole", "bulletin.html")
    with endpoint(home) as client:
        refused = client.get("/forecast", params={"horizon_weeks": 12})
        (row,) = client.get("/forecast", params={"municipality_code": "5001"}).json()["rows"]
    assert row["horizon_weeks"] == 4
    assert refused.status_code == 422 and "is not sane there" in refused.json()["detail"]
