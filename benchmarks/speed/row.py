"""A row of `make bench`: one piece of work, ours beside a rival that was run, and what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Literal

from benchmarks.speed.side_by_side import Took

Bound = Literal["at least", "at most"]


@dataclass(frozen=True)
class Row:
    """Attributes:
    work: what was done, with its sizes.
    unit: of `ours` and `rival`, medians over the rounds.
    rival_is: what the rival is; empty where a limit stands alone.
    ratio: median over rounds of what `ratio_is` says; None without a rival.
    goal: what `ratio` is held against, or `ours` where there is no rival; None: reported alone.
    limit: what the chip or the disk would allow, in words, and the share of it that was reached.
    ours_cpu, rival_cpu: seconds of all cores, medians.
    share: of that limit as a number, 0 to 1, where there is one.
    """

    work: str
    unit: str
    ours: float
    rival: float | None = None
    rival_is: str = ""
    ratio: float | None = None
    ratio_min: float | None = None
    ratio_max: float | None = None
    ratio_is: str = "rival's time / ours"
    goal: float | None = None
    goal_is: Bound = "at least"
    limit: str = ""
    ours_cpu: float | None = None
    rival_cpu: float | None = None
    note: str = ""
    share: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal was met; None without one."""
        held = self.ours if self.ratio is None else self.ratio
        if self.goal is None:
            return None
        return held >= self.goal if self.goal_is == "at least" else held <= self.goal

    def to_json(self) -> dict[str, object]:
        """As latest.json keeps it."""
        return {**asdict(self), "met": self.met}


def missing_row(name: str, why: str) -> Row:
    """Of a module that gave no figures: a goal that is not met, with what happened."""
    return Row(f"{name}: gave no figures", "finished", 0.0, goal=1.0, note=why)


def timed_row(
    work: str,
    ours: Sequence[Took],
    rival: Sequence[Took],
    *,
    rival_is: str,
    goal: float | None = None,
    slower: bool = False,
    goal_is: Bound = "at least",
    limit: str = "",
    note: str = "",
) -> Row:
    """A row in seconds. Its ratio is the rival's time over ours, round by round; with `slower` ours
    over the rival's, for work that is asked to cost at most a share."""
    pairs = [(a.wall, b.wall) for a, b in zip(ours, rival, strict=True)]
    ratios = [a / b if slower else b / a for a, b in pairs]
    return Row(
        work,
        "s",
        median(a for a, _ in pairs),
        median(b for _, b in pairs),
        rival_is,
        median(ratios),
        min(ratios),
        max(ratios),
        "our time / rival's" if slower else "rival's time / ours",
        goal,
        goal_is,
        limit,
        median(one.cpu for one in ours),
        median(one.cpu for one in rival),
        note,
    )
