"""Who may change something in MLflow: its administrators and the pipeline; all others only read.

MLflow's own `default_permission = READ` covers what is there; anybody with a password could make
new models and experiments. Named as `authorization_function` by server.sh.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.datastructures import Authorization

WRITERS = {"denguard"}
_ASKS = re.compile(r"/(search|search-[a-z-]+|get-latest-versions|graphql)$")
_OWN_PASSWORD = re.compile(r"/mlflow/users/update-password$")
_REFUSED = "this user reads; what changes something is refused"


def only_reads(method: str, path: str) -> bool:
    """Whether a request changes nothing but one's own password, which MLflow checks itself."""
    if method in {"GET", "HEAD", "OPTIONS"}:
        return True
    if method == "POST":
        return bool(_ASKS.search(path))
    return method == "PATCH" and bool(_OWN_PASSWORD.search(path))


def authenticate() -> Authorization | Response:
    """The user of this request, or the answer to it: 401 without one, 403 to a reader's change."""
    from flask import Response, request
    from mlflow.server import auth

    who: Authorization | Response = auth.authenticate_request_basic_auth()
    if isinstance(who, Response) or only_reads(request.method, request.path):
        return who
    if who.username in WRITERS or auth.store.get_user(who.username).is_admin:
        return who
    return Response(_REFUSED, 403)
