"""What the doctor says of services that answer, answer badly, or do not answer."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.answering import answering
from support.receivers import Hook, free_port, mail_server
from support.s3 import Bucket

from pipelines.deploy.doctor import database, people, services, stores
from pipelines.deploy.secret_files import write_secret

from .conftest import MakeScene

PASSWORD = "sesame"
BASIC = "Basic " + base64.b64encode(f"denguard:{PASSWORD}".encode()).decode()


def users(path: str, headers: dict[str, str]) -> tuple[int, object]:
    return (200, {}) if headers.get("Authorization") == BASIC else (401, {})


def asked_mlflow(scene: MakeScene, url: str, password: str = PASSWORD) -> tuple[str, str]:
    named = {"MLFLOW_TRACKING_USERNAME": "denguard", "MLFLOW_TRACKING_PASSWORD": password}
    (finding,) = services.mlflow(scene(MLFLOW_TRACKING_URI=url, **named))
    assert PASSWORD not in finding.said
    return finding.level, finding.said


def test_mlflow_knows_the_user_and_nobody_else(scene: MakeScene) -> None:
    with answering(users) as url:
        assert asked_mlflow(scene, url)[0] == "ok"
        assert asked_mlflow(scene, url, "another")[0] == "fail"


def test_an_mlflow_without_users_is_a_warning(scene: MakeScene) -> None:
    with answering(lambda *_: (200, {})) as url:
        level, said = asked_mlflow(scene, url)
    assert level == "warn" and "whoever asks" in said


def test_an_mlflow_that_is_away_fails(scene: MakeScene) -> None:
    assert asked_mlflow(scene, f"http://127.0.0.1:{free_port()}")[0] == "fail"


HEALTH = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy"}}


@pytest.mark.parametrize(
    ("health", "level"),
    [
        ({**HEALTH, "triggerer": {"status": None}}, "ok"),
        ({**HEALTH, "scheduler": {"status": "unhealthy"}}, "fail"),
    ],
)
def test_what_airflow_says_of_its_parts(
    scene: MakeScene, health: dict[str, object], level: str
) -> None:
    variable = "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"
    with answering(lambda *_: (200, health)) as url:
        (finding,) = services.airflow(scene(**{variable: f"{url}/execution/"}))
    assert finding.level == level


def endpoint(path: str, headers: dict[str, str]) -> tuple[int, object]:
    if path == "/health/ready":
        return 503, {"detail": "there is no champion", "fix": "run the weekly cycle"}
    return (200, {}) if headers.get("Authorization") == "Bearer right" else (401, {})


@pytest.mark.parametrize(("key", "levels"), [("right", ["warn"]), ("wrong", ["warn", "fail"])])
def test_the_endpoint_says_why_it_is_not_ready_and_whether_it_takes_the_key(
    scene: MakeScene, key: str, levels: list[str]
) -> None:
    with answering(endpoint) as url:
        found = services.endpoint(scene(key=key, DENGUARD_ENDPOINT_URL=url))
    assert [f.level for f in found] == levels
    assert found[0].fix == "run the weekly cycle"


def test_an_endpoint_that_answers_any_key_fails(scene: MakeScene) -> None:
    with answering(lambda *_: (200, {})) as url:
        found = services.endpoint(scene(DENGUARD_ENDPOINT_URL=url))
    assert [f.level for f in found] == ["ok", "fail"]


@pytest.mark.parametrize(("ahead", "level"), [(0, "ok"), (300, "fail"), (-300, "fail")])
def test_a_clock_that_is_minutes_off_fails(scene: MakeScene, ahead: float, level: str) -> None:
    with answering(lambda *_: (403, {}), seconds_ahead=ahead) as url:
        (finding,) = services.clock(scene(AWS_ENDPOINT_URL=url))
    assert finding.level == level


def test_s3_with_the_keys_in_use(s3: Bucket, scene: MakeScene) -> None:
    (finding,) = stores.s3(scene(DENGUARD_ARTIFACTS_URI=f"{s3.uri}/below"))
    assert finding.level == "ok"
    assert s3.keys() == []  # the probe is gone again


def test_keys_that_reach_mlflows_bucket_are_a_warning(s3: Bucket, scene: MakeScene) -> None:
    s3.server.new_bucket("mlflow")
    try:
        (finding,) = stores.s3(scene(DENGUARD_ARTIFACTS_URI=s3.uri))
    finally:
        s3.client().delete_bucket(Bucket="mlflow")
    assert finding.level == "warn" and "s3://mlflow" in finding.said


def test_a_store_that_takes_no_writes_fails_with_its_reason(s3: Bucket, scene: MakeScene) -> None:
    with s3.server.forbidding_writes():
        (finding,) = stores.s3(scene(DENGUARD_DVC_REMOTE=s3.uri))
    assert finding.level == "fail" and "does not allow it" in finding.said


def airflows(path: Path, revision: str, paused: int) -> str:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("create table alembic_version (version_num text)")
        db.execute("insert into alembic_version values (?)", (revision,))
        db.execute("create table dag (dag_id text, is_paused boolean)")
        db.execute("insert into dag values ('retraining', ?)", (paused,))
    return f"sqlite:///{path}"


def test_a_database_of_this_version_with_a_dag_that_runs(tmp_path: Path, scene: MakeScene) -> None:
    airflow = pytest.importorskip("airflow", reason="Airflow is not installed")
    folder = Path(str(airflow.__file__)).parent / "migrations" / "versions"
    (newest,) = database.newest_revisions(folder)
    address = airflows(tmp_path / "a.db", newest, 0)
    found = database.database(scene(AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=address))
    assert [f.level for f in found] == ["ok", "ok", "ok"]


def test_the_newest_revision_is_the_one_that_airflow_names() -> None:
    airflow = pytest.importorskip("airflow", reason="Airflow is not installed")
    root = Path(str(airflow.__file__)).parent
    (newest,) = database.newest_revisions(root / "migrations" / "versions")
    assert f'"{newest}"' in (root / "utils" / "db.py").read_text()


def test_older_tables_and_a_paused_dag_fail(tmp_path: Path, scene: MakeScene) -> None:
    address = airflows(tmp_path / "a.db", "0000deadbeef", 1)
    server, tables, dag = database.database(scene(AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=address))
    assert (server.level, dag.level) == ("ok", "fail")
    assert tables.level in {"fail", "skip"}
    assert "unpause" in dag.fix


def test_a_database_that_is_away_fails_without_its_password(scene: MakeScene) -> None:
    for address in (f"sqlite:////nowhere/{PASSWORD}.db", f"no address {PASSWORD}"):
        (finding,) = database.database(scene(AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=address))
        assert finding.level == "fail" and PASSWORD not in finding.said


def test_nobody_to_tell_is_a_warning(scene: MakeScene) -> None:
    assert people.alerts(scene())[0].level == "warn"


def test_mail_is_logged_into_and_sent_only_if_asked(folder: Path, scene: MakeScene) -> None:
    with (folder / ".env").open("a") as env:
        env.write(
            "DENGUARD_ALERT_EMAIL_TO=a@example.org\nDENGUARD_ALERT_EMAIL_FROM=b@example.org\n"
        )
    with mail_server(PASSWORD) as (address, mails):
        write_secret(folder, "smtp_url", f"smtp://denguard:{PASSWORD}@{address}")
        assert people.alerts(scene())[0].level == "ok" and mails == []
        assert people.alerts(scene(send=True))[0].level == "ok" and len(mails) == 1
        write_secret(folder, "smtp_url", f"smtp://denguard:wrong@{address}")
        (finding,) = people.alerts(scene())
    assert finding.level == "fail" and address not in finding.said


def test_a_webhook_is_reached_and_posted_to_only_if_asked(folder: Path, scene: MakeScene) -> None:
    hook = Hook()
    write_secret(folder, "alert_webhook_url", hook.url)
    assert people.alerts(scene())[0].level == "ok" and hook.kinds == []
    assert people.alerts(scene(send=True))[0].level == "ok" and hook.kinds == ["test"]
    hook.close()
    (finding,) = people.alerts(scene())
    assert finding.level == "fail" and hook.url not in finding.said
