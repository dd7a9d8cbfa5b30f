"""A command as a person at a terminal sees it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path


def at_a_terminal(*command: str, columns: int = 60) -> str:
    """What a command prints on a terminal that wide, without colours."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, *command],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "COLUMNS": str(columns)},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = b""
    try:
        while chunk := os.read(ours, 65536):
            output += chunk
    except OSError:  # how a terminal ends on Linux
        pass
    os.close(ours)
    done.wait(60)
    return re.sub(r"\x1b\[[0-9;]*m", "", output.decode()).replace("\r\n", "\n")
