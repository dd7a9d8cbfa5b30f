"""What a run fetched of scenes, in sentences: for its log, its pages, its note and its report."""

from __future__ import annotations

from pipelines.run.outputs import SceneFetchOutput
from pipelines.words import counted

_OLDER = "the run goes on with the scenes of earlier drops"
_NAMED = 3


def said(output: SceneFetchOutput) -> str:
    """How it ended, what came of it, and why if not well."""
    if output.ending == "off":
        return f"off: {output.reason}"
    parts = [f"{output.ending}: {output.reason}" if output.reason else output.ending]
    parts += [_drop(output)] if output.drop else [_OLDER]
    parts += [f"late: {late}"] if (late := _late(output)) else []
    parts.append(_asked(output))
    parts += [f"no scene of {n}: {why}" for why, n in [*output.without.items()][:_NAMED]]
    return "; ".join(parts)


def is_trouble(sentence: str) -> bool:
    """Whether such a sentence is about a fetch that did not end well."""
    return sentence.startswith(("failed", "stopped"))


def _drop(output: SceneFetchOutput) -> str:
    lone, ages = output.scenes == 1, (output.newest_age_days, output.oldest_age_days)
    first = f"{counted(output.scenes, 'scene')} in drop {output.drop}"
    if None in ages:
        return first
    old = f"{ages[0]}" if ages[0] == ages[1] else f"{ages[0]} to {ages[1]}"
    return f"{first}, {'its newest view is' if lone else 'their newest views are'} {old} days old"


def _late(output: SceneFetchOutput) -> str:
    named = [
        f"{one.unit_id} from {one.first_day}, {one.days_after_period} days after its period"
        for one in output.late[:_NAMED]
    ]
    more = output.late_scenes - len(named)
    return ", ".join([*named, *([f"and {more} more"] if more > 0 else [])])


def _asked(output: SceneFetchOutput) -> str:
    size = "" if output.bytes_read is None else f", {output.bytes_read / 1e6:.1f} MB read"
    of = f"{counted(len(output.periods), 'period')} of {counted(output.units, 'unit')}"
    return f"asked for {of}{size}"
