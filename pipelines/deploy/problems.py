"""What would fail later, in one sentence each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One reason why an installation cannot go on as it is.

    Attributes:
        where: file, and variable if it is one of many in it.
        what: what is wrong there; never a value.
        fix: what to do.
    """

    where: str
    what: str
    fix: str

    def line(self) -> str:
        """The sentence."""
        return f"{self.where}: {self.what}. What to do: {self.fix}."
