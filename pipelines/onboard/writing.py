"""The profile's text: only what differs from the defaults, each with where it comes from."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipelines.config import DeploymentPaths, Profile, load_profile
from pipelines.data.drops import shown, survey_drops
from pipelines.errors import ConfigError
from pipelines.plain_yaml import UnusableYaml, parse_plain_yaml, read_plain_yaml
from pipelines.run.withdrawn import withdrawn

_WIDE = 1_000_000  # PyYAML breaks longer lines


@dataclass(frozen=True)
class Part:
    """One key of the profile, such as "data.maturity", with the comment lines above it."""

    key: str
    value: Any
    why: tuple[str, ...] = ()


def profile_text(head: str, parts: Sequence[Part]) -> str:
    """YAML with comments; parts of one room stand together."""
    lines, room = [f"# {shown(head)}"], ""
    for part in parts:
        above, _, key = part.key.rpartition(".")
        if above != room and above:
            lines.append(f"{above}:")
        room, indent = above, "  " if above else ""
        lines += [f"{indent}# {shown(sentence)}" for sentence in part.why]
        if part.value is not None:
            lines += [f"{indent}{line}" for line in _written(key, part.value)]
    return "\n".join(lines) + "\n"


def _written(key: str, value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(v, Mapping) for v in value):
        return [f"{key}:", *(f"  - {_flow(v)}" for v in value)]
    return [f"{key}: {_flow(value)}"]


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=_WIDE
    )
    return str(text).strip().removesuffix("\n...")


def checked(name: str, text: str) -> Profile:
    """The profile that the text makes. Raises ConfigError naming every key that is not valid."""
    with tempfile.TemporaryDirectory(prefix="denguard-onboard-") as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            return load_profile(str(path))
        except ConfigError as err:
            raise ConfigError(
                err.what, where=f"the new profile {name}", fix="correct the flags of these keys"
            ) from err


def require_place(name: str, text: str, paths: DeploymentPaths, own_drop: str) -> Path:
    """Where the profile will lie.

    Raises:
        ConfigError: another profile has the name, or the deployment holds drops of other files.
    """
    path = paths.profiles / f"{name}.yaml"
    if path.is_file():
        _require_equal(path, text)
        return path
    drops, broken = survey_drops(paths.drops, withdrawn(paths, "drop"))
    others = [d.name for d in drops if d.name != own_drop] + [str(e.where) for e in broken]
    if others:
        raise ConfigError(
            f"this deployment holds drops of other files already ({', '.join(others[:3])}), and "
            "one line reads all of its drops by one profile",
            where=str(paths.drops),
            fix=(
                f"make it a line of its own: `denguard --line {name} onboard ...`; or set "
                "DENGUARD_HOME to a new folder"
            ),
        )
    return path


def _require_equal(path: Path, text: str) -> None:
    try:
        equal = read_plain_yaml(path) == parse_plain_yaml(text.encode())
    except UnusableYaml:
        equal = False
    if not equal:
        raise ConfigError(
            f"a profile {path.stem!r} is there already and says something else; it is never "
            "overwritten",
            where=str(path),
            fix=(
                "choose another --name, or edit that file; `--dry-run` prints what would be written"
            ),
        )
