"""How several processes share the tests: fixtures of a file are made once, not once a process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = ("tests/run/test_progress.py", "tests/data_samples/test_labels.py")


@pytest.mark.slow
def test_the_tests_of_one_file_run_in_one_process() -> None:
    alone = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "2",
        "--dist",
        "loadgroup",
        "-v",
        "-p",
        "no:cacheprovider",
        *FILES,
    ]
    output = subprocess.run(
        command, cwd=ROOT, env=alone, capture_output=True, text=True, timeout=240
    ).stdout
    processes = defaultdict(set)
    for process, file in re.findall(r"\[(gw\d)\].* PASSED (\S+?)::", output):
        processes[file].add(process)
    assert {file: len(of) for file, of in processes.items()} == dict.fromkeys(FILES, 1), output
