"""Work in another process: which of its two forms it takes, and what that process is given."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.apart import as_loaded

from pipelines.errors import StoreError
from pipelines.run import apart
from pipelines.storage.lock import locked

_WAIT_S = 60.0
COMMAND = [sys.executable, "-c", "print('started')"]


def _said(main: Callable[[], int], folder: Path | None = None) -> tuple[int, str, str]:
    """Exit code, output and error output of a work whose command says "started"."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        work = apart.Work(main, COMMAND, {"ONLY": "this"}, folder)
        with apart.running(work, out.fileno(), errors.fileno()) as process:
            code = process.wait(timeout=_WAIT_S)
        found = []
        for file in (out, errors):
            file.seek(0)
            found.append(file.read().decode())
    return code, found[0], found[1]


def _forked(main: Callable[[], int], folder: Path | None = None) -> tuple[int, str, str]:
    """The same in a process that has loaded what its children need."""
    return as_loaded(lambda: _said(main, folder))


def _saying(text: str, code: int = 0) -> Callable[[], int]:
    def main() -> int:
        sys.stdout.write(text)
        return code

    return main


def test_a_process_that_loaded_nothing_starts_another_python() -> None:
    assert _said(_saying("forked")) == (0, "started\n", "")


def test_a_process_that_loaded_the_libraries_forks() -> None:
    assert _forked(_saying("forked")) == (0, "forked", "")


def test_beside_another_thread_nothing_is_forked() -> None:
    def beside() -> tuple[int, str, str]:
        end = threading.Event()
        other = threading.Thread(target=end.wait)
        other.start()
        try:
            return _said(_saying("forked"))
        finally:
            end.set()
            other.join()

    assert as_loaded(beside)[1] == "started\n"


def test_the_result_of_a_forked_function_is_the_exit_code() -> None:
    assert _forked(_saying("", 3))[0] == 3


def test_a_forked_process_that_is_killed_says_the_signal() -> None:
    def end() -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    assert _forked(end)[0] == -signal.SIGKILL


def test_an_error_in_a_forked_process_is_told_and_its_code_is_not_0() -> None:
    def fail() -> int:
        raise ValueError("something odd")

    code, _, errors = _forked(fail)
    assert code == 1
    assert "ValueError: something odd" in errors


def test_a_forked_process_has_the_environment_and_folder_that_it_is_given(tmp_path: Path) -> None:
    def main() -> int:
        sys.stdout.write(f"{dict(os.environ)} {Path.cwd()} {sys.stdin.read()!r}")
        return 0

    assert _forked(main, tmp_path)[1] == f"{{'ONLY': 'this'}} {tmp_path} ''"


def test_log_lines_of_a_forked_process_go_where_it_sends_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def main() -> int:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        logging.getLogger("pipelines").warning("one line")
        return 0

    assert _forked(main)[2] == "one line\n"
    assert caplog.messages == []


OWNS_ITS_STREAMS = """
import os, subprocess, sys, tempfile
from pipelines.run import apart
sys.stdout, sys.stderr = os.fdopen(os.dup2(1, 1), "w"), os.fdopen(os.dup2(2, 2), "w")
apart.loaded_here()

def main():
    print("out", flush=True)
    print("errors", file=sys.stderr, flush=True)
    return 0

with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
    work = apart.Work(main, [], {})
    with apart.running(work, out.fileno(), errors.fileno()) as process:
        code = process.wait(timeout=60)
    out.seek(0), errors.seek(0)
    print(code, out.read(), errors.read())
"""


def test_a_process_that_owns_its_streams_does_not_close_the_childs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OWNS_ITS_STREAMS], capture_output=True, text=True, timeout=_WAIT_S
    )
    assert done.stdout == "0 b'out\\n' b'errors\\n'\n", done.stderr


def test_a_forked_process_ends_at_a_signal_that_its_parent_would_survive() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:

        def main() -> int:
            os.kill(os.getpid(), signal.SIGTERM)
            return 0

        assert _forked(main)[0] == -signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("forks", [True, False])
def test_a_process_that_takes_too_long_is_said_and_ended(forks: bool) -> None:
    def main() -> int:
        time.sleep(_WAIT_S)
        return 0

    def run() -> int | None:
        sleep = [sys.executable, "-c", f"import time; time.sleep({_WAIT_S})"]
        with tempfile.TemporaryFile() as out, pytest.raises(subprocess.TimeoutExpired):
            work = apart.Work(main, sleep, {})
            with apart.running(work, out.fileno(), out.fileno()) as process:
                assert process.poll() is None
                process.wait(timeout=0.01)
        return process.poll()

    assert (as_loaded(run) if forks else run()) == -signal.SIGKILL


LEAVES_A_CHILD = """
import os, sys, time
from pathlib import Path
from pipelines.errors import StoreError
from pipelines.run import apart
from pipelines.storage.lock import locked
apart.loaded_here()
folder = Path(sys.argv[1])

def main():
    (folder / "child").write_text(str(os.getpid()))
    time.sleep(600)
    return 0

with locked(folder / "lock", 5.0, StoreError("held")), open(folder / "out", "wb") as out:
    work = apart.Work(main, ["no", "command"], dict(os.environ))
    with apart.running(work, out.fileno(), out.fileno()) as process:
        process.wait(timeout=600)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a signal of Linux alone")
def test_a_forked_process_ends_with_a_task_that_is_killed_and_frees_its_locks(
    tmp_path: Path,
) -> None:
    task = subprocess.Popen([sys.executable, "-c", LEAVES_A_CHILD, str(tmp_path)])
    child = tmp_path / "child"
    try:
        _until(lambda: child.is_file() and bool(child.read_text()))
        task.kill()
        task.wait(timeout=_WAIT_S)
        with locked(tmp_path / "lock", _WAIT_S, StoreError("the child holds it")):
            pass
        _until(lambda: not Path(f"/proc/{child.read_text()}").exists())
    finally:
        task.kill()


def _until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
