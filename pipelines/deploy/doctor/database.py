"""Airflow's database: it lets the pipeline in, has the tables of this version, and the DAG runs."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from pipelines.deploy.doctor.finding import CALL_TIMEOUT_S, Finding, Scene

_ADDRESS = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_REVISION = re.compile(r"^(revision|down_revision)\b[^=\n]*=\s*(.+)$", re.M)
_WEEKLY_DAG = "retraining"
_UP = "docker compose up -d postgres postgres-init airflow-init, then docker compose logs postgres"


def database(scene: Scene) -> list[Finding]:
    """Connect as Airflow does, and look at three things."""
    address = scene.variable(_ADDRESS)
    if not address:
        return [Finding("skip", "database", f"{_ADDRESS} is not set here")]
    try:
        url = make_url(address)
        with create_engine(url, connect_args=_limits(url)).connect() as connection:
            return [_server(connection), _schema(connection), _weekly(connection)]
    except ImportError as err:
        said = f"its driver is not installed here ({err.name})"
        return [Finding("skip", "database", said, "ask from inside the stack")]
    except SQLAlchemyError as err:  # its words may hold the password
        if "authentication failed" in str(err):
            said = "it does not know Airflow's user by the password in secrets/airflow_db_password"
            return [Finding("fail", "database", said, "docker compose up -d postgres-init sets it")]
        said = f"it cannot be reached or used ({type(err).__name__})"
        return [Finding("fail", "database", said, _UP)]


def _limits(url: URL) -> dict[str, str | int]:
    """Of a connection to PostgreSQL; a file needs none."""
    if url.get_backend_name() != "postgresql":
        return {}
    seconds = int(CALL_TIMEOUT_S)
    return {"connect_timeout": seconds, "options": f"-c statement_timeout={seconds * 1000}"}


def _server(connection: Connection) -> Finding:
    dialect = connection.dialect
    number = ".".join(map(str, dialect.server_version_info or ()))
    return Finding("ok", "database", f"{dialect.name} {number} answers Airflow's user")


def _schema(connection: Connection) -> Finding:
    """Airflow's own migrations end where the tables say that they are."""
    package = find_spec("airflow")
    folder = Path(str(package.origin)).parent / "migrations" / "versions" if package else Path()
    if package is None or not folder.is_dir():
        return Finding(
            "skip", "tables", "Airflow is not installed here, so its newest is not known"
        )
    if not connection.dialect.has_table(connection, "alembic_version"):
        fix = "docker compose up -d airflow-init"
        return Finding("fail", "tables", "Airflow's tables were never made", fix)
    here = set(connection.execute(text("select version_num from alembic_version")).scalars())
    newest = newest_revisions(folder)
    if here == newest:
        return Finding("ok", "tables", "Airflow's are those of the installed version")
    said = f"Airflow's are at {', '.join(sorted(here))}, and this version wants {', '.join(newest)}"
    fix = "make a backup, then docker compose up -d airflow-init (docs/upgrading.md)"
    return Finding("fail", "tables", said, fix)


def _weekly(connection: Connection) -> Finding:
    """A DAG that is paused makes no forecast, and nothing else says so."""
    if not connection.dialect.has_table(connection, "dag"):
        return Finding("skip", "weekly run", "Airflow has not looked at the DAGs yet")
    ask = text("select is_paused from dag where dag_id = :name")
    paused = connection.execute(ask, {"name": _WEEKLY_DAG}).scalar_one_or_none()
    if paused is None:
        fix = "wait a minute; then docker compose logs airflow-dag-processor"
        return Finding("warn", "weekly run", f"Airflow does not know {_WEEKLY_DAG} yet", fix)
    if paused:
        fix = f"docker compose exec airflow-scheduler airflow dags unpause {_WEEKLY_DAG}"
        return Finding("fail", "weekly run", f"{_WEEKLY_DAG} is paused: no run, no forecast", fix)
    return Finding("ok", "weekly run", f"{_WEEKLY_DAG} runs by its schedule")


def newest_revisions(folder: Path) -> set[str]:
    """Where migrations of Alembic end, read from their files: importing them would take seconds."""
    own, before = set[str](), set[str]()
    for path in folder.glob("*.py"):
        for name, value in _REVISION.findall(path.read_text(encoding="utf-8")):
            (own if name == "revision" else before).update(re.findall(r"['\"](\w+)['\"]", value))
    return own - before
