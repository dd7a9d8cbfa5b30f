"""The password of a PostgreSQL role, changed over psql as the superuser `denguard`."""

from __future__ import annotations

import os
import shutil
import subprocess

from pipelines.access.scram import scram_verifier
from pipelines.errors import ServiceError

_TIMEOUT_S = 30
_SUPERUSER = "denguard"


def set_role_password(role: str, password: str, superuser_passwords: list[str]) -> None:
    """Let a role log in with a password from now on; sessions that are open go on.

    Args:
        superuser_passwords: tried in turn: when the superuser's own is changed, a command that
            was stopped in the middle may have left either.

    Raises:
        ServiceError: no psql here, the server does not answer, or it takes none of them.
    """
    statement = f"ALTER ROLE {role} PASSWORD '{scram_verifier(password)}'"
    said = ""
    for known in superuser_passwords:
        said = _psql(statement, known)
        if not said:
            return
    raise ServiceError(
        f"PostgreSQL did not change the password of {role}: {said}",
        where=os.environ.get("PGHOST", "postgres"),
        fix="see that postgres is healthy and secrets/postgres_password right; the old password "
        "still holds",
    )


def _psql(statement: str, password: str) -> str:
    """What psql complained of, "" if it went well. The statement comes over stdin: an argument
    would be seen by every user of the machine."""
    if shutil.which("psql") is None:
        raise ServiceError(
            "there is no psql here",
            fix="run it in a container of the pipeline's image: docker compose run --rm access ...",
        )
    environment = {"PGHOST": "postgres", "PGDATABASE": "postgres", **os.environ}
    try:
        done = subprocess.run(
            ["psql", "--no-psqlrc", "--quiet", "--no-password", "--set", "ON_ERROR_STOP=1"],
            input=statement,
            env={**environment, "PGUSER": _SUPERUSER, "PGPASSWORD": password},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_TIMEOUT_S} s"
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
