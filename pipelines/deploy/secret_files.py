"""The files of secrets/: read, judged together, and written so that only a bind of one shows it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from pipelines.deploy.problems import Problem
from pipelines.deploy.secret_table import BY_NAME, FOLDER, SECRETS
from pipelines.errors import ConfigError
from pipelines.storage import write_atomic

# The folder keeps others out; a file in it is read by whichever user a container runs as.
_FOLDER_MODE, _FILE_MODE = 0o700, 0o444


def secret_file(folder: Path, name: str) -> Path:
    """Where a secret of the deployment in a folder lies."""
    return folder / FOLDER / name


def require_deployment(folder: Path) -> None:
    """Raise ConfigError if a folder holds no deployment, before its secrets are used."""
    if not (folder / FOLDER).is_dir():
        raise ConfigError(
            f"no deployment lies here: there is no {FOLDER}/",
            where=str(folder.resolve()),
            fix="name the folder with docker-compose.yml by --deployment, or make its secrets: "
            "docker compose -f deploy/init.yml run --rm init",
        )


def read_secrets(folder: Path) -> dict[str, str]:
    """Name -> value of every secret that has a file, without the line break at its end.

    Raises:
        ConfigError: this user may not read them, or one is no text.
    """
    return {s.name: value for s in SECRETS if (value := read_secret(folder, s.name)) is not None}


def read_secret(folder: Path, name: str) -> str | None:
    """One secret, None if it has no file. Raises ConfigError as read_secrets."""
    path = secret_file(folder, name)
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        what = "a folder lies where a secret's file belongs"
        fix = f"remove {FOLDER}/{name} (Docker made it for a file that was absent) and try again"
    except UnicodeDecodeError:
        what, fix = "a secret is no text", "write it anew, or delete it and run denguard init"
    except PermissionError:
        what = "this user may not read the secrets, which are root's"
        fix = "run it as root: docker compose -f deploy/init.yml run --rm init (or doctor)"
    raise ConfigError(what, where=f"{FOLDER}/{name}", fix=fix)


def write_secret(folder: Path, name: str, value: str) -> Path:
    """Write one secret's file, whole or not at all; its folder is made if it is absent."""
    make_folder(folder)
    return write_atomic(secret_file(folder, name), value, mode=_FILE_MODE)


def make_folder(folder: Path) -> None:
    """Make secrets/ so that only its owner looks into it."""
    (folder / FOLDER).mkdir(mode=_FOLDER_MODE, exist_ok=True)
    if (folder / FOLDER).stat().st_uid == os.geteuid():
        (folder / FOLDER).chmod(_FOLDER_MODE)


def wrong_secrets(values: Mapping[str, str], lines: Mapping[str, str]) -> list[Problem]:
    """What would fail later in secrets, one by one and beside each other.

    Args:
        lines: of those that come from the first version's `.env`: name -> the variable there.
    """

    def at(name: str) -> str:
        return f".env, {lines[name]}" if name in lines else f"{FOLDER}/{name}"

    def problem(name: str, what: str) -> Problem:
        return Problem(at(name), what, how_to_mend(name, name in lines))

    found = [problem(n, why) for n, value in values.items() if (why := BY_NAME[n].wrong(value))]
    twice = [(a, b) for a, b in combinations(values, 2) if values[a] and values[a] == values[b]]
    found += [
        problem(b, f"it is the same secret as {at(a)}, so whoever knows one has both")
        for a, b in twice
    ]
    if bool(values.get("cert.pem")) != bool(values.get("key.pem")):
        found.append(problem("key.pem", "of certificate and key one alone is given"))
    return found


def how_to_mend(name: str, in_env: bool = False) -> str:
    """What to do about a secret that cannot be used."""
    anew = f"delete {FOLDER}/{name} and run denguard init, which makes another"
    if in_env:
        anew = "empty that line, and denguard init makes another"
    if sealed := BY_NAME[name].sealed:
        return f"put back the value that {sealed}; if there never was a better one, {anew}"
    return f"write it anew, or empty {FOLDER}/{name}" if BY_NAME[name].may_be_empty else anew
