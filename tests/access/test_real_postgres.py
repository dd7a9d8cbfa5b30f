"""Passwords of database roles on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.postgres import SUPERUSER_PASSWORD, logs_in, postgres, postgres_bin

from pipelines.access.database import set_role_password
from pipelines.errors import ServiceError

pytestmark = pytest.mark.timeout(300)
OLD, NEW = "of-airflow-before-0123", "of-airflow-from-now-on-0123"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    found = postgres_bin()
    if found is None:
        pytest.skip("there is no PostgreSQL: apt-get install postgresql, or DENGUARD_POSTGRES_BIN")
    with postgres(found) as where:
        for name in ("PGHOST", "PGPORT"):
            monkeypatch.setenv(name, where[name])
        made = f"CREATE ROLE airflow LOGIN PASSWORD '{OLD}'"
        assert logs_in(where, "denguard", SUPERUSER_PASSWORD, made)
        yield where


def test_a_new_password_holds_the_old_one_does_not_and_no_log_has_it(
    server: dict[str, str],
) -> None:
    set_role_password("airflow", NEW, [SUPERUSER_PASSWORD])
    assert logs_in(server, "airflow", NEW)
    assert not logs_in(server, "airflow", OLD)
    log = Path(server["PG_LOG"]).read_text()
    assert "ALTER ROLE airflow" in log
    assert NEW not in log


def test_the_superuser_changes_its_own_and_a_repeated_change_finds_it(
    server: dict[str, str],
) -> None:
    new = "of-the-superuser-from-now-on"
    set_role_password("denguard", new, [SUPERUSER_PASSWORD, new])
    assert logs_in(server, "denguard", new)
    set_role_password("denguard", new, [SUPERUSER_PASSWORD, new])  # stopped before the file


def test_a_wrong_superuser_s_password_changes_nothing(server: dict[str, str]) -> None:
    with pytest.raises(ServiceError, match="did not change the password of airflow"):
        set_role_password("airflow", NEW, ["not-the-right-one"])
    assert logs_in(server, "airflow", OLD)
