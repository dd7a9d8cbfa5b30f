"""docker-compose.yml and the Dockerfiles as their tools read them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE, EXAMPLE = ROOT / "docker-compose.yml", ROOT / ".env.example"
DCLINT = "3.1.0"  # .ci/run installs the same
CPU_TORCH = "https://download.pytorch.org/whl/cpu"
OLDEST_COMPOSE = (2, 24)  # `!override` and `!reset` of deploy/second-host.yml


def compose_command() -> list[str]:
    """The command that reads compose files: a part of docker's, or of its own."""
    for argv in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(argv[0]) is None:
            continue
        answer = subprocess.run(
            [*argv, "version", "--short"], capture_output=True, text=True, timeout=30, check=False
        )
        numbers = re.match(r"v?(\d+)\.(\d+)", answer.stdout)
        if numbers and (int(numbers[1]), int(numbers[2])) >= OLDEST_COMPOSE:
            return argv
    pytest.skip("Docker Compose 2.24 or newer is not installed (Debian 13: docker-compose)")


def compose_config(*arguments: str, tmp_path: Path, file: Path = COMPOSE, **settings: str) -> Any:
    env_file = tmp_path / "env"
    text = EXAMPLE.read_text(encoding="utf-8")
    env_file.write_text(text + "".join(f"\n{k}={v}" for k, v in settings.items()))
    argv = [*compose_command(), "--env-file", str(env_file), "-f", str(file), *arguments]
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "DOCKER_CONFIG"}}
    done = subprocess.run(
        [*argv, "config"], capture_output=True, text=True, timeout=60,
        env={**kept, "HOME": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not re.search(r"(?<!\$)\$\{", done.stdout)
    return yaml.safe_load(done.stdout)


def test_one_server_is_what_an_unchanged_example_gives(tmp_path: Path) -> None:
    resolved = compose_config(tmp_path=tmp_path)
    assert not {"redis", "s3", "worker-default"} & set(resolved["services"])
    scheduler = resolved["services"]["airflow-scheduler"]
    assert scheduler["environment"]["AIRFLOW__CORE__EXECUTOR"] == "dags._executor.PreloadedExecutor"
    assert scheduler["build"]["args"]["TORCH_INDEX"] == CPU_TORCH


def test_profiles_add_workers_and_store(tmp_path: Path) -> None:
    resolved = compose_config("--profile", "workers", "--profile", "s3", tmp_path=tmp_path)
    assert {"redis", "worker-default", "worker-cpu-heavy", "s3", "s3-init"} <= set(
        resolved["services"]
    )


def test_a_second_host_has_one_worker_with_six_secrets_behind_a_link(tmp_path: Path) -> None:
    where = ["--project-directory", str(ROOT)]
    file = ROOT / "deploy" / "second-host.yml"
    resolved = compose_config(*where, tmp_path=tmp_path, file=file, FIRST_HOST="first:7443")
    services = resolved["services"]
    assert set(services) == {"link", "worker-cpu-heavy"} and len(resolved["secrets"]) == 6
    worker, link = services["worker-cpu-heavy"], services["link"]
    first = compose_config("--profile", "workers", tmp_path=tmp_path)["services"]
    same = first["worker-cpu-heavy"]
    assert worker["image"] == same["image"] and worker["mem_limit"] == same["mem_limit"]
    assert set(worker["environment"]) < set(same["environment"])
    given = [value for value in worker["environment"].values() if value]
    files = {v.removeprefix("/run/secrets/") for v in given if v.startswith("/run/secrets/")}
    read = files | {name for v in given for name in re.findall(r"\{secret:(\w+)\}", v)}
    assert {one["source"] for one in worker["secrets"]} == read
    assert set(worker["networks"]) == {"inside"} and resolved["networks"]["inside"]["internal"]
    assert link["entrypoint"][1:] == ["client", "first:7443"] and "ports" not in link
    assert link["read_only"] and link["cap_drop"] == ["ALL"]


def test_an_empty_torch_index_takes_the_default_index(tmp_path: Path) -> None:
    resolved = compose_config(tmp_path=tmp_path, TORCH_INDEX="")
    assert resolved["services"]["mlflow"]["build"]["args"]["TORCH_INDEX"] == ""


@pytest.mark.parametrize("room", ["dags", "serving"])
def test_an_image_owns_what_it_writes_and_leaves_secrets_out(room: str) -> None:
    recipe = (ROOT / room / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    homes = re.findall(r"\b(?:AIRFLOW|DENGUARD)_HOME=(/opt\S+)", recipe)
    owned = re.findall(r"install -d -o denguard ([^&\n]+)", recipe)[0].split()
    assert homes and set(homes) <= set(owned)
    assert "USER denguard" in recipe and "--uid 50000" in recipe
    # Everything is left out of the build unless named: .env, secrets, .git, artifacts, environment.
    ignored = (ROOT / room / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert not {"!.env", "!secrets", "!.git", "!artifacts", "!data"} & set(ignored)


@pytest.mark.parametrize("room", ["dags", "serving"])
def test_an_image_has_the_locked_versions_and_the_cpu_torch(room: str) -> None:
    recipe = (ROOT / room / "Dockerfile").read_text(encoding="utf-8")
    assert f'ARG TORCH_INDEX="{CPU_TORCH}"' in recipe
    assert "install_locked.sh" in recipe
    script = (ROOT / "pipelines/local/install_locked.sh").read_text(encoding="utf-8")
    assert "--no-deps --require-hashes" in script
    installs = [line for line in recipe.splitlines() if "pip install" in line]
    assert installs and all("--no-deps --no-build-isolation ." in line for line in installs)


def test_secrets_and_settings_are_not_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {".env", "/secrets/", "/data/", "/lines/"} <= set(ignored)


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").rglob("*.sh")), ids=lambda p: p.name)
def test_a_script_can_be_read_by_its_shell(script: Path) -> None:
    first = script.read_text(encoding="utf-8").splitlines()[0]
    shell = "bash" if "bash" in first else "sh"
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert os.access(script, os.X_OK)


def test_ci_installs_the_linter_that_this_file_names() -> None:
    assert f"--prefix .venv/node dclint@{DCLINT}" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_the_schema_linter_finds_no_error(tmp_path: Path) -> None:
    beside = Path(sys.prefix) / "node" / "node_modules" / ".bin"
    linter = shutil.which("dclint", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    if linter is None:
        pytest.skip(f"dclint is not installed (npm install --prefix .venv/node dclint@{DCLINT})")
    # One image serves many services, so it needs a build and a name to be found by. Proxy and link
    # are there to be reached from elsewhere; that no other service is, is tested beside this.
    off = [
        f"--disable-rule={rule}" for rule in ("no-build-and-image", "no-unbound-port-interfaces")
    ]
    argv = [linter, str(COMPOSE), "--quiet", *off]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
