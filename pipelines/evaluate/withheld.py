"""Horizons at which a recipe is not sane: its bundle leaves them out, and the others go on.

The primary horizon decides alone: where it is not sane, nothing is left out and the whole is
refused. There is no mixture of models either: a bundle has one recipe, which the next challenger is
compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelines.evaluate.decision import Candidate, Champion
from pipelines.evaluate.evidence import GateEvidence, champion_rows, not_sane, rows_of
from pipelines.evaluate.first_line import capital, subject

LeavingOut = Callable[[Candidate, tuple[int, ...]], Candidate]


def sanest_candidate(evidence: GateEvidence) -> Candidate:
    """The candidate that is sane at the primary horizon and at most others.

    Asked are the simplest one and those that beat it. Of equals the better one; the simplest one
    if none is sane at the primary horizon.
    """
    names = [found.challenger for found in evidence.against_reference if found.passed] + [
        evidence.reference
    ]
    sanity_failures = {name: evidence.sanity_failures(name) for name in names}
    fit = [name for name in names if evidence.primary not in sanity_failures[name]]
    return evidence.candidates[
        min(fit, key=lambda n: len(sanity_failures[n]), default=evidence.reference)
    ]


def without_failing_horizons(
    evidence: GateEvidence, chosen: Candidate, leaving_out: LeavingOut
) -> Candidate:
    """The candidate without the horizons at which it is not sane, which is noted; itself if the
    primary one is among them, or none."""
    sanity_failures = evidence.sanity_failures(chosen.head)
    if not sanity_failures or evidence.primary in sanity_failures:
        return chosen
    sentences = [
        f"{not_sane(chosen.head, horizon)}: {why}." for horizon, why in sanity_failures.items()
    ]
    evidence.reasons += [reason for reason in sentences if reason not in evidence.reasons]
    left_out = tuple(sorted(sanity_failures))
    evidence.reasons.append(
        f"Its bundle leaves out {weeks_ahead(left_out)}; its other horizons are judged."
    )
    return leaving_out(chosen, left_out)


def keeps_champion_horizons(
    evidence: GateEvidence, chosen: Candidate, champion: Champion | None
) -> bool:
    """Whether the champion serves none of the horizons left out, or is not sane there either; else
    a person decides, as a horizon that serves soundly is nothing to lose unasked."""
    lost = [] if champion is None else [h for h in chosen.without if h in champion.horizons_weeks]
    if champion is None or not lost:
        return True
    rows, head = champion_rows(evidence, champion)
    sound = [h for h in lost if not evidence.sanity_of(rows_of(rows, head, h), h).problems]
    if not sound:
        return True
    evidence.waits_for_person = True
    return evidence.refuse(
        f"{capital(subject(chosen.head))} would serve but for {weeks_ahead(sound)}, where it is "
        "not sane and the champion's recipe is. A person decides, and the champion forecasts "
        f"meanwhile: `denguard promote {chosen.bundle_id} --by NAME --reason TEXT` lets it serve "
        "without."
    )


def reasons_of(evidence: GateEvidence, chosen: Candidate | None) -> dict[str, str]:
    """Horizon that the candidate leaves out -> why, for the record."""
    sanity_failures = evidence.sanity_failures(chosen.head) if chosen and chosen.without else {}
    return {str(h): why for h, why in sanity_failures.items()}


def weeks_ahead(horizons: Sequence[int]) -> str:
    """Such as "8 and 12 weeks ahead"."""
    *most, last = map(str, horizons)
    return f"{', '.join(most)} and {last} weeks ahead" if most else f"{last} weeks ahead"
