"""Named errors. Each says what happened, where, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Findings(Protocol):
    """pydantic's ValidationError, or FastAPI's of a request; this module imports neither."""

    def errors(self) -> Sequence[Any]:
        """One mapping a finding, with its place `loc` and its message `msg`."""


def invalid_values(err: Findings) -> list[tuple[str, str]]:
    """Dotted name ("" for the whole) and message of each value that was refused."""
    return [(".".join(map(str, e["loc"])), e["msg"]) for e in err.errors()]


def validation_sentence(err: Findings, whole: str = "") -> str:
    """What is wrong with which value, in one sentence; `whole` names what has no name."""
    return "; ".join(
        ": ".join(filter(None, (name or whole, message))) for name, message in invalid_values(err)
    )


class DenguardError(Exception):
    """Base of every error that denguard raises on purpose.

    Args:
        what: what happened, in one sentence, for a reader with a deadline.
        where: file, row, task or URI that it happened at.
        fix: what to do next.
        away: a service or a share did not answer: the same call may succeed later, unchanged.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "", away: bool = False) -> None:
        self.what, self.where, self.fix, self.away = what, where, fix, away
        super().__init__(what, where, fix)

    def __str__(self) -> str:
        parts = [self.what.rstrip(".") + "."]
        if self.where:
            parts.append(f"Where: {self.where}.")
        if self.fix:
            parts.append(f"What to do: {self.fix.rstrip('.')}.")
        return " ".join(parts)


class ConfigError(DenguardError):
    """A profile, a parameter or an environment variable cannot be used."""


class DropError(DenguardError):
    """A drop cannot be read, or would break the immutability of an accepted one."""


class ValidationStopped(DenguardError):
    """A critical data issue stopped the run before anything downstream."""


class LeakageError(DenguardError):
    """A text or covariate was computed from what was not known at the origin, or from the label."""


class EncoderError(DenguardError):
    """An encoder or its weights cannot be used, or no longer gives the stored vectors."""


class StoreError(DenguardError):
    """The embedding store or an artifact does not hold what it says it holds."""


class TrainingError(DenguardError):
    """A head cannot be trained on the rows given."""


class LabelRuleError(DenguardError):
    """A model of one label rule was to be used, or compared, under another."""


class GateError(DenguardError):
    """A comparison could not be made; the champion stays."""


class RegistryError(DenguardError):
    """The model registry did not do what was asked."""


class ChampionLostError(RegistryError):
    """The registry does not know the champion that served by the audit."""


class DeployError(DenguardError):
    """The endpoint did not take a bundle; the previous one serves."""


class VersioningError(DenguardError):
    """DVC did not do what was asked."""


class ServiceError(DenguardError):
    """A local service did not start, answer or stop."""


class EndedError(DenguardError):
    """A step's process was ended from outside again and again."""


class BusyError(DenguardError):
    """Another run is at work in this deployment; two would mix."""


class FetchError(DenguardError):
    """A data set could not be brought here whole; what arrived whole is kept."""
