"""What the exit code of an encoder process means for a person."""

from __future__ import annotations

import signal

from pipelines.errors import EncoderError

_BUILD_ADVICE = (
    "the native library was built for another CPU; rebuild it without AMX: "
    'CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON" '
    "pip install --force-reinstall --no-binary llama-cpp-python llama-cpp-python "
    "(name only the AVX flags that /proc/cpuinfo shows; `make llama` does this)"
)
_ADVICE = {
    signal.SIGILL: _BUILD_ADVICE,
    signal.SIGSEGV: _BUILD_ADVICE,
    signal.SIGABRT: "run it again; if it stops again, the weights file or the library is damaged",
    signal.SIGKILL: "it was killed, mostly for want of memory: free some and run again; "
    "vectors already stored are kept",
}


def crash_signal(exit_code: int) -> signal.Signals | None:
    """The signal behind an exit code, as a process (-4) or as a shell (132) tells it."""
    number = -exit_code if exit_code < 0 else exit_code - 128
    try:
        return signal.Signals(number)
    except ValueError:
        return None


def crash_error(exit_code: int, *, encoder: str, where: str) -> EncoderError:
    """The error for an encoder process that ended without saying why."""
    found = crash_signal(exit_code)
    if found is None:
        return EncoderError(
            f"the encoder process of {encoder} ended with exit code {exit_code}",
            where=where,
            fix="read its lines in the log above",
        )
    return EncoderError(
        f"the encoder process of {encoder} was stopped by {found.name} (exit code {exit_code})",
        where=where,
        fix=_ADVICE.get(found, "run it again; vectors already stored are kept"),
    )
