"""A deployment in the form of the first version, taken over by init and upgrade.

Not the first version itself, whose images would have to be built: its database (all of it the
superuser's, no users of MLflow), its `.env` (every secret in it, a short token, no folder secrets/)
and the data of before. Its MinIO's buckets are copied by hand (docs/stack.md); here they stay.
"""

from __future__ import annotations

import secrets
import shutil
import time
from functools import partial

import pytest
from support.stack import kept
from support.stack import run as weekly
from support.stack.engine import Stack, until
from support.stack.table import Row, Table

from pipelines.deploy.secret_table import SECRETS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(2 * 3600)]
_BEFORE = "secrets-of-before"
_ALL_THE_SUPERUSERS = {
    "airflow": "ALTER DATABASE airflow OWNER TO denguard; REASSIGN OWNED BY airflow TO denguard;"
    "DROP OWNED BY airflow;",
    "mlflow": "ALTER DATABASE mlflow OWNER TO denguard; REASSIGN OWNED BY mlflow TO denguard;"
    "DROP OWNED BY mlflow;",
    "postgres": "DROP DATABASE mlflow_auth; GRANT CONNECT ON DATABASE airflow, mlflow TO PUBLIC;"
    "DROP OWNED BY airflow, mlflow; DROP ROLE airflow; DROP ROLE mlflow;",
}
_OWNERS = (
    "select distinct r.rolname from pg_class c join pg_roles r on r.oid = c.relowner "
    "where c.relnamespace = 'public'::regnamespace"
)


def ask(stack: Stack, database: str, sql: str) -> str:
    """Answer of PostgreSQL to its superuser."""
    password = f"PGPASSWORD={stack.secret('postgres_password')}"
    words = ("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "denguard")
    called = ("exec", "-T", "-e", password, "postgres", *words, "-d", database)
    return "".join(
        stack.compose(*called, "-c", one).strip() for one in sql.split(";") if one.strip()
    )


def make_first_form(stack: Stack) -> None:
    """Database, settings and secrets as the first version had them."""
    stack.compose("--profile", "*", "stop", timeout_s=600)
    stack.compose("up", "-d", "--no-build", "--no-deps", "postgres")
    until("PostgreSQL is there", lambda: stack.healthy("postgres"), 120)
    for database, sql in _ALL_THE_SUPERUSERS.items():
        ask(stack, database, sql)
    values = {s.first_version: stack.secret(s.name) for s in SECRETS if s.first_version}
    values |= {"AIRFLOW_JWT_SECRET": secrets.token_urlsafe(32), "DENGUARD_PROFILE": "sample"}
    values |= {"DENGUARD_DATA": "./data", "AIRFLOW_PORT": "8080", "HEAVY_WORKER_MEMORY": "8g"}
    text = "".join(f"{name}={value.split(',')[0]}\n" for name, value in values.items())
    (stack.folder / ".env").write_text(text, encoding="utf-8")
    (stack.folder / "secrets").rename(stack.folder / _BEFORE)


def owns(stack: Stack, role: str) -> bool:
    """Whether all of the database of its name is a role's."""
    return ask(stack, role, _OWNERS) == role


def test_a_deployment_of_the_first_form_goes_on(stack: Stack, table: Table) -> None:
    before = kept.state_of(stack)
    admin = stack.secret("airflow_admin_password")
    make_first_form(stack)

    began = time.monotonic()
    stack.as_root("init")
    shutil.copy2(stack.folder / _BEFORE / "backup_key", stack.folder / "secrets")
    stack.compose("up", "-d", "--no-build", "postgres-init", "s3-init", timeout_s=300)
    for role in ("airflow", "mlflow"):
        until(f"{role} owns its tables", partial(owns, stack, role), 60)
    said = stack.run("upgrade", "--into", "/backup")
    assert "\tNO\t" not in said and "the way back" in said, said
    kept.bring_up(stack)
    took = time.monotonic() - began
    assert kept.differences(before, kept.state_of(stack)) == []
    assert stack.secret("airflow_admin_password") == admin
    with stack.airflow():
        pass
    happened = "init took its .env over, the roles own their tables, upgrade compared: the same"
    table.add(Row("the first version's form, taken over", happened, took, "nothing"))

    began = time.monotonic()
    weekly.begin(stack, "after-upgrade")
    weekly.until_done(stack, "after-upgrade")
    lost = weekly.lost(before.forecasts, weekly.forecasts(stack, kept.LIGHT), ())
    seconds = time.monotonic() - began
    table.add(Row("a weekly run after the upgrade", "green, the same forecasts", seconds, lost))
