"""People's answers about doubted values: data/answers/<cause>.json, written atomically.

An answer is about a cause, or about some of its units. A later answer to the same cause replaces
the earlier one; both stay in the event file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pipelines.config import DeploymentPaths
from pipelines.contracts import content_id
from pipelines.errors import StoreError
from pipelines.storage import read_json, write_json

Verdict = Literal["confirmed", "rejected"]


@dataclass(frozen=True)
class Answer:
    """A person's word: `confirmed` = the values are true and count, `rejected` = they are wrong.

    Attributes:
        units: unit -> verdict where it differs from the cause's own, or where the cause as a whole
            was not answered (`verdict` None).
        at: UTC, ISO.
    """

    cause_id: str
    verdict: Verdict | None
    by: str
    reason: str
    at: str
    units: Mapping[str, Verdict]

    def of(self, unit_id: str) -> Verdict | None:
        """The answer about one unit; None if there is none."""
        return self.units.get(unit_id, self.verdict)


def answers_folder(paths: DeploymentPaths) -> Path:
    """data/answers: an input of runs, as drops are."""
    return paths.data / "answers"


def write_answer(
    paths: DeploymentPaths,
    cause_id: str,
    verdict: Verdict,
    by: str,
    reason: str,
    units: Sequence[str] = (),
) -> Answer:
    """Record a person's word, on top of what was said of the cause before; return the whole of it.

    Args:
        units: the answer is about these alone; () = about the cause as a whole.
    """
    path = answers_folder(paths) / f"{cause_id}.json"
    before = _read(path) if path.is_file() else None
    verdicts = dict(before.units) if before and units else {}
    verdicts |= dict.fromkeys(units, verdict)
    whole = (before.verdict if before else None) if units else verdict
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    answer = Answer(cause_id, whole, by, reason, stamp, verdicts)
    write_json(path, asdict(answer))
    return answer


def read_answers(paths: DeploymentPaths) -> dict[str, Answer]:
    """Cause -> answer. Raises StoreError naming a file that is damaged."""
    folder = answers_folder(paths)
    found = (_read(path) for path in sorted(folder.glob("*.json"))) if folder.is_dir() else ()
    return {answer.cause_id: answer for answer in found}


def answers_id(answers: Mapping[str, Answer]) -> str:
    """What was said so far, as eight hex digits; "" if nothing was."""
    verdicts = {cause: [answer.verdict, dict(answer.units)] for cause, answer in answers.items()}
    return content_id(verdicts)[:8] if verdicts else ""


def _read(path: Path) -> Answer:
    raw: dict[str, Any] = read_json(path)
    try:
        answer = Answer(**raw)
        good = answer.verdict in ("confirmed", "rejected", None) and answer.cause_id == path.stem
        if not good or set(answer.units.values()) - {"confirmed", "rejected"}:
            raise ValueError("not an answer")
    except (TypeError, ValueError, AttributeError) as err:
        fix = "remove the file and answer again with `denguard confirm`"
        what = "an answer about held values is damaged"
        raise StoreError(what, where=str(path), fix=fix) from err
    return answer
