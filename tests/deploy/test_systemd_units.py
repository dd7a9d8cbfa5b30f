"""Units of a server without Docker: systemd reads them, and they are set as docker-compose.yml is.

Nothing starts them here: no machine of the tests runs systemd as its first process.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("denguard-*.service"))
EVERY = "denguard-.service.d/every.conf"
MOST_EXPOSED = 2.0  # of 10; systemd calls up to 2 "OK", its own services have 5 to 9
# This server's own addresses and folders; what the rest of it says is in the units.
_OF_ITS_OWN = {
    "AIRFLOW__API__BASE_URL",
    "AIRFLOW__API__SECRET_KEY_FILE",
    "AIRFLOW__API_AUTH__JWT_SECRET_FILE",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__FERNET_KEY_FILE",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
}


@pytest.fixture
def analyze(tmp_path: Path) -> list[str]:
    """The command, and units in a folder where their paths are those of this checkout."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: nobody but systemd can read units")
    shutil.copytree(UNITS, tmp_path / "units")
    for path in (tmp_path / "units").rglob("*.[sc]*"):
        if path.is_file():
            path.write_text(path.read_text().replace("/opt/denguard", str(ROOT)))
    return [program]


def said(analyze: list[str], tmp_path: Path, *words: str) -> str:
    """Both outputs of systemd-analyze over these units; it must end with 0."""
    done = subprocess.run(
        [*analyze, *words],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path / 'units'}:", "SYSTEMD_COLORS": "0"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    return text


def test_systemd_finds_nothing_wrong_with_them(analyze: list[str], tmp_path: Path) -> None:
    there = sorted((tmp_path / "units").iterdir())
    units = [str(p) for p in there if p.suffix in {".service", ".target", ".timer"}]
    text = said(analyze, tmp_path, "verify", "--man=no", "--recursive-errors=no", *units)
    ours = [line for line in text.splitlines() if "denguard" in line]
    assert ours == []


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_no_unit_is_exposed(unit: Path, analyze: list[str], tmp_path: Path) -> None:
    place = str(tmp_path / "units" / unit.name)
    text = said(analyze, tmp_path, "security", "--offline=true", "--no-pager", place)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", text)
    assert found is not None, text
    assert float(found[1]) <= MOST_EXPOSED


def test_a_unit_without_the_common_settings_would_be_exposed(
    analyze: list[str], tmp_path: Path
) -> None:
    (tmp_path / "units" / EVERY).unlink()
    place = str(tmp_path / "units" / "denguard-mlflow.service")
    text = said(analyze, tmp_path, "security", "--offline=true", "--no-pager", place)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", text)
    assert found is not None and float(found[1]) > MOST_EXPOSED


def settings(text: str) -> dict[str, str]:
    return dict(
        line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#")
    )


def test_airflow_is_set_as_in_the_containers() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    there = compose["x-airflow-environment"]
    here = settings((UNITS / "denguard.env").read_text())
    named = {name for name in {*there, *here} if name.startswith("AIRFLOW__")} - _OF_ITS_OWN
    default = re.compile(r"^\$\{[A-Z_]+:-(.*)\}$")
    wanted = {name: default.sub(r"\1", str(there.get(name))) for name in named}
    found = {name: here.get(name, "") for name in named}
    assert found == wanted


def test_no_unit_holds_a_secret_or_names_one_that_is_not_loaded() -> None:
    for unit in SERVICES:
        text = unit.read_text()
        loaded = set(re.findall(r"^LoadCredential=(\S+):/opt/denguard/secrets/\1$", text, re.M))
        used = set(re.findall(r"%d/(\S+)", text)) | set(re.findall(r"\{secret:([a-z_]+)\}", text))
        assert used <= loaded, unit.name
        assert len(loaded) == text.count("LoadCredential="), unit.name


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_no_setting_of_a_unit_is_overruled_by_a_file_of_settings(unit: Path) -> None:
    """systemd takes EnvironmentFile over Environment, wherever the lines stand."""
    files = (ROOT / ".env.example").read_text() + (UNITS / "denguard.env").read_text()
    lines = re.findall(r"^Environment=(.*)$", unit.read_text(), re.M)
    named = {word.split("=", 1)[0] for word in " ".join(lines).split()}
    assert named.isdisjoint(settings(files))


def started(unit: Path, place: Path) -> dict[str, str]:
    """The environment that a unit's command gets by the real entry point, with made-up secrets."""
    text = unit.read_text().replace("%d", str(place))
    for name in re.findall(r"^LoadCredential=(\S+?):", text, re.M):
        (place / name).write_text(f"secret-of-{name}")
    named = " ".join(re.findall(r"^Environment=(.*)$", text, re.M)).split()
    given = settings("\n".join([*named, (UNITS / "denguard.env").read_text()]))
    seen = subprocess.run(
        ["/bin/sh", str(ROOT / "deploy" / "entrypoint.sh"), "/usr/bin/env", "-0"],
        env={**given, "PATH": "/usr/bin:/bin", "DENGUARD_SECRETS_DIR": str(place)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    return dict(line.split("=", 1) for line in seen.split("\0") if line)


@pytest.mark.parametrize(
    "unit", [u for u in SERVICES if "entrypoint.sh" in u.read_text()], ids=lambda path: path.stem
)
def test_a_command_gets_each_secret_that_its_unit_loads(unit: Path, tmp_path: Path) -> None:
    environment = started(unit, tmp_path)
    unused = [p.name for p in tmp_path.iterdir() if p.read_text() not in str(environment)]
    assert unused == []


def test_the_target_starts_every_unit() -> None:
    wanted = set(re.findall(r"denguard-[a-z-]+\.\w+", (UNITS / "denguard.target").read_text()))
    there = {path.name for path in [*SERVICES, *UNITS.glob("*.timer")]}
    assert there - {"denguard-backup.service"} == wanted  # its timer starts that one
