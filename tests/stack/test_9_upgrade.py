"""A deployment of the first version, with a week of its own, taken over by `init` and `upgrade`.

Last of all, because the stack of the others stops for it: both have the same ports.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support.stack import first_version, kept
from support.stack import run as weekly
from support.stack.engine import PROJECT, Stack, until
from support.stack.first_version import FirstVersion, give
from support.stack.table import Row, Table

pytestmark = [pytest.mark.stack, pytest.mark.timeout(2 * 3600)]
PORTS = {"AIRFLOW_PORT": "28080", "MLFLOW_PORT": "25000", "SERVING_PORT": "28000"}
FIRST_WEEK_S = 3600
_OWNERS = (
    "select distinct r.rolname from pg_class c join pg_roles r on r.oid = c.relowner "
    "where c.relnamespace = 'public'::regnamespace"
)


@pytest.fixture(scope="module")
def first(stack: Stack) -> Iterator[FirstVersion]:
    """The first version with a green week of its own."""
    if why := first_version.why_not():
        pytest.skip(why)
    stack.compose("--profile", "*", "stop", timeout_s=600)
    base = os.environ.get("DENGUARD_VERSION", "latest")
    settings = {**PORTS, "BASE_VERSION": base, "DENGUARD_VERSION": "first"}
    folder = Path(tempfile.mkdtemp(prefix="denguard-first-"))
    made = FirstVersion(folder, settings, project=f"{PROJECT}-first")
    made.lay_out()
    yield made
    if os.environ.get("DENGUARD_STACK_KEEP") != "1":
        made.compose("--profile", "*", "down", "-v", timeout_s=600, check=False)
        shutil.rmtree(folder)


def owns(stack: Stack, role: str) -> bool:
    """Whether all of the database of its name is a role's."""
    return stack.sql(role, _OWNERS) == role


def taken_over(first: FirstVersion, new: Stack) -> None:
    """The steps of docs/upgrading.md and docs/storage.md until `upgrade` is called."""
    first.compose("down", timeout_s=600)
    shutil.rmtree(first.folder / "dags")
    new.lay_out()
    new.as_root("init", "--with", "workers,s3")
    (new.folder / "backups").mkdir(exist_ok=True)
    give(new, new.folder / "backups")
    new.compose("up", "-d", "--no-build", "postgres-init", "s3-init", timeout_s=300)
    for role in ("airflow", "mlflow"):
        until(f"{role} owns its tables", partial(owns, new, role), 120)


def test_a_deployment_of_the_first_version_goes_on(
    stack: Stack, first: FirstVersion, table: Table
) -> None:
    first.bring_up()
    weekly.until_done(first, weekly.first_run(first), FIRST_WEEK_S)
    until("the first version serves", lambda: bool(first_version.bundle_of(first)), 300)
    before = first.before()
    today = {**stack.settings, "DENGUARD_VERSION": first.settings["BASE_VERSION"]}
    new = Stack(first.folder, today, first.endpoint_key, project=first.project)

    began = time.monotonic()
    taken_over(first, new)
    moved = first_version.move_buckets(first, new)
    said = new.kept("upgrade", "--into", "/backup")
    assert "\tNO\t" not in said and "the way back" in said, said
    kept.bring_up(new)
    took = time.monotonic() - began
    same_as_before(first, new, before)
    happened = f"init took its .env over, {moved} objects copied, upgrade compared: the same"
    table.add(Row("the first version's deployment upgraded", happened, took, "nothing"))

    began = time.monotonic()
    weekly.begin(new, "after-upgrade")
    weekly.until_done(new, "after-upgrade")
    lost = weekly.lost(before.forecasts, weekly.forecasts(new, kept.LIGHT), ())
    seconds = time.monotonic() - began
    table.add(Row("a weekly run after the upgrade", "green", seconds, lost))


def same_as_before(first: FirstVersion, new: Stack, before: first_version.Before) -> None:
    """Champion, forecasts, audit, runs and the administrator are what they were."""
    now = kept.state_of(new)
    assert first_version.bundle_of(new) == before.bundle
    assert weekly.lost(before.forecasts, now.forecasts, ()) == "nothing"
    assert now.audit.startswith(before.audit)
    assert before.runs.items() <= now.runs.items()
    assert new.secret("airflow_admin_password") == first.secret("airflow_admin_password")
