"""One siege for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.attacks.on_drops import ATTACKS
from support.attacks.siege import (
    Siege,
    lay_siege,
)


@pytest.fixture(scope="session")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    home = tmp_path_factory.mktemp("siege")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENGUARD_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("DENGUARD_ARTIFACTS_URI", raising=False)
        yield lay_siege(home, ATTACKS)
