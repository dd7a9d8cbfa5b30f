"""What the steps from the drops to the features hand on."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from pipelines.run.outputs.base import Free, Record, StepOutput


class FixedDrop(Record):
    """A drop of a run, fixed by its content."""

    received_date: str
    sha256: str
    synthetic_scenes: bool | None = None


class LateScene(Record):
    """A scene that came too late for the bulletin of its period."""

    unit_id: str
    first_day: date
    days_after_period: int


class SceneFetchOutput(StepOutput):
    """What a run fetched before it read its drops.

    Attributes:
        ending: reason says why it is off, was stopped or failed.
        bytes_read: over the wire; None if nobody knows.
        periods: first days of the periods that were asked for, the newest first.
        written: scenes made; here: finished by earlier runs; left: for later ones; without: why
            there is no scene -> of how many units and periods.
        drop: of what is new, with so many `scenes`; None if nothing is.
        newest_age_days, oldest_age_days: of the drop's scenes, from the newest day that one shows
            to the day of the run.
        late: of the drop's scenes, the first of `late_scenes`.
    """

    step = "fetch_scenes"
    ending: Literal[
        "off", "nothing new", "fetched", "stopped by the cap", "stopped by the time", "failed"
    ]
    reason: str = ""
    bytes_read: int | None = 0
    units: int = 0
    periods: tuple[date, ...] = ()
    written: int = 0
    here: int = 0
    left: int = 0
    without: dict[str, int] = Field(default_factory=dict)
    drop: str | None = None
    scenes: int = 0
    newest_age_days: int | None = None
    oldest_age_days: int | None = None
    late_scenes: int = 0
    late: tuple[LateScene, ...] = ()


class IngestOutput(StepOutput):
    """The drops that a run may know, oldest first."""

    step = "ingest"
    drops: tuple[FixedDrop, ...]

    @property
    def dates(self) -> set[str]:
        """Names of the drops."""
        return {drop.received_date for drop in self.drops}


class ValidateOutput(StepOutput):
    """Number of issues by level, of rows in quarantine, and where the findings lie."""

    step = "validate"
    issues: dict[str, int]
    issues_path: str
    data_docs: str
    quarantined: int
    tables: str


class SnapshotOutput(StepOutput):
    """The dataset version; `dvc` is DVC's md5 of it. Runs of the first version name no test years:
    theirs were listed in the profile.
    """

    step = "snapshot"
    dataset: str
    dataset_version: str
    as_of_week: str
    test_years: tuple[int, ...] | None = None
    synthetic_scenes: bool
    dvc: str


class ToEmbed(Record):
    """Distinct inputs of a modality, and those that the store lacks."""

    distinct: int
    missing: int
    space_id: str | None = None  # of encoders beside the profile's
    lacking: int | None = None  # scenes known to have not the bands that the encoder reads


class PlanOutput(StepOutput):
    """The shards of embedding work; no work file where the profile has no encoders.

    Attributes:
        champion_encoders: modality -> settings of the encoders whose vectors the champion reads,
            where they are not the profile's.
    """

    step = "plan_embedding"
    shards: tuple[int, ...]
    titles: tuple[str, ...]
    work_files: tuple[str, ...]
    counts: dict[str, ToEmbed]
    new_inputs: str
    champion_encoders: dict[str, Free] | None = None


class ShardOutput(StepOutput):
    """One shard: planned inputs, embedded ones, texts that were cut, seconds of encoding, and
    scenes without the bands that the encoder reads, if there were any."""

    step = "embed_{:03d}"
    modality: str
    space_id: str = ""
    inputs: int
    encoder_started: bool
    embedded: int
    truncated: int
    seconds: float
    lacking: int | None = None


class FeatureVersion(Record):
    """A feature version beside the run's own."""

    features: str
    feature_version: str
    dvc: str
    embedding_version: str


class FeaturesOutput(StepOutput):
    """The feature version, and what it was joined from.

    Attributes:
        champion: the same rows with the vectors that the champion reads, where the profile names
            other encoders.
    """

    step = "features"
    features: str
    feature_version: str
    dvc: str
    as_of_week: str
    dataset_version: str
    embedding_version: str
    champion: FeatureVersion | None = None
