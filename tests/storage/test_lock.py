"""One lock: held by one process at a time, and its end is the caller's own words."""

from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from pipelines.errors import BusyError
from pipelines.storage.lock import locked

BUSY = BusyError("somebody else is at work", where="here", fix="wait")


def test_who_waits_too_long_gets_the_callers_error(tmp_path: Path) -> None:
    path = tmp_path / "work.lock"
    with locked(path, 1.0, BUSY), pytest.raises(BusyError) as caught, locked(path, 0.1, BUSY):
        pass
    assert caught.value is BUSY
    assert isinstance(caught.value.__cause__, Timeout)


def test_a_lock_makes_its_folder_and_is_free_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "work.lock"
    with pytest.raises(ZeroDivisionError), locked(path, 1.0, BUSY):
        assert path.is_file()
        raise ZeroDivisionError
    with FileLock(path, timeout=0):
        pass
