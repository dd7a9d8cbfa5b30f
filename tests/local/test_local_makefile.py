"""The Makefile as a stranger meets it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = (
    "install",
    "demo",
    "test",
    "test-slow",
    "bench",
    "coverage",
    "check",
    "site",
    "up",
    "down",
    "status",
    "llama",
    "clean",
    "lock",
)


def make(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    argv = ["make", "-f", str(ROOT / "Makefile"), *words]
    return subprocess.run(
        argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_make_alone_explains_every_target() -> None:
    output = make().stdout
    assert [name for name in TARGETS if not re.search(rf"^  {name} +\S", output, re.M)] == []


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A checkout in which nothing is installed."""
    for name in ("pyproject.toml", "requirements.lock"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_versions_come_from_the_lock_and_torch_from_the_index_named(fresh: Path) -> None:
    output = make("-n", "install", "TORCH_INDEX=https://torch.example/cpu", cwd=fresh).stdout
    install = next(line for line in output.splitlines() if "install_locked.sh" in line)
    assert 'TORCH_INDEX="https://torch.example/cpu"' in install
    assert "install_locked.sh dev &&" in install
    assert "--no-deps --no-build-isolation -e ." in install


def test_another_installer_is_honoured(fresh: Path) -> None:
    output = make("-n", "install", "PIP=uv pip", cwd=fresh).stdout
    assert 'PIP="uv pip"' in output
    assert "uv pip install -q --no-deps --no-build-isolation -e ." in output


def test_nothing_is_installed_twice(fresh: Path) -> None:
    (fresh / ".venv").mkdir()
    (fresh / ".venv/.denguard-installed").write_text("")
    assert "pip install" not in make("-n", "test", cwd=fresh).stdout
    os.utime(fresh / ".venv/.denguard-installed", (1, 1))
    assert "pip install" in make("-n", "test", cwd=fresh).stdout


def test_a_missing_python_is_said_with_what_to_do(fresh: Path) -> None:
    done = make("install", "PYTHON=python3.11-nowhere", cwd=fresh)
    assert done.returncode != 0
    assert "python3.11-nowhere is not on PATH. What to do:" in done.stdout


def test_another_python_version_is_refused_by_name(fresh: Path) -> None:
    other = fresh / "python"
    other.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.9 && exit 0\nexit 1\n')
    other.chmod(0o755)
    done = make("install", f"PYTHON={other}", cwd=fresh)
    assert done.returncode != 0
    assert "Python 3.9.9" in done.stdout
    assert "the locked versions need 3.11" in done.stdout


def test_llama_is_built_without_native_tuning_and_amx() -> None:
    output = make("-n", "llama").stdout
    assert "-DGGML_NATIVE=OFF" in output
    assert set(re.findall(r"-DGGML_AMX_\w+=(\w+)", output)) == {"OFF"}


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="needs Linux's /proc/cpuinfo")
@pytest.mark.parametrize(
    ("option", "flag"),
    [("AVX2", "avx2"), ("F16C", "f16c"), ("FMA", "fma"), ("AVX512_VNNI", "avx512_vnni")],
)
def test_llama_uses_only_what_this_processor_lists(option: str, flag: str) -> None:
    has = re.search(rf"\b{flag}\b", Path("/proc/cpuinfo").read_text()) is not None
    assert f"-DGGML_{option}={'ON' if has else 'OFF'}" in make("-n", "llama").stdout


def test_only_test_slow_runs_the_slow_tests() -> None:
    assert "-m slow" in make("-n", "test-slow").stdout
    assert "slow" not in make("-n", "test").stdout
    assert "slow" not in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_check_changes_no_file() -> None:
    output = make("-n", "check").stdout
    assert "ruff format --check" in output
    assert "--fix" not in output


@pytest.mark.parametrize(
    ("two", "one", "ends"), [(0, 1, 0), (1, 0, 2), (2, 0, 0), (2, 1, 2)]
)  # exit codes of mypy with two processes and with one, and of make
def test_check_fails_with_mypy_and_asks_again_only_where_it_could_not_work(
    fresh: Path, two: int, one: int, ends: int
) -> None:
    tools = fresh / ".venv" / "bin"
    tools.mkdir(parents=True)
    for name in ("mypy", "ruff", "lint-imports"):
        code = f'[ "$1" = -n ] && exit {two}; exit {one}' if name == "mypy" else "exit 0"
        (tools / name).write_text(f"#!/bin/sh\n{code}\n")
        (tools / name).chmod(0o755)
    (fresh / ".venv/.denguard-installed").write_text("")
    assert make("check", cwd=fresh).returncode == ends


def test_cleaning_keeps_the_drops_unless_told(fresh: Path) -> None:
    for name in ("data", "artifacts"):
        (fresh / name).mkdir()
    output = make("clean", cwd=fresh)
    assert output.returncode == 0, output.stderr
    assert (fresh / "data").is_dir() and not (fresh / "artifacts").exists()
    assert "CLEAN_DATA=1" in output.stdout
    make("clean", "CLEAN_DATA=1", cwd=fresh)
    assert not (fresh / "data").exists()
