"""Handing a version to a real, running endpoint, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.registries import closed_port, damage

from pipelines.config import DeploymentPaths
from pipelines.contracts import CHAMPION, PREVIOUS
from pipelines.errors import DeployError
from pipelines.registry.aliases import read_aliases, set_champion
from pipelines.registry.deploy import (
    ENDPOINT_VARIABLE,
    NOT_CONFIGURED,
    NOT_REACHABLE,
    deploy,
)
from pipelines.registry.register import register_bundle, registry_state
from pipelines.run.outputs import SERVING

MakeBundle = Callable[..., Path]


def test_a_deployed_version_serves(
    paths: DeploymentPaths, make_bundle: MakeBundle, endpoint: str
) -> None:
    one, two = (register_bundle(make_bundle(bias), "weekly") for bias in (-1.0, -2.0))

    first = deploy(one, endpoint)
    second = deploy(two, endpoint)

    assert (first.endpoint, first.previous, first.changed) == (SERVING, None, True)
    assert (second.endpoint, second.previous) == (SERVING, one)


def test_a_refused_version_gives_the_champion_back(
    paths: DeploymentPaths, make_bundle: MakeBundle, endpoint: str
) -> None:
    one, two = (register_bundle(make_bundle(bias), "weekly") for bias in (-1.0, -2.0))
    deploy(one, endpoint)
    damage(paths, two)
    state = registry_state()

    with pytest.raises(DeployError, match=r"damaged.*version 1 is champion again"):
        deploy(two, endpoint)
    assert registry_state() == state


def test_a_refused_first_champion_leaves_none(
    paths: DeploymentPaths, make_bundle: MakeBundle, endpoint: str
) -> None:
    version = register_bundle(make_bundle(), "weekly")
    damage(paths, version)

    with pytest.raises(DeployError):
        deploy(version, endpoint)
    assert read_aliases()[CHAMPION] is None


def test_a_deploy_that_was_killed_half_way_still_finds_the_way_back(
    paths: DeploymentPaths, make_bundle: MakeBundle, endpoint: str
) -> None:
    one, two = (register_bundle(make_bundle(bias), "weekly") for bias in (-1.0, -2.0))
    deploy(one, endpoint)
    damage(paths, two)
    set_champion(two)  # as the killed one did, before it could look at the endpoint

    with pytest.raises(DeployError):
        deploy(two, endpoint, timeout_s=2)
    assert read_aliases()[CHAMPION] == one
    assert read_aliases()[PREVIOUS] is None


def test_without_an_address_the_workers_find_it_by_themselves(
    paths: DeploymentPaths, make_bundle: MakeBundle
) -> None:
    version = register_bundle(make_bundle(), "weekly")

    assert deploy(version).endpoint == NOT_CONFIGURED
    assert read_aliases()[CHAMPION] == version


def test_an_endpoint_that_is_down_does_not_hold_the_run_up(
    paths: DeploymentPaths, make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"http://127.0.0.1:{closed_port()}")
    version = register_bundle(make_bundle(), "weekly")

    assert deploy(version).endpoint == NOT_REACHABLE
    assert read_aliases()[CHAMPION] == version
