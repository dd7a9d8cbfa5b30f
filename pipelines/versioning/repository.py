"""The deployment's own DVC repository, artifacts/versions/, and the calls of dvc in it.

Each publication is one short-lived process of dvc (dvc_chain.py).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.errors import VersioningError
from pipelines.run.apart import Work, running
from pipelines.storage import discard, new_folder, write_atomic
from pipelines.versioning import dvc_chain
from pipelines.versioning.entry import Draft

_COMMAND_TIMEOUT_S = 3600  # a first push over a slow line; it ends all the same
_SETTINGS = {
    "core.analytics": "false",
    "core.check_update": "false",
    "core.autostage": "false",
    "cache.type": "hardlink,copy",
}
_IGNORED = ".dvcignore"
# DVC says what went wrong in words alone: those of botocore, of Python and of a share.
_NO_ANSWER = re.compile(
    r"could not connect|connection|timed? ?out|unreachable|name or service not known|temporary "
    r"failure|slow ?down|internal ?error|service ?unavailable|stale file handle|input/output error",
    re.IGNORECASE,
)
_S3_SETTINGS = {"connect_timeout": "10", "read_timeout": "60"}


def repository(paths: DeploymentPaths) -> Path:
    """Folder of the operational DVC repository."""
    return paths.artifacts / "versions"


def add_and_push(repo: Path, remote: str, ids: Sequence[str]) -> None:
    """Hand finished folders of the repository to DVC and to the remote, in one process.

    Raises:
        VersioningError: dvc failed or took too long. What it did is kept; the next try goes on.
    """
    commands = _settings(repo, remote)
    commands.append(["add", *ids])
    commands.append(["push", *(f"{name}.dvc" for name in ids)])
    with _nothing_else(repo, ids):
        _dvc(repo, commands)
    _remember_settings(repo, remote)


@contextmanager
def _nothing_else(repo: Path, ids: Sequence[str]) -> Iterator[None]:
    """Hide every other version from DVC, which reads all it sees before it adds one: a year of them
    costs seconds.
    """
    seen = "".join(f"!/{name}\n!/{name}.dvc\n" for name in ids)
    write_atomic(repo / _IGNORED, f"/*\n{seen}")
    try:
        yield
    finally:
        write_atomic(repo / _IGNORED, "")  # plain `dvc push` in here is for all of them


def lay_out(draft: Draft, repo: Path) -> Path:
    """Put a version's files into the repository, whole or not at all; what was there goes."""
    folder = repo / draft.id
    shutil.rmtree(folder, ignore_errors=True)  # left by a killed try: its links may lead elsewhere
    with new_folder(folder) as temp:
        for name, source in draft.files.items():
            target = temp / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(source, bytes):
                target.write_bytes(source)
            elif not (draft.link and _linked(source, target)):
                shutil.copyfile(source, target)
    return folder


def _linked(source: Path, target: Path) -> bool:
    """A hard link costs no second copy; not every file system has them, none has them to
    another."""
    try:
        target.hardlink_to(source)
    except OSError:
        return False
    return True


def _settings(repo: Path, remote: str) -> list[list[str]]:
    """The commands that bring the repository's settings up to date; none if they are."""
    if _marker(repo).is_file() and _marker(repo).read_text(encoding="utf-8") == _marked(remote):
        return []
    started = (repo / ".dvc" / "config").is_file()
    commands = [] if started else [["init", "--no-scm"]]
    commands += [["config", key, value] for key, value in _SETTINGS.items()]
    commands.append(["remote", "add", "-f", "-d", "versions", remote])
    if remote.startswith("s3://"):
        commands += [
            ["remote", "modify", "versions", key, value] for key, value in _S3_SETTINGS.items()
        ]
    return commands


def _remember_settings(repo: Path, remote: str) -> None:
    if not _marker(repo).is_file() or _marker(repo).read_text(encoding="utf-8") != _marked(remote):
        write_atomic(_marker(repo), _marked(remote))


def _marker(repo: Path) -> Path:
    return repo / ".dvc" / "denguard.json"


def _marked(remote: str) -> str:
    return json.dumps({"remote": remote, **_SETTINGS, **_S3_SETTINGS}, sort_keys=True)


def _dvc(repo: Path, commands: list[list[str]]) -> None:
    # DVC asks the remote about every folder in its own index before it pushes one: a year of them
    # costs more than the push
    discard(repo / ".dvc" / "site")
    environment = {
        # DVC's own tries are enough: multiplied with botocore's, a refusal would take many minutes
        "AWS_MAX_ATTEMPTS": "2",
        "AWS_RETRY_MODE": "standard",
        **os.environ,
        "DVC_NO_ANALYTICS": "true",
        "DVC_SITE_CACHE_DIR": str(repo / ".dvc" / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(repo / ".dvc" / "global"),
        "DVC_SYSTEM_CONFIG_DIR": str(repo / ".dvc" / "system"),
    }
    chain = Path(dvc_chain.__file__)
    command = [sys.executable, "-P", str(chain), json.dumps(commands)]
    code, said = _ended(Work(lambda: dvc_chain.main(commands), command, environment, repo))
    if code != 0:
        raise VersioningError(
            f"dvc failed: {_last_words(said)}",
            where=str(repo),
            fix="correct the cause and run this step again; it goes on where it stopped",
            away=_NO_ANSWER.search(said) is not None,
        )


def _ended(work: Work) -> tuple[int, str]:
    """Exit code and error output of dvc."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        try:
            with running(work, out.fileno(), errors.fileno()) as process:
                code = process.wait(timeout=_COMMAND_TIMEOUT_S)
        except subprocess.TimeoutExpired as err:
            raise VersioningError(
                f"dvc took more than {_COMMAND_TIMEOUT_S} s",
                where=str(work.folder),
                fix="check disk and remote, then run this step again; it goes on where it stopped",
            ) from err
        errors.seek(0)
        return code, errors.read().decode(errors="replace")


def _last_words(stderr: str) -> str:
    """What dvc says went wrong, without its advertisement of where to ask."""
    lines = [
        line for line in stderr.splitlines() if line.startswith("ERROR")
    ] or stderr.splitlines()
    return "; ".join(line.removeprefix("ERROR: ").strip() for line in lines)[-600:]
