"""Users of Airflow, over the API of its FAB auth manager."""

from __future__ import annotations

from collections.abc import Generator
from urllib.parse import quote

import httpx

from pipelines.access.calls import Service

_USERS = "/auth/fab/v1/users"
_ABSENT = 404
_PAGE = 100


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class AirflowUsers:
    """Airflow as its user `admin` sees it.

    Args:
        url: of the API server.
        password: of `admin`.
    """

    def __init__(self, url: str, password: str) -> None:
        self._service = Service("Airflow", url, "airflow-api-server")
        self._password = password
        self._token: _Bearer | None = None

    def roles(self) -> dict[str, str]:
        """Name -> role of every user. Raises ServiceError, as every method here."""
        found: dict[str, str] = {}
        while True:
            page = self._call("GET", f"{_USERS}?limit={_PAGE}&offset={len(found)}").json()
            for user in page["users"]:
                found[user["username"]] = ", ".join(role["name"] for role in user["roles"])
            if not page["users"] or len(found) >= page["total_entries"]:
                return found

    def put(self, name: str, role: str, password: str) -> None:
        """Make a user, or give one that exists this role and password."""
        user: dict[str, object] = {
            "username": name,
            "email": f"{name}@localhost",  # Airflow wants one; nothing is ever sent to it
            "first_name": name,
            "last_name": "denguard",
            "roles": [{"name": role}],
            "password": password,
        }
        if self._has(name):
            self._call("PATCH", _path(name), user)
        else:
            self._call("POST", _USERS, user)

    def set_password(self, name: str, password: str) -> bool:
        """Give a user a new password; False if there is no such user."""
        if not self._has(name):
            return False
        self._call("PATCH", f"{_path(name)}?update_mask=password", {"password": password})
        return True

    def remove(self, name: str) -> bool:
        """Remove a user; False if there was none."""
        return self._call("DELETE", _path(name), accept=(_ABSENT,)).status_code != _ABSENT

    def _has(self, name: str) -> bool:
        return self._call("GET", _path(name), accept=(_ABSENT,)).status_code != _ABSENT

    def _call(
        self,
        method: str,
        path: str,
        body: dict[str, object] | None = None,
        accept: tuple[int, ...] = (),
    ) -> httpx.Response:
        if self._token is None:
            who: dict[str, object] = {"username": "admin", "password": self._password}
            answer = self._service.call("POST", "/auth/token", who)
            self._token = _Bearer(answer.json()["access_token"])
        return self._service.call(method, path, body, self._token, accept)


def _path(name: str) -> str:
    return f"{_USERS}/{quote(name, safe='')}"
