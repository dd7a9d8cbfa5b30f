"""Users of MLflow, over the API of its basic-auth app."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from pipelines.access.calls import Service
from pipelines.access.roles import PIPELINE

_USERS = "/api/2.0/mlflow/users"
_ABSENT = 404


class MlflowUsers:
    """MLflow as its user `admin` sees it.

    Args:
        url: of the server.
        password: of `admin`.
    """

    def __init__(self, url: str, password: str) -> None:
        self._service = Service("MLflow", url, "mlflow")
        self._auth = ("admin", password)

    def kinds(self) -> dict[str, str]:
        """Name -> "reads", "writes" or "admin" of every user. Raises ServiceError, as all here."""
        users = self._service.call("GET", f"{_USERS}/list", auth=self._auth).json()["users"]
        return {user["username"]: _kind(user["username"], user["is_admin"]) for user in users}

    def put(self, name: str, kind: str, password: str) -> None:
        """Make a user, or give one that exists this password and kind.

        A user who is no admin reads all and changes nothing but what it made itself: the server's
        default permission is READ.
        """
        if not self.set_password(name, password):
            self._send("POST", "create", {"username": name, "password": password})
        self._send("PATCH", "update-admin", {"username": name, "is_admin": kind == "admin"})

    def set_password(self, name: str, password: str) -> bool:
        """Give a user a new password; False if there is no such user."""
        if not self._has(name):
            return False
        new: dict[str, object] = {"username": name, "password": password}
        if name == self._auth[0]:
            new["current_password"] = self._auth[1]  # asked of who changes its own
        self._send("PATCH", "update-password", new)
        return True

    def remove(self, name: str) -> bool:
        """Remove a user; False if there was none."""
        if not self._has(name):
            return False
        self._send("DELETE", "delete", {"username": name})
        return True

    def _has(self, name: str) -> bool:
        path = f"{_USERS}/get?username={quote(name, safe='')}"
        found = self._service.call("GET", path, auth=self._auth, accept=(_ABSENT,))
        return found.status_code != _ABSENT

    def _send(self, method: str, what: str, body: Mapping[str, object]) -> None:
        self._service.call(method, f"{_USERS}/{what}", body, self._auth)


def _kind(name: str, is_admin: bool) -> str:
    if is_admin:
        return "admin"
    return "writes" if name == PIPELINE else "reads"
