"""MLflow's two service users: `denguard` registers models, `endpoint` reads them.

Runs at each start and changes only what is not right: a user that is missing, or whose password
is not the one of its file any more. Persons get theirs by `denguard access add`.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.error
import urllib.request

SERVER = os.environ["MLFLOW_TRACKING_URI"]
TIMEOUT_S = 30
# What was registered before MLflow had users belongs to nobody.
OWNS = (("denguard", "experiment"), ("denguard", "registered_model"))


def call(user: str, password: str, method: str, path: str, body: dict[str, str] | None) -> int:
    """HTTP status of one call as a user; the answer's text goes to stderr if it is an error."""
    given = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 an address of our own, http
        f"{SERVER}{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Authorization": f"Basic {given}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as err:
        said = err.read(500)
        if b"RESOURCE_ALREADY_EXISTS" in said and path.endswith("/grant"):
            return 200  # given at an earlier start
        if err.code != 401:
            sys.stderr.write(f"{method} {path}: {err.code} {said!r}\n")
        return err.code


def main() -> None:
    """Make both users, as `admin`."""
    admin = os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"]
    users = {
        "denguard": os.environ["MLFLOW_SERVICE_PASSWORD"],
        "endpoint": os.environ["MLFLOW_ENDPOINT_PASSWORD"],
    }
    for name, password in users.items():
        if call(name, password, "GET", "/api/2.0/mlflow/users/current", None) == 200:
            continue
        given = {"username": name, "password": password}
        made = call("admin", admin, "POST", "/api/2.0/mlflow/users/create", given)
        if made != 200:  # it is there under another password
            made = call("admin", admin, "PATCH", "/api/2.0/mlflow/users/update-password", given)
        if made != 200:
            sys.exit(f"MLflow's user {name} could not be made: is the password of `admin` right?")
    for name, kind in OWNS:
        grant = {"username": name, "resource_type": kind, "resource_id": "*"}
        grant["permission"] = "MANAGE"
        if call("admin", admin, "POST", "/api/3.0/mlflow/users/permissions/grant", grant) != 200:
            sys.exit(f"MLflow did not give its user {name} the right to manage: {kind}")


if __name__ == "__main__":
    main()
