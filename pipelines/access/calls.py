"""One HTTP call to a service of the deployment: a timeout, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import httpx

from pipelines.errors import ServiceError

_TIMEOUT_S = 20.0
_TEXT = 300
_NOT_KNOWN = (401, 403)


class Service:
    """A service that is spoken to as one of its users.

    Args:
        name: as people call it.
        url: its address.
        container: of docker-compose.yml, named in what to do.
    """

    def __init__(self, name: str, url: str, container: str) -> None:
        self.name, self.url, self._container = name, url, container
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        auth: httpx.Auth | tuple[str, str] | None = None,
        accept: Collection[int] = (),
    ) -> httpx.Response:
        """The answer to one call.

        Args:
            accept: statuses that the caller deals with; every other but 2xx is an error.

        Raises:
            ServiceError: it does not answer, does not know who asks, or refused.
        """
        try:
            answer = self._client.request(method, path, json=body, auth=auth)
        except httpx.TransportError as err:
            raise ServiceError(
                f"{self.name} does not answer ({type(err).__name__})",
                where=self.url,
                fix=f"wait until {self._container} is healthy and run the command again",
            ) from err
        if answer.is_success or answer.status_code in accept:
            return answer
        raise self._refused(answer, f"{method} {path}")

    def _refused(self, answer: httpx.Response, where: str) -> ServiceError:
        if answer.status_code in _NOT_KNOWN:
            return ServiceError(
                f"{self.name} does not take the password of its user admin",
                where=f"{self.url} {where}",
                fix=f"put the right one into secrets/{self.name.lower()}_admin_password; "
                "docs/access.md says how to set a new one without the old",
            )
        return ServiceError(
            f"{self.name} refused, HTTP {answer.status_code}: {answer.text[:_TEXT].strip()}",
            where=f"{self.url} {where}",
            fix="read the message; run the command again when its cause is gone",
        )
