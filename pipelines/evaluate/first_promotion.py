"""The first promotion: with no champion, or a provisional one, two baselines have to be beaten."""

from __future__ import annotations

from pipelines.evaluate.decision import Candidate, words
from pipelines.evaluate.evidence import BASELINES_TO_BEAT, GateEvidence
from pipelines.evaluate.first_line import subject


def beats_baselines(evidence: GateEvidence, chosen: Candidate) -> bool:
    """Whether it beats the baselines; a baseline does not have to beat itself."""
    own, passed = evidence.benchmark_rows(chosen.head), True
    for name in (baseline for baseline in BASELINES_TO_BEAT if baseline != chosen.head):
        one = evidence.compare(chosen.head, own, name, evidence.benchmark_rows(name))
        verb = "is better in the mean than" if evidence.short else "beats"
        against = "is not better in the mean than" if evidence.short else "does not beat"
        sentence = (
            f"{subject(one.challenger)} {verb if one.passed else against} {words(name)} "
            f"({evidence.in_words(one)})."
        )
        evidence.reasons.append(f"First champion: {sentence}")
        if not one.passed:
            evidence.because.append(sentence)
            passed = False
    return passed
