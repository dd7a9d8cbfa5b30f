"""Questions: what cannot be known from the files, each with its flag, its choices and, where there
is one, a proposal.

An answer comes from a person at a terminal or from the proposal (`--yes`); else the refusal names
the flag.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from pipelines.errors import ConfigError


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        what: in words, a whole question.
        choices: what can be answered; empty = anything.
        proposal: what `--yes` takes; None = nobody but the place can know.
        why: what the files tell about it.
        where: the file it is about.
    """

    flag: str
    what: str
    choices: tuple[str, ...] = ()
    proposal: str | None = None
    why: str = ""
    where: str = ""

    @property
    def how(self) -> str:
        """How the flag is written."""
        flag = self.flag if self.flag.endswith("=") else f"{self.flag} "
        shown = "|".join(self.choices[:20]) or ("COLUMN" if "column" in self.what else "VALUE")
        proposed = f" (proposed: {flag}{self.proposal}, which --yes takes)" if self.proposal else ""
        return f"{flag}{shown}{proposed}"


Ask = Callable[[Question], str]


def answered(question: Question, answer: str) -> str:
    """The answer, if it is one of the choices. Raises ConfigError for another one."""
    if question.choices and answer not in question.choices:
        raise ConfigError(
            f"{answer!r} is no answer to: {question.what}",
            where=question.flag,
            fix=f"say {question.how}",
        )
    return answer


def refuse(question: Question) -> str:
    """In a pipe nobody can be asked. Raises ConfigError that names the flag."""
    why = f" ({question.why})" if question.why else ""
    raise ConfigError(f"{question.what}{why}", where=question.where, fix=f"say {question.how}")


def take_proposal(question: Question) -> str:
    """`--yes`. Raises ConfigError where there is nothing to propose."""
    return refuse(question) if question.proposal is None else question.proposal


def asker(yes: bool, at_terminal: Ask) -> Ask:
    """How questions are answered here: by the proposals, by a person, or not at all."""
    if yes:
        return take_proposal
    return at_terminal if sys.stdin.isatty() else refuse
