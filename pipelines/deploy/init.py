"""`denguard init`: writes secrets/, `.env` and the folders of a deployment.

Nothing that exists is changed, but for what was asked for. Each file is written whole or not at
all, and the key that is shown once is stored last: a run that was killed is finished by the next.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.deploy import folders
from pipelines.deploy.plan import ENV, Plan, Wanted, plan_of
from pipelines.deploy.problems import Problem
from pipelines.deploy.secret_files import make_folder, write_secret
from pipelines.deploy.secret_table import ENDPOINT_KEYS, FOLDER, new_token
from pipelines.errors import BusyError
from pipelines.storage import write_atomic
from pipelines.storage.lock import locked

_LOCK_TIMEOUT_S = 30.0
_PRIVATE = 0o600


@dataclass(frozen=True)
class Done:
    """What a run did.

    Attributes:
        written: files, by their name in the deployment.
        notes: what a person should know.
        left: commands that only root on the host can give.
        problems: why nothing at all was written.
    """

    written: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def init(folder: Path, wanted: Wanted, show_key: Callable[[str], None], today: date) -> Done:
    """Install, or finish an installation; with problems, nothing is written.

    Args:
        show_key: shows a new key of the endpoint, before its hash is stored.

    Raises:
        ConfigError: the folder is no deployment, or its files may not be read.
        BusyError: another one is at work.
    """
    if problems := plan_of(folder, wanted).problems:
        return Done(problems=tuple(problems))
    make_folder(folder)
    busy = BusyError("another denguard init is at work here", fix="wait until it has ended")
    with locked(folder / FOLDER / ".lock", _LOCK_TIMEOUT_S, busy):
        _remove_halves(folder)
        plan = plan_of(folder, wanted)  # as the one before this left it
        return _carried_out(plan, show_key, today)


def _carried_out(plan: Plan, show_key: Callable[[str], None], today: date) -> Done:
    stat = plan.folder.stat()
    owner, written = (stat.st_uid, stat.st_gid), list[str]()
    for name, value in plan.secrets.items():
        write_secret(plan.folder, name, value)
        written.append(f"{FOLDER}/{name}")
    if plan.before is not None:
        written.append(_keep(plan.folder, plan.before, owner, today))
    left = _folders(plan, owner)
    if plan.env is not None:
        _write(plan.folder / ENV, plan.env, owner)
        written.append(ENV)
    if plan.new_key:
        key = new_token()
        show_key(key)
        write_secret(plan.folder, ENDPOINT_KEYS, hashlib.sha256(key.encode()).hexdigest())
        written.append(f"{FOLDER}/{ENDPOINT_KEYS}")
    return Done(tuple(written), tuple(plan.notes), tuple(left))


def _folders(plan: Plan, owner: tuple[int, int]) -> list[str]:
    """Make the folders; commands for what this process may not or cannot see."""
    left = []
    for folder in folders.folders_of(plan.folder, plan.settings):
        if folder.inside:
            folders.make(folder, owner)
        if folder.wrong() or not (folder.inside or folder.path.is_dir()):
            left.append(folder.command())
    return left


def _keep(folder: Path, text: str, owner: tuple[int, int], today: date) -> str:
    """Keep the first version's `.env`, never over another that was kept that day."""
    names = [f"{ENV}.before-{today.isoformat()}{'' if n == 1 else f'-{n}'}" for n in range(1, 100)]
    for name in names:
        path = folder / name
        if not path.exists():
            _write(path, text, owner)
        if path.read_text(encoding="utf-8") == text:
            return name
    raise BusyError(f"a hundred files {names[0]} are here", fix="remove those that nobody needs")


def _write(path: Path, text: str, owner: tuple[int, int]) -> None:
    """A private file of the deployment's owner: compose reads `.env` as whoever calls it."""
    mine = (os.geteuid(), os.getegid())
    write_atomic(path, text, mode=_PRIVATE, owner=owner if os.geteuid() == 0 else mine)


def _remove_halves(folder: Path) -> None:
    """What a run that was killed left of files that it was writing."""
    for half in (*folder.glob(f".{ENV}.*"), *(folder / FOLDER).glob(".*.*")):
        if half.is_file():
            half.unlink()
