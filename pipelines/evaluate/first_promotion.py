"""The first promotion: with no champion, or a provisional one, two baselines have to be beaten."""

from __future__ import annotations

from pipelines.evaluate.decision import Candidate, words
from pipelines.evaluate.first_line import subject
from pipelines.evaluate.hearing import BLIND, Hearing


def beats_baselines(hearing: Hearing, chosen: Candidate) -> bool:
    """Whether it beats the baselines; a baseline does not have to beat itself."""
    own, passed = hearing.judged(chosen.head), True
    for name in (blind for blind in BLIND if blind != chosen.head):
        one = hearing.compare(chosen.head, own, name, hearing.judged(name))
        verb = "is better in the mean than" if hearing.short else "beats"
        against = "is not better in the mean than" if hearing.short else "does not beat"
        sentence = (
            f"{subject(one.challenger)} {verb if one.passed else against} {words(name)} "
            f"({hearing.in_words(one)})."
        )
        hearing.reasons.append(f"First champion: {sentence}")
        if not one.passed:
            hearing.because.append(sentence)
            passed = False
    return passed
