"""The lock file as `make lock` writes it, and as an installation reads it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pipelines.local.requirements_lock import Pin, lock_text, parse, with_other_builds

ROOT = Path(__file__).resolve().parents[2]
LOCK = """# why
ftfy==6.3.1 --hash=sha256:aa # encoders pipeline demo dev
torch==2.13.0 --hash=sha256:bb --hash=sha256:cc # encoders pipeline demo dev
ruff==0.14.1 --hash=sha256:dd # dev
demo-tool==1.0 --hash=sha256:ee # s3
setuptools==84.0 --hash=sha256:ff # build
nvidia-cublas==13.1 --hash=sha256:00 # cuda
"""


def test_the_opening_comment_stays_and_each_line_says_which_extras_need_it() -> None:
    pins = {
        "torch": Pin("2.13.0", frozenset({"sha256:c", "sha256:b"})),
        "Airflow": Pin("3.3.2", frozenset({"sha256:a"})),
    }
    written = lock_text(
        "# why\n# how\nold==1 # dev\n", pins, {"demo": ["Airflow", "torch"], "dev": ["torch"]}
    )
    assert written == (
        "# why\n# how\n"
        "Airflow==3.3.2 --hash=sha256:a # demo\n"
        "torch==2.13.0 --hash=sha256:b --hash=sha256:c # demo dev\n"
    )


def test_gpu_libraries_are_a_set_of_their_own() -> None:
    pins = {"nvidia-cublas": Pin("13.1", frozenset({"sha256:a"}))}
    written = lock_text("", pins, {"demo": ["nvidia-cublas"]})
    assert written.strip() == "nvidia-cublas==13.1 --hash=sha256:a # cuda"


def test_what_is_written_is_read_again_also_with_continuation_lines() -> None:
    in_lines = "torch==2.13.0+cpu \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    assert parse(in_lines)["torch"] == parse(LOCK)["torch"]


def test_either_build_of_torch_fits_as_long_as_the_version_is_the_same() -> None:
    default = {
        name: Pin("2.13.0", frozenset({"sha256:default"})) for name in ("torch", "torchvision")
    }
    same, older = Pin("2.13.0", frozenset({"sha256:cpu"})), Pin("2.12.0", frozenset({"sha256:old"}))
    merged = with_other_builds(default, [{"torch": same, "torchvision": older}])
    assert merged["torch"].hashes == {"sha256:default", "sha256:cpu"}
    assert merged["torchvision"].hashes == {"sha256:default"}


# It offers the default build of torch, and with CPU_BUILD=yes the CPU build beside it.
PIP = """#!/bin/sh
for file; do :; done
if [ "${CPU_BUILD:-}" = broken ]; then echo "THESE PACKAGES DO NOT MATCH THE HASHES"; exit 1; fi
if grep -q "+cpu" "$file" && [ -z "${CPU_BUILD:-}" ]; then
    echo "ERROR: No matching distribution found for torch==2.13.0+cpu"; exit 1
fi
echo "$@" >> asked
cat "$file" >> wanted
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A checkout with that lock, an installer that writes down what it is asked for, and a
    torch."""
    (tmp_path / "requirements.lock").write_text(LOCK)
    pip = tmp_path / "pip"
    pip.write_text(PIP)
    pip.chmod(0o755)
    return tmp_path


def install(checkout: Path, *words: str, torch: str = "2.13.0+cpu", **settings: str) -> str:
    python = checkout / "python"
    python.write_text(f"#!/bin/sh\necho {torch}\n")
    python.chmod(0o755)
    script = str(ROOT / "pipelines" / "local" / "install_locked.sh")
    environment = {"PATH": os.environ["PATH"], "PIP": "./pip", "PYTHON": "./python", **settings}
    done = subprocess.run(
        ["sh", script, *words],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout


def wanted(checkout: Path) -> set[str]:
    return set(parse((checkout / "wanted").read_text()))


def test_an_extra_is_its_lines_and_what_builds_the_package(installed: Path) -> None:
    install(installed, "demo")
    assert wanted(installed) == {"ftfy", "torch", "setuptools"}
    calls = (installed / "asked").read_text()
    assert "install -q --no-deps --require-hashes -r" in calls
    assert "--extra-index-url" not in calls


def test_several_extras_are_joined_and_torch_comes_from_the_index_named(installed: Path) -> None:
    install(installed, "s3,dev", TORCH_INDEX="https://torch.example/cpu")
    assert wanted(installed) == {"ftfy", "torch", "ruff", "demo-tool", "setuptools"}
    assert "--extra-index-url https://torch.example/cpu" in (installed / "asked").read_text()


def test_the_cpu_build_is_asked_for_by_its_own_version_first(installed: Path) -> None:
    install(installed, "demo", CPU_BUILD="yes")
    first, *rest = (installed / "wanted").read_text().splitlines()
    assert first.startswith("torch==2.13.0+cpu --hash=sha256:bb")
    assert any(line.startswith("torch==2.13.0 ") for line in rest)


def test_where_there_is_no_cpu_build_the_default_one_is_taken(installed: Path) -> None:
    assert "no CPU build of torch is offered here" in install(installed, "demo")
    assert "+cpu" not in (installed / "wanted").read_text()


def test_a_cpu_build_with_another_hash_ends_the_installation(installed: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        install(installed, "demo", CPU_BUILD="broken")


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="GPU libraries are asked for on Linux")
def test_another_build_of_torch_gets_its_libraries_and_a_word(installed: Path) -> None:
    output = install(installed, "demo", torch="2.13.0")
    assert "WARNING: torch 2.13.0 is not the CPU build" in output
    assert wanted(installed) == {"ftfy", "torch", "setuptools", "nvidia-cublas"}


def test_an_extra_that_is_not_in_the_lock_is_named_and_nothing_is_installed(
    installed: Path,
) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        install(installed, "demo,nosuch")
    assert "no line for the extra 'nosuch'. What to do:" in refused.value.stderr
    assert not (installed / "asked").exists()
