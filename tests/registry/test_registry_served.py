"""Who serves, read without MLflow: what MLflow itself says, from its file and from its server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from support.receivers import free_port

from pipelines.config import DeploymentPaths
from pipelines.errors import RegistryError
from pipelines.registry import lookup
from pipelines.registry.adopt import adopt_rule
from pipelines.registry.aliases import AuditReason, set_champion
from pipelines.registry.lookup import MODEL_NAME, connect
from pipelines.registry.rolled_back import mark_rolled_back
from pipelines.registry.served import (
    AsksMlflow,
    _reader,
    bundle_folder,
    former_version,
    serving_version,
)


def both_say(paths: DeploymentPaths) -> lookup.Registered | None:
    """What the light reader says, if MLflow says so too."""
    light = serving_version(paths, MODEL_NAME)
    assert light == lookup.serving_version(paths, MODEL_NAME)
    assert former_version(paths, MODEL_NAME) == lookup.former_version(paths, MODEL_NAME)
    return light


def test_who_served_before_is_named_unless_a_person_took_it_out_of_service(
    three: DeploymentPaths,
) -> None:
    set_champion("1", paths=three)
    assert both_say(three) and former_version(three, MODEL_NAME) is None
    set_champion("2", paths=three)
    both_say(three)
    former = former_version(three, MODEL_NAME)
    assert former is not None and former.version == "1"
    mark_rolled_back("1", "it warned of nothing", three, MODEL_NAME)
    assert both_say(three) and former_version(three, MODEL_NAME) is None


def test_the_file_says_what_mlflow_says_with_and_without_a_champion_and_between_two_rules(
    three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert both_say(three) is None
    set_champion("2", paths=three)
    connect(three).set_model_version_tag(MODEL_NAME, "2", "provisional", "true")
    named = both_say(three)
    assert named is not None and (named.version, named.provisional) == ("2", True)
    adopt_rule("channel_2015", AuditReason("Ana", "a channel now"), paths=three)
    old = both_say(three)
    assert old is not None and (old.version, old.adopted_rule) == ("2", "channel_2015")


def test_a_bundle_that_is_here_is_not_fetched_and_a_damaged_one_is(three: DeploymentPaths) -> None:
    set_champion("3", paths=three)
    named = serving_version(three, MODEL_NAME)
    assert named is not None
    folder = bundle_folder(named, three, MODEL_NAME)
    weights = min(folder.rglob("linear.safetensors"))
    whole = weights.read_bytes()
    weights.write_bytes(b"damaged")
    assert bundle_folder(named, three, MODEL_NAME) == folder
    assert weights.read_bytes() == whole


@pytest.mark.parametrize(
    ("uri", "setting"),
    [
        ("postgresql://nobody@127.0.0.1/mlflow", ""),
        ("sqlite:////nowhere/mlflow.db", ""),
        ("http://127.0.0.1:1", "MLFLOW_TRACKING_TOKEN"),
    ],
)
def test_other_stores_and_settings_of_its_client_are_left_to_mlflow(
    uri: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if setting:
        monkeypatch.setenv(setting, "secret")
    with pytest.raises(AsksMlflow):
        _reader(uri)


def test_a_file_that_is_no_registry_is_told_by_mlflow(home: Path) -> None:
    file = home / "artifacts" / "mlflow" / "mlflow.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no database at all" * 100)
    with pytest.raises(RegistryError):
        serving_version(DeploymentPaths(home=home), MODEL_NAME)


def test_a_server_says_what_mlflow_says(
    three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mlflow_server(three) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert both_say(three) is None
        client = connect(three)
        client.set_registered_model_alias(MODEL_NAME, "champion", "1")
        named = both_say(three)
        assert named is not None and named.version == "1" and len(named.bundle_id) == 16
        client.set_registered_model_alias(MODEL_NAME, "previous", "2")
        both_say(three)
        former = former_version(three, MODEL_NAME)
        assert former is not None and former.version == "2"


@contextmanager
def mlflow_server(paths: DeploymentPaths) -> Iterator[str]:
    """MLflow's own server over a copy's file; its address."""
    port = free_port()
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    argv = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", paths.tracking_uri]
    process = subprocess.Popen(
        [*argv, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
        env={**os.environ, "PATH": tools, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _await(address, process)
        yield address
    finally:
        os.killpg(process.pid, 9)
        process.wait(20)


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            with urlopen(f"{address}/health", timeout=5):
                return
        except OSError:
            assert process.poll() is None, "MLflow's server ended"
            time.sleep(0.1)
    raise AssertionError("MLflow's server does not answer")
