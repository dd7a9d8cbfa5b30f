"""Two sieges for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.attacks.on_drops import ATTACKS
from support.attacks.siege import Attack, Siege, lay_siege
from support.homes import Home

from pipelines.contracts import Level


@pytest.fixture(scope="session")
def laid(
    tabular: Home, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[list[Attack]], Siege]:
    def lay(attacks: list[Attack]) -> Siege:
        home = tmp_path_factory.mktemp("siege")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DENGUARD_HOME", str(home))
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            patch.delenv("DENGUARD_ARTIFACTS_URI", raising=False)
            return lay_siege(tabular.path, home, attacks)

    return lay


@pytest.fixture(scope="session")
def siege(laid: Callable[[list[Attack]], Siege]) -> Siege:
    return laid(ATTACKS)


@pytest.fixture(scope="session")
def let_through(siege: Siege, laid: Callable[[list[Attack]], Siege]) -> Siege:
    """Of the attacks those of which nothing stops a run."""
    stop = {i.place[:10] for i in siege.issues if i.level is Level.CRITICAL}
    return laid([a for a in ATTACKS if siege.dates[a.name] not in stop])
