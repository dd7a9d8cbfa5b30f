"""History is embedded with adopted encoders, a budget of minutes at a time, beside the weekly run.

Vectors are stored as they are made, so that a killed call loses at most the last 128 inputs, and a
weekly run may embed at the same time.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.config import DeploymentPaths, Profile
from pipelines.contracts import Modality
from pipelines.encoder_config import EncoderConfig
from pipelines.errors import ConfigError, EncoderError
from pipelines.run.adopted import Adopted, Change, HowFar, read_adopted, write_adopted
from pipelines.run.outputs import ToEmbed

log = logging.getLogger(__name__)
_WHO = "denguard reembed"


@dataclass(frozen=True)
class Reembedded:
    """What one call did.

    Attributes:
        missing: inputs of the accepted data that still have no vector in the new spaces.
        per_minute: inputs embedded a minute, None if none was.
    """

    distinct: int
    missing: int
    embedded: int
    per_minute: float | None

    @property
    def ready(self) -> bool:
        """Whether the next run can be trained on the adopted encoders."""
        return self.missing == 0

    def words(self, minutes_a_night: float) -> str:
        """In one sentence, with how many nights are left."""
        done = f"{self.embedded} inputs embedded; {self.distinct - self.missing} of {self.distinct}"
        if self.ready:
            return f"{done} have vectors: the next run trains on the adopted encoders"
        if not self.per_minute:
            return f"{done} have vectors"
        nights = -(-self.missing // max(1, int(self.per_minute * minutes_a_night)))
        return f"{done} have vectors; about {nights} more such call{'s' if nights > 1 else ''}"


def adopt(
    paths: DeploymentPaths,
    profile: Profile,
    encoders: dict[Modality, EncoderConfig],
    by: str,
    reason: str,
    now: datetime | None = None,
) -> Adopted:
    """Take up encoders in place of the profile's; none = use the profile's own again.

    Runs that have begun keep theirs. Nothing else changes until history is embedded.

    Raises:
        ConfigError: the profile has no encoders, there is nothing to change, or nobody's name or
            no reason is given.
        EncoderError: weights are absent, or an encoder is of the other modality.
    """
    from pipelines.embed.base import describe_encoder

    if not profile.encoders:
        raise ConfigError(
            "the profile has no encoders, so there is nothing to replace",
            where=f"profile {profile.profile}",
            fix="add `embed` to the profile",
        )
    _require_said(by, reason)
    before = read_adopted(paths, profile.model_name)
    if before.encoders == encoders:
        raise ConfigError(
            "these encoders are adopted already" if encoders else "no encoder is adopted",
            where=f"profile {profile.profile}",
            fix="denguard reembed says how far they are" if encoders else "there is nothing to do",
        )
    for modality, config in encoders.items():
        if (found := describe_encoder(config, paths).modality) != modality:
            raise EncoderError(
                f"{config.name} makes {found} vectors, not {modality} vectors",
                fix=f"give it as --{found}",
            )
    change = Change(
        action="adopt" if encoders else "back", by=by, reason=reason, at=now or datetime.now(UTC)
    )
    record = Adopted(encoders=encoders, ready=False, changes=(*before.changes, change))
    write_adopted(paths, profile.model_name, record)
    return record


def _require_said(by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise ConfigError(
            "a change of encoders needs a name and a reason", fix="give --by NAME and --reason TEXT"
        )


def reembed(paths: DeploymentPaths, profile: Profile, budget_minutes: float) -> Reembedded | None:
    """Embed what the adopted encoders lack of the accepted data; None if there are none of either.

    Raises:
        EncoderError: an encoder is absent, crashed, hung, or gives other vectors than it did.
        StoreError: the data, or the record of what is adopted, cannot be read.
    """
    from pipelines.embed.run import run_work
    from pipelines.embed.sync import fetch_spaces, share_space

    record = read_adopted(paths, profile.model_name)
    dataset = accepted_dataset(paths)
    if not record.encoders or dataset is None:
        return None
    began, until = time.monotonic(), time.monotonic() + 60 * budget_minutes
    fetch_spaces(paths, *record.encoders.values())
    _, files = _lacking(paths, profile, record, dataset)
    embedded = 0
    for file in files:
        if (left := until - time.monotonic()) <= 0:
            break
        done = run_work(file, paths, left)
        share_space(paths, done.space_id)
        embedded += done.embedded
    minutes = (time.monotonic() - began) / 60
    after, _ = _lacking(paths, profile, record, dataset)
    found = Reembedded(
        sum(counts.distinct for counts in after),
        sum(counts.missing for counts in after),
        embedded,
        embedded / minutes if embedded else None,
    )
    log.info("%s", found.words(budget_minutes))
    _note(paths, profile, record, found)
    return found


def accepted_dataset(paths: DeploymentPaths) -> Path | None:
    """Folder of the newest accepted dataset version."""
    from pipelines.data.intake import accepted_version

    version = accepted_version(paths)
    folder = paths.artifacts / "datasets" / str(version)
    return folder if version and folder.is_dir() else None


def _lacking(
    paths: DeploymentPaths, profile: Profile, record: Adopted, dataset: Path
) -> tuple[list[ToEmbed], list[Path]]:
    """Counts of each adopted encoder's inputs, and the work files of those without a vector."""
    from pipelines.embed.plan import plan_embedding
    from pipelines.embed.work import read_work

    plan = plan_embedding(dataset, profile.with_encoders(record.encoders), paths)
    counts = [plan.counts[m] for m in record.encoders]
    works = [(file, read_work(file)) for file in plan.work_files]
    return counts, [f for f, w in works if w.modality in record.encoders and w.inputs]


def _note(paths: DeploymentPaths, profile: Profile, record: Adopted, found: Reembedded) -> None:
    """Write down how far it is; that it is ready, once, and then for good."""
    if read_adopted(paths, profile.model_name) != record:
        return  # somebody decided otherwise meanwhile
    now = datetime.now(UTC)
    far = HowFar(embedded=found.distinct - found.missing, of=found.distinct, at=now)
    changes = record.changes
    if found.ready and not record.ready:
        changes += (Change(action="ready", by=_WHO, reason="history is embedded", at=now),)
    update = {"ready": record.ready or found.ready, "changes": changes, "how_far": far}
    write_adopted(paths, profile.model_name, record.model_copy(update=update))
