"""Who may ask: one bearer key, known here only as its SHA-256, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac

from fastapi import Request, Security
from fastapi.security import HTTPBearer

from serving.problems import Problem


class _Key(HTTPBearer):
    """The scheme and its check in one, on the event loop: of two dependencies each request would
    pay for both, and of one that is no coroutine for a thread."""

    async def __call__(self, request: Request) -> None:
        """Let the request pass or raise 401, before any of its body is read."""
        credentials = await super().__call__(request)
        given = credentials.credentials if credentials else ""
        digest = hashlib.sha256(given.encode()).hexdigest()
        known: tuple[str, ...] = request.app.state.settings.api_key_sha256
        # every hash is compared, so that the time tells nothing about which one is near
        matches = [hmac.compare_digest(digest, entry) for entry in known]
        if not given or not any(matches):
            raise Problem(
                401,
                "wrong-key" if given else "no-key",
                "the key is not the one of this endpoint" if given else "no key was sent",
                "send the header `Authorization: Bearer <key>` with the key made at set-up",
                headers={"WWW-Authenticate": 'Bearer realm="denguard"'},
            )


requires_key = Security(
    _Key(scheme_name="HTTPBearer", auto_error=False, description="the key made at set-up")
)
