"""Known vulnerabilities of what an SBOM lists, by a copy of OSV's database that lies on a disk.

    python -m pipelines.local.supply SBOM... [--database PATH]

The database is what https://osv.dev publishes for PyPI (`PyPI/all.zip`), packed or unpacked: no
machine that runs this needs a network. `make check-supply` makes the SBOMs and calls it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from pipelines.errors import ConfigError

_PYPI = "PyPI"
_NONE = (
    "NOT SCANNED for known vulnerabilities: no database lies here. What to do: on a machine with a "
    "network fetch PyPI/all.zip of OSV (osv.dev, data exports), bring it here, and name it: "
    "make check-supply OSV_DB=/path/all.zip\n"
)


@dataclass(frozen=True, order=True)
class Known:
    """One known vulnerability of a package that is listed."""

    package: str
    version: str
    identity: str
    summary: str


def plain(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def components(sbom: Path) -> dict[str, str]:
    """Package -> version, of a CycloneDX file. Raises ConfigError if it is none."""
    try:
        listed = json.loads(sbom.read_text(encoding="utf-8"))["components"]
        return {plain(part["name"]): str(part["version"]) for part in listed}
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ConfigError(
            f"it is no SBOM in CycloneDX's JSON: {err}",
            where=str(sbom),
            fix="make it anew: make check-supply",
        ) from err


def entries(database: Path) -> Iterator[Mapping[str, Any]]:
    """Entries of OSV's database, of a folder of JSON files or a zip of them.

    Raises:
        ConfigError: it holds none.
    """
    found = 0
    for text in _texts(database):
        found += 1
        yield json.loads(text)
    if not found:
        raise ConfigError(
            "no entry of OSV's database is in it",
            where=str(database),
            fix="name PyPI/all.zip of OSV's data exports, or the folder that it was unpacked to",
        )


def _texts(database: Path) -> Iterator[bytes]:
    if database.is_dir():
        yield from (path.read_bytes() for path in sorted(database.rglob("*.json")))
    elif zipfile.is_zipfile(database):
        with zipfile.ZipFile(database) as packed:
            yield from (packed.read(n) for n in packed.namelist() if n.endswith(".json"))


def known(listed: Mapping[str, str], database: Path) -> list[Known]:
    """What the database knows against these versions; entries that were withdrawn do not count."""
    found = {
        Known(name, listed[name], str(entry["id"]), str(entry.get("summary", "")))
        for entry in entries(database)
        if "withdrawn" not in entry
        for affected in entry.get("affected", ())
        if (name := _package(affected)) in listed and _affects(affected, listed[name])
    }
    return sorted(found)


def _package(affected: Mapping[str, Any]) -> str:
    package = affected.get("package", {})
    return plain(package.get("name", "")) if package.get("ecosystem") == _PYPI else ""


def _affects(affected: Mapping[str, Any], version: str) -> bool:
    if version in affected.get("versions", ()):
        return True
    ranges = (r for r in affected.get("ranges", ()) if r.get("type") == "ECOSYSTEM")
    return any(_within(r.get("events", ()), version) for r in ranges)


def _within(events: Sequence[Mapping[str, str]], version: str) -> bool:
    """Whether a version lies in a range of OSV: introduced, then fixed or last affected."""
    at, inside = Version(version), False
    for event in events:
        ((kind, bound),) = event.items()
        if kind == "introduced" and (bound == "0" or _version(bound) <= at):
            inside = True
        elif (kind == "fixed" and _version(bound) <= at) or (
            kind == "last_affected" and _version(bound) < at
        ):
            inside = False
    return inside


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:  # of before PEP 440: older than anything that is installed here
        return Version("0")


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing is known, or there is no database, which is said; 1: something is."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.local.supply")
    parser.add_argument("sbom", nargs="+", type=Path)
    parser.add_argument("--database", type=Path)
    asked = parser.parse_args(arguments)
    listed: dict[str, str] = {}
    for sbom in asked.sbom:
        here = components(sbom)
        sys.stdout.write(f"{sbom}: {len(here)} packages\n")
        listed.update(here)
    if asked.database is None:
        sys.stdout.write(_NONE)
        return 0
    found = known(listed, asked.database)
    for one in found:
        sys.stdout.write(f"{one.package} {one.version}: {one.identity} {one.summary}\n")
    sys.stdout.write(f"{len(listed)} packages, {len(found)} known vulnerabilities\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
