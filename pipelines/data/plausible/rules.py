"""The rules, in the order in which they are asked; a cell that several doubt is the first one's.

Belongs here: the list, and what a rule is. Does not belong here: a rule's arithmetic (a file of its
kind beside this one).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.missing import fell_to_zero
from pipelines.data.plausible.suspicion import Suspicion
from pipelines.plausibility_config import PlausibilityConfig

Rule = Callable[[Seen, PlausibilityConfig], Sequence[Suspicion]]

RULES: tuple[Rule, ...] = (fell_to_zero,)
