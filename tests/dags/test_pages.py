"""The pages that ops staff read inside Airflow, asked over HTTP as a browser asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient
from support.outputs import stored
from typer.testing import CliRunner

from dags._links import OutcomeLink
from dags.pages import app as pages
from pipelines.cli import app as command
from pipelines.config import DeploymentPaths
from pipelines.errors import DropError, StoreError
from pipelines.run.events import append_event
from pipelines.run.withdrawn import withdraw
from pipelines.steps import outcome
from pipelines.storage import write_atomic, write_json

RUN = "scheduled__2026-11-16T06:00:00+00:00"
REPORT = f"/files/artifacts/reports/{RUN}/report.html"


def status(run_id: str) -> str:
    """What `denguard status` says, as one line."""
    return " ".join(CliRunner().invoke(command, ["status", run_id]).stdout.split())


@pytest.fixture
def left(home: Path) -> Path:
    """What a run left: a few steps done, one under way, a report, and things not for reading."""
    run = home / "artifacts" / "runs" / RUN
    write_json(run / "run.json", {"profile": "ci", "as_of": None, "horizons": None, "force": False})
    counts = {"image": {"missing": 7, "distinct": 9}}
    plan = {**stored("plan_embedding"), "shards": [0, 1], "counts": counts}
    write_json(run / "plan_embedding.json", plan)
    shard = {"modality": "image", "inputs": 4, "embedded": 3, "encoder_started": True}
    write_json(run / "embed_000.json", {**stored("embed_000"), **shard})
    counted = {"label": "scenes embedded", "done": 120, "total": 400, "eta_s": 41.0}
    append_event(
        DeploymentPaths(home=home), "step-progress", {"step": "embed_shard_001", **counted}, RUN
    )
    write_json(
        run / "report.json",
        {"report": f"artifacts/reports/{RUN}/report.html", "first_line": "The champion stays."},
    )
    write_atomic(home / "artifacts" / "reports" / RUN / "report.html", "<p>the report</p>")
    write_atomic(home / "artifacts" / "local" / "api_key", "secret")
    return home


@pytest.fixture
def browser(left: Path) -> Iterator[TestClient]:
    """A browser whose user may see the DAG; Airflow's own check is asked in the test below."""
    app = pages.create_pages()
    app.dependency_overrides |= {pages.may_see: lambda: None, pages.may_see_line: lambda: None}
    with TestClient(app, follow_redirects=False, raise_server_exceptions=False) as client:
        yield client


def test_without_a_login_nothing_is_shown(left: Path) -> None:
    with TestClient(pages.create_pages()) as stranger:
        paths = ("/", f"/runs/{RUN}", f"/runs/{RUN}/report", REPORT)
        for path in (*paths, *(f"/dags/retraining_city{path}" for path in paths)):
            answer = stranger.get(path)
            assert answer.status_code == 401, path
            assert "Log in" in answer.text and "champion" not in answer.text


def test_a_run_is_shown_as_its_road_with_what_is_done_and_left(browser: TestClient) -> None:
    page = browser.get(f"/runs/{RUN}").text
    assert "3 image inputs embedded, 1 were known" in page
    assert "scenes embedded: 120/400, 280 left, ETA 41 s" in page
    assert page.index("plan_embedding") < page.index("embed_shard_001") < page.index("gate")


def test_a_failed_run_shows_cause_and_fix(browser: TestClient, left: Path) -> None:
    error = DropError(
        "column <b>Municipality code</b> is missing",
        where="metadata.csv row 1",
        fix="add it and hand the drop in again",
    )
    outcome.fail(DeploymentPaths(home=left), RUN, "validate", error)
    for path in (f"/runs/{RUN}", f"/runs/{RUN}/validate"):
        page = browser.get(path).text
        assert "metadata.csv row 1" in page and "add it and hand the drop in again" in page
        assert "&lt;b&gt;Municipality" in page and "<b>Municipality" not in page
    assert ">FAILED<" in browser.get("/").text


def test_a_page_and_the_terminal_say_the_same_of_a_run(browser: TestClient, left: Path) -> None:
    full = StoreError("the disk is full", fix="make room")
    outcome.fail(DeploymentPaths(home=left), RUN, "embed_shard_001", full)
    page = " ".join(browser.get(f"/runs/{RUN}").text.split())
    output = status(RUN)
    for word in ("FAILED", "done", "failed", "not yet", "the disk is full", "make room"):
        assert word in page and word in output, word
    for line in (
        "profile ci, origin week the newest complete one",
        "to embed: 7 of 9 image inputs",
    ):
        assert line in page and line in output


def test_a_damaged_run_hides_no_other(browser: TestClient, left: Path) -> None:
    broken = left / "artifacts" / "runs" / "broken"
    write_json(broken / "run.json", {"profile": "ci"})
    write_atomic(broken / "gate.json", '{"decision": ')
    page = browser.get("/").text
    assert "cannot be read" in page and "gate.json" in page
    assert "3 of 15 steps done" in page


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("failure.json", "{}"),
        ("failure.json", '{"step": 7, "cause": null, "at": []}'),
        ("gate.json", "[]"),
        ("gate.json", '{"decision": 3, "reasons": 5}'),
        ("snapshot.json", '{"as_of_week": {"a": 1}, "counts": 3}'),
        ("progress/train.json", '{"at": "yesterday", "done": "x"}'),
        ("report.json", "\\xff"),
    ],
)
def test_a_run_whose_records_make_no_sense_hides_no_other(
    browser: TestClient, left: Path, file: str, text: str
) -> None:
    odd = left / "artifacts" / "runs" / "odd"
    write_json(odd / "run.json", {"profile": "ci"})
    write_atomic(odd / file, text)
    answer = browser.get("/")
    assert answer.status_code == 200 and "3 of 15 steps done" in answer.text
    assert ">odd<" in answer.text


def test_airflows_name_of_a_task_leads_to_its_page(browser: TestClient) -> None:
    for task, index, part in [
        ("embed.embed_shard", "1", "embed_shard_001"),
        ("train.backtest", "0", "backtest_2015"),
        ("report", "{MAP_INDEX}", "report"),
    ]:
        answer = browser.get(f"/runs/{RUN}/tasks/{task}", params={"map_index": index})
        assert answer.headers["location"].endswith(f"/{part}")


def test_the_report_is_read_and_runs_no_script(browser: TestClient) -> None:
    answer = browser.get(REPORT)
    assert answer.text == "<p>the report</p>"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "script-src" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "artifacts/local/api_key",
        f"artifacts/reports/{RUN}/../../local/api_key",
        f"artifacts/reports/{RUN}/%2e%2e/%2e%2e/local/api_key",
        f"artifacts/runs/{RUN}/validation/data_docs/../../../../local/api_key",
        f"artifacts/runs/{RUN}/validation/data_docs/..%2f..%2f..%2f..%2flocal%2fapi_key",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "artifacts/reports/other/report.html",
    ],
)
def test_nothing_else_can_be_read(browser: TestClient, path: str) -> None:
    answer = browser.get(f"/files/{path}")
    assert answer.status_code == 404 and "secret" not in answer.text


def test_a_link_that_leads_elsewhere_is_not_followed(browser: TestClient, left: Path) -> None:
    link = left / "artifacts" / "reports" / "linked" / "report.html"
    link.parent.mkdir()
    link.symlink_to(left / "artifacts" / "local" / "api_key")
    assert browser.get("/files/artifacts/reports/linked/report.html").status_code == 404


@pytest.mark.parametrize("run_id", ["nowhere", "..", "%2e%2e", "a%2fb", "x" * 300])
def test_a_run_that_is_not_there_is_404(browser: TestClient, run_id: str) -> None:
    assert browser.get(f"/runs/{run_id}/report").status_code == 404
    assert browser.get(f"/runs/{run_id}/tasks/report").status_code == 404


@pytest.fixture
def city(left: Path) -> Path:
    """What a run of the further line `city` left; its name is that of a run of the main line."""
    home = left / "lines" / "city"
    write_json(
        home / "artifacts" / "runs" / RUN / "run.json", {"profile": "ci", "as_of": "2018-w01"}
    )
    write_json(
        home / "artifacts" / "runs" / RUN / "report.json",
        {"report": f"artifacts/reports/{RUN}/report.html", "first_line": "Nothing serves."},
    )
    write_atomic(home / "artifacts" / "reports" / RUN / "report.html", "<p>the city's report</p>")
    return home


def test_each_line_has_pages_of_its_own_which_lead_to_the_others(
    browser: TestClient, city: Path
) -> None:
    main, other = browser.get("/").text, browser.get("/dags/retraining_city/").text
    assert '<strong>main</strong> · <a href="/denguard/dags/retraining_city/">city</a>' in main
    assert '<a href="/denguard/">main</a> · <strong>city</strong>' in other
    assert (
        f'href="/denguard/dags/retraining_city/files/artifacts/reports/{RUN}/report.html"'
        in other.replace("%3A", ":").replace("%2B", "+")
    )


def test_a_lines_runs_and_reports_are_its_own(browser: TestClient, city: Path) -> None:
    assert "as_of: 2018-w01" in browser.get(f"/dags/retraining_city/runs/{RUN}").text
    assert "as_of" not in browser.get(f"/runs/{RUN}").text
    assert "the city" in browser.get(f"/dags/retraining_city{REPORT}").text
    assert browser.get(REPORT).text == "<p>the report</p>"


def test_airflows_names_lead_to_the_pages_of_the_line(browser: TestClient, city: Path) -> None:
    of_line = browser.get(f"/dags/retraining_city/runs/{RUN}/tasks/report")
    assert of_line.headers["location"].startswith("/denguard/dags/retraining_city/runs/")
    of_main = browser.get(f"/dags/retraining/runs/{RUN}/tasks/report")
    assert of_main.headers["location"].startswith("/denguard/runs/")


def test_a_deployment_of_one_line_offers_no_others(browser: TestClient) -> None:
    assert "Lines:" not in browser.get("/").text


@pytest.mark.parametrize(
    "dag", ["retraining_nowhere", "arrivals", "retraining_..", "%2e%2e", "retraining_"]
)
def test_a_dag_that_is_no_line_is_404(browser: TestClient, city: Path, dag: str) -> None:
    assert browser.get(f"/dags/{dag}/").status_code == 404
    assert browser.get(f"/dags/{dag}{REPORT}").status_code == 404


def test_the_main_lines_files_are_not_reached_through_another(
    browser: TestClient, city: Path
) -> None:
    (city / "artifacts" / "reports" / RUN / "report.html").unlink()
    assert browser.get(f"/dags/retraining_city{REPORT}").status_code == 404
    assert browser.get(f"/files/lines/city/artifacts/runs/{RUN}/metrics.json").status_code == 404


def test_a_tasks_link_leads_to_the_pages_of_its_line(city: Path) -> None:
    task = SimpleNamespace(dag_id="retraining_city", run_id="r", task_id="report", map_index=-1)
    link = OutcomeLink()
    assert link.get_link(None, ti_key=task).endswith("/denguard/dags/retraining_city/runs/r/report")
    task.dag_id = "retraining"
    assert link.get_link(None, ti_key=task).endswith("/denguard/runs/r/report")


def test_a_withdrawn_forecast_is_marked_in_the_list_on_its_run_and_on_its_pages(
    browser: TestClient, left: Path
) -> None:
    folder, version = left / "artifacts" / "reports" / RUN, "2018-w48-0123456789abcdef"
    page = '<!doctype html>\n<html lang="es">\n<body>\n<h1>Dengue</h1></body></html>'
    write_atomic(folder / "bulletin.html", page)
    write_json(
        left / "artifacts" / "runs" / RUN / "forecast.json",
        {"forecast": None, "forecast_version": version, "note": ""},
    )
    address = f"/files/artifacts/reports/{RUN}/bulletin.html"
    assert "etirado" not in browser.get(address).text and "withdrawn" not in browser.get("/").text
    withdraw(DeploymentPaths(home=left), "forecast", version, "Ana <b>", "wrong week")
    for path in ("/", f"/runs/{RUN}"):
        shown = browser.get(path).text
        assert "orecast withdrawn" in shown and "by Ana &lt;b&gt;: wrong week" in shown, path
    notice = browser.get(address).text
    assert "RETIRADO el " in notice and "por Ana &lt;b&gt;: wrong week" in notice
    assert notice.index("RETIRADO") < notice.index("<h1>Dengue")
    assert (folder / "bulletin.html").read_text(
        encoding="utf-8"
    ) == page  # what was published stays


def test_a_run_in_whose_place_the_champion_forecast_is_marked_in_the_list(
    browser: TestClient, left: Path
) -> None:
    event = {
        "data_state": "without this week's data",
        "data_until": "2018-w48",
        "why": "red",
        "forecast_version": "2018-w48-0123456789abcdef",
        "page": "artifacts/reports/x/report.html",
    }
    append_event(DeploymentPaths(home=left), "fallback-forecast", event, RUN)
    row = browser.get("/").text.partition("<tbody>")[2]
    assert "Forecast without this week&#39;s data, up to 2018-w48" in row
    withdraw(DeploymentPaths(home=left), "forecast", str(event["forecast_version"]), "A", "no good")
    shown = browser.get("/").text
    assert "Forecast without this week&#39;s data, withdrawn" in shown
    assert "up to 2018-w48, withdrawn on" in shown.partition("<tbody>")[2]
