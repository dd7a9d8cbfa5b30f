"""/docs opens where there is no internet: script and style come from the endpoint itself."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient


def test_the_docs_page_names_nothing_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    needed = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert page.status_code == 200
    assert len(needed) >= 2
    for address in needed:
        assert address.startswith("/"), address
        assert client.get(address).status_code == 200, address
