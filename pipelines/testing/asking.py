"""How checks ask: what must be refused, and what must be imported lightly."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from pipelines.errors import DenguardError

T = TypeVar("T")
_PROGRAM = """
import sys
from importlib import import_module
import_module(sys.argv[1])
print(*sorted(set(sys.argv[2:]) & set(sys.modules)))
"""
_LONGEST_S = 120


def must_refuse(call: Callable[[], object], what: str, *errors: type[DenguardError]) -> None:
    """Raise AssertionError unless the call raises one of the named errors."""
    try:
        call()
    except errors:
        return
    except Exception as err:
        raise AssertionError(
            f"{what}: {type(err).__name__} instead of {errors[0].__name__}: {err}"
        ) from err
    raise AssertionError(f"{what} is taken; raise {errors[0].__name__}")


def without_error(call: Callable[[], T], what: str) -> T:
    """What the call gives. Raises AssertionError if it raises anything."""
    try:
        return call()
    except AssertionError:
        raise
    except Exception as err:
        raise AssertionError(f"{what}: it raises {type(err).__name__}: {err}") from err


def must_import_lightly(target: str, heavy: Sequence[str], why: str) -> None:
    """Raise AssertionError if importing "module" or "module:attribute" imports heavy libraries.

    It is imported in a process of its own, which finds modules where this one does.
    """
    module = target.partition(":")[0]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, module, *heavy],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
    )
    assert done.returncode == 0, f"{module} cannot be imported: {done.stderr[-2000:]}"
    found = ", ".join(done.stdout.split())
    assert not found, f"{module} imports {found}, and {why}; import it where it is used"
