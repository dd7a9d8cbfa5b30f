"""Commands of DVC, one after another in one process: its imports cost more than its work.

Also a script, `python -P dvc_chain.py '[["add", "folder"], ["push"]]'`, so that a process that is
started for it imports nothing of denguard.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

KNOWN = "known-hashes"  # a command of its own: a JSON file of paths and their MD5

# What `add` and `push` import when they run; what these import comes with them.
_LAZY = (
    "dvc.cli.parser",
    "dvc.cachemgr",
    "dvc.data_cloud",
    "dvc.dvcfile",
    "dvc.fs.callbacks",
    "dvc.lock",
    "dvc.repo.graph",
    "dvc.repo.index",
    "dvc.repo.push",
    "dvc.repo.worktree",
    "dvc.stage.cache",
    "dvc_data.hashfile.db.index",
    "dvc_data.hashfile.db.local",
    "dvc_data.index.checkout",
    "dvc_data.index.collect",
    "dvc_data.index.fetch",
    "dvc_data.index.push",
    "fsspec.implementations.memory",
    "rich.console",
)


def main(commands: Sequence[Sequence[str]]) -> int:
    """Exit code of the first command that fails, else 0. What went wrong is said on stderr."""
    for handler in logging.getLogger("dvc").handlers:  # of the process that loaded it, perhaps
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(sys.stderr if handler.level >= logging.WARNING else sys.stdout)
    return next((code for command in commands if (code := _done(command))), 0)


def _done(command: Sequence[str]) -> int:
    """Exit code of one command."""
    from dvc.cli import main as dvc

    if command[0] != KNOWN:
        return int(dvc(list(command)))
    _remember(json.loads(Path(command[1]).read_text(encoding="utf-8")))
    return 0


def _remember(md5: Mapping[str, str]) -> None:
    """Write into DVC's own record of hashes that these files have them as they are now."""
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_objects.fs import LocalFileSystem

    with Repo() as repo:
        known = ((path, HashInfo("md5", value), None) for path, value in md5.items())
        repo.state.save_many(known, LocalFileSystem())


def load() -> None:
    """Import all of it, for processes that are forked from this one. Raises ImportError."""
    streams = sys.stdout, sys.stderr
    try:
        for name in _LAZY:
            importlib.import_module(name)
    finally:
        sys.stdout, sys.stderr = streams  # dvc puts others in their place, without colours


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
