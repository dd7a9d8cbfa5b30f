"""A disk that is really full, under a run in the image of the pipeline; then room is made."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.stack.engine import PROJECT, Stack, until
from support.stack.table import Row, Table

pytestmark = [pytest.mark.stack, pytest.mark.timeout(2 * 3600)]
SIZE_MB, ROOM_MB = 600, 12
BALLAST = "/full/ballast"
HOME = "/opt/denguard/home"


@dataclass
class SmallDisk:
    """A volume for a home's artifacts, in memory, with little room."""

    stack: Stack
    image: str
    name: str = f"{PROJECT}-small"

    def docker(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", *argv], env=self.stack.environment(), capture_output=True, text=True,
            timeout=1800, check=False,
        )  # fmt: skip

    def run(self) -> subprocess.CompletedProcess[str]:
        """A run of the sample by the command line, on this disk."""
        volumes = ("-v", f"{self.name}:{HOME}/artifacts", "-v", f"{self.name}-data:{HOME}/data")
        words = ("denguard", "run", "--profile", "sample", "--run-id", "full")
        return self.docker("run", "--rm", "--network", "none", *volumes, self.image, *words)

    def is_filled(self) -> bool:
        """Whether what else lies on it is whole."""
        size = self.docker("exec", f"{self.name}-holder", "stat", "-c", "%s", BALLAST).stdout
        return size.strip() == str((SIZE_MB - ROOM_MB) << 20)

    def make_room(self) -> None:
        """What else lay on it is deleted, while the disk is in use."""
        done = self.docker("exec", "--user", "0", f"{self.name}-holder", "rm", BALLAST)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def disk(stack: Stack) -> Iterator[SmallDisk]:
    made = SmallDisk(stack, stack.inspect("airflow-scheduler", "{{.Config.Image}}"))
    options = f"o=size={SIZE_MB}m,uid=50000,gid=50000,mode=0755"
    kind = ("--driver", "local", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", options)
    made.docker("volume", "create", *kind, made.name)
    # What is in memory lasts as long as somebody has it mounted.
    holder = ("--name", f"{made.name}-holder", "--user", "0", "-v", f"{made.name}:/full")
    fill = f"head -c {SIZE_MB - ROOM_MB}M /dev/zero > {BALLAST} && sleep 7200"
    made.docker("run", "-d", *holder, "--entrypoint", "sh", "postgres:17.6-bookworm", "-c", fill)
    until("the disk is nearly full", made.is_filled, 60)
    yield made
    made.docker("rm", "-f", f"{made.name}-holder")
    made.docker("volume", "rm", made.name, f"{made.name}-data")


def test_a_full_disk_is_named_and_the_same_run_goes_on_when_there_is_room(
    disk: SmallDisk, table: Table
) -> None:
    full = disk.run()
    said = full.stdout + full.stderr
    assert full.returncode != 0
    named = re.search(rf"{HOME}/artifacts\S*", said)
    room = re.search(r"the disk is full: [\d.]+ \w+ are free(, [\d.]+ \w+ are needed)?", said)
    assert named and room, said
    disk.make_room()
    began = time.monotonic()
    again = disk.run()
    assert again.returncode == 0, again.stdout + again.stderr
    happened = (
        f"the run named {named[0]} and said {room[0]!r}; with more room the same run was green"
    )
    fault = f"the disk of the artifacts full ({ROOM_MB} MB left)"
    table.add(Row(fault, happened, time.monotonic() - began, "nothing"))
