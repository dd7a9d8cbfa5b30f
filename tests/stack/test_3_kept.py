"""A backup of the running stack, cut off and made again, put back into an empty second stack."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stack import kept
from support.stack.engine import PROJECT, Stack, until
from support.stack.table import Row, Table

from pipelines.deploy.secret_table import new_token

pytestmark = [pytest.mark.stack, pytest.mark.timeout(2 * 3600)]
PERSON = "maria"
USER = 50000
WHOLE = ("backup", "--wait", "--with-buckets")
_CUT_AFTER = 200  # objects of a backup that is killed


@pytest.fixture(scope="module")
def password(stack: Stack) -> str:
    """Of a person whom the deployment knows, besides its own users."""
    shown = stack.run("access", "add", PERSON, "--role", "analyst")
    found = re.search(r"password, shown this once:\s+(\S+)", shown)
    assert found, "access showed no password"
    return found[1]


@pytest.fixture(scope="module")
def other(stack: Stack) -> Iterator[Stack]:
    """A second server: the same release, nothing on it; it has the first one's ports."""
    folder = Path(tempfile.mkdtemp(prefix="denguard-restored-"))
    made = Stack(folder, stack.settings, stack.endpoint_key, project=f"{PROJECT}-restored")
    made.lay_out()
    yield made
    if os.environ.get("DENGUARD_STACK_KEEP") == "1":
        return
    made.compose("--profile", "*", "down", "-v", timeout_s=600, check=False)
    shutil.rmtree(folder)
    kept.bring_up(stack)


def objects(stack: Stack) -> int:
    return sum(1 for p in (stack.folder / "backups").rglob("*") if p.is_file())


def test_a_backup_that_is_killed_is_none_and_the_next_one_is_whole(
    stack: Stack, table: Table, password: str
) -> None:
    kept.require_known(stack, PERSON, password)
    (stack.folder / "secrets" / "backup_key").write_text(new_token())
    name = f"{stack.project}-cut"
    files = [word for file in stack.files() for word in ("-f", file)]
    words = ["run", "--rm", "-T", "--name", name, "backup", "denguard", *WHOLE]
    argv = ["docker", "compose", "-p", stack.project, *files, *words]
    cut = subprocess.Popen(argv, cwd=stack.folder, env=stack.environment())
    until("the backup sends", lambda: objects(stack) > _CUT_AFTER, 900, every_s=0.1)
    stack.docker("kill", "--signal", "KILL", name)
    assert cut.wait(120) != 0
    assert "20" not in stack.kept("backup", "--list")
    sent = objects(stack)

    began = time.monotonic()
    said = stack.kept(*WHOLE)
    took = time.monotonic() - began
    held = re.search(r"it holds ([\d,]+) files, ([\d.,]+ MB)", said)
    assert "is whole" in said and held and objects(stack) > sent
    happened = f"no backup is listed; the next one went on with {sent} objects and is whole"
    table.add(Row("kill -9 in the middle of a backup", happened, took, "nothing"))
    table.figure("backup", f"{held[1]} files, {held[2]}, {took:.0f} s")


def test_an_empty_stack_is_the_same_after_restore(
    stack: Stack, other: Stack, table: Table, password: str
) -> None:
    before = kept.state_of(stack)
    keys = tempfile.mkdtemp(prefix="denguard-keys-")
    written = ("--only-keys", "--with-keys", "/keys", "--key-file", "secrets/backup_key")
    stack.as_root("backup", *written, volume=f"{keys}:/keys")
    stack.compose("--profile", "*", "stop", timeout_s=600)

    began = time.monotonic()
    shutil.copytree(stack.folder / "backups", other.folder / "backups")
    (other.folder / "secrets").mkdir(mode=0o700)
    shutil.copy2(stack.folder / "secrets" / "backup_key", other.folder / "secrets")
    (sealed,) = Path(keys).iterdir()
    named = ("--keys", f"/keys/{sealed.name}", "--key-file", "secrets/backup_key")
    other.as_root("restore", "/keys", *named, volume=f"{keys}:/keys")
    shutil.rmtree(keys)
    other.as_root("init")
    as_root = ("--user", "0", "--entrypoint", "chown", "-v", f"{other.folder}:/deploy")
    owned = ("-R", f"{USER}:{USER}", "/deploy/backups", "/deploy/profiles")
    stack.docker("run", "--rm", *as_root, "postgres:17.6-bookworm", *owned)
    other.compose("up", "-d", "--no-build", "postgres-init", "s3-init", timeout_s=300)
    said = other.kept("restore", "/backup", check=False)  # MLflow's server is asked later
    table.figure("restore into an empty stack, seconds", round(time.monotonic() - began))
    assert "champion's bundle\tyes" in said, said
    up = kept.bring_up(other)
    took = time.monotonic() - began
    table.figure("restored stack up, seconds", round(up))
    kept.require_known(other, PERSON, password)
    assert kept.differences(before, kept.state_of(other)) == []
    proof = other.kept("restore", "/backup", "--prove")
    assert "\tNO\t" not in proof
    happened = (
        "champion, its bytes, every forecast, audit, trace, users of MLflow and Airflow, runs: same"
    )
    table.add(Row("the server is lost; restore on an empty one", happened, took, "nothing"))
