"""A study: which approaches are compared, how heads are trained, which shifts are swept.

A pin that nobody checked is left out: an approach without it is listed as not run.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from pipelines.contracts import FusedKind
from pipelines.encoder_config import EncoderConfig, Frozen, WeightsConfig
from pipelines.errors import ConfigError, validation_sentence
from pipelines.plain_yaml import UnusableYaml, read_plain_yaml, sentence
from pipelines.train_config import LoopConfig

Reported = Literal["unimodal", "clip", "raw"]  # the three approaches of the printed tables
Shape = TypeVar("Shape", bound=WeightsConfig)
Id = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]


class Wanted(Frozen):
    """Weights that an approach asks for. Without a commit or hash they cannot be used: no pin is
    invented, and the report says what to type to get one."""

    name: str
    package: str | None = None
    folder: Path | None = None
    hub: str | None = None
    revision: str | None = None
    file: str
    sha256: str | None = None

    @property
    def pinned(self) -> bool:
        """Whether a run could verify these weights."""
        return self.sha256 is not None and (self.hub is None or self.revision is not None)

    def weights(self) -> WeightsConfig:
        """Where they are. Raises ConfigError if they are not pinned or a field is not valid."""
        return _validated(WeightsConfig, self)


class WantedEncoder(Wanted):
    """A frozen encoder that an approach asks for."""

    pooling: str
    threads: int = Field(1, ge=1)

    def encoder(self) -> EncoderConfig:
        """The encoder's configuration. Raises ConfigError as `weights`."""
        return _validated(EncoderConfig, self)


class FrozenApproach(Frozen):
    """Heads on the vectors of two frozen encoders.

    Attributes:
        beside: the printed approach that its figures are set beside.
        as_printed: these are that approach's own weights; False: others that this machine can get.
    """

    kind: Literal["frozen"]
    id: Id
    title: str
    beside: Reported
    as_printed: bool = False
    image: WantedEncoder
    text: WantedEncoder


class RawApproach(Frozen):
    """A ViT and a BERT fine-tuned end to end under the same heads."""

    kind: Literal["raw"]
    id: Id
    title: str
    beside: Literal["raw"] = "raw"
    as_printed: bool = False
    image: Wanted
    text: Wanted
    epochs: int = Field(30, ge=1, le=1000)
    learning_rate: float = Field(1e-3, gt=0, le=1, description="AdamW's default, as printed")
    micro_rows: int = Field(
        4, ge=1, description="rows in memory at once; the gradient is the batch's"
    )


Approach = Annotated[FrozenApproach | RawApproach, Field(discriminator="kind")]


class TunedConfig(Frozen):
    """What is chosen on validation where a study asks what each part of the alignment brings.

    The first rate and 0 of the others are the plain values, which a choice leans to.

    Attributes:
        search: "staged": rate, lambda, noise, weight of L_reg, each at what was chosen before;
            "joint": every combination.
        rule: "one_standard_error" over the seeds towards the plain value, or the "best".
        turns: how many of the five folds of whole groups are the test part once; 1 = the split of
            the protocol, 5 = every usable row is judged once.
    """

    search: Literal["staged", "joint"] = "staged"
    rule: Literal["one_standard_error", "best"] = "one_standard_error"
    turns: int = Field(1, ge=1, le=5)
    seeds: tuple[int, ...] = Field((7, 8, 9, 10, 11), min_length=2)
    learning_rate: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field((1e-3,), min_length=1)
    lambda_shift: tuple[Annotated[float, Field(ge=-1, le=1)], ...] = (0.0, 0.5, 1.0)
    noise_sigma: tuple[Annotated[float, Field(ge=0)], ...] = (0.0, 0.01, 0.03)
    alignment_weight: tuple[Annotated[float, Field(ge=0)], ...] = (0.0, 0.01, 0.1)

    @field_validator("lambda_shift", "noise_sigma", "alignment_weight")
    @classmethod
    def _has_plain(cls, grid: tuple[float, ...]) -> tuple[float, ...]:
        if 0.0 not in grid:
            raise ValueError("the grid must hold 0, the plain value")
        return tuple(sorted(set(grid)))


class StudyConfig(Frozen):
    """All settings of a reproduction besides its data set and protocol."""

    approaches: tuple[Approach, ...] = Field(min_length=1)
    fusions: tuple[FusedKind, ...] = ("early", "late_joint")
    epochs: int = Field(30, ge=1, le=1000)
    loop: LoopConfig = LoopConfig()
    seeds: tuple[int, ...] = Field((7, 8, 9), min_length=1)
    lambda_grid: tuple[float, ...] = tuple(round(i / 10, 1) for i in range(-10, 11))
    noise_sigma: float = Field(0.01, gt=0, description="of the ablation; 1.0 is tried beside it")
    alignment_weight: float = Field(0.01, gt=0, description="weight of L_reg in the ablation")
    resamples: int = Field(1000, ge=100, le=100_000)
    cone_seeds: tuple[int, ...] = (1, 2, 3)
    cone_rows: int = Field(60, ge=2, description="inputs a group in the cone-effect experiment")
    tuned: TunedConfig | None = Field(
        None, description="safe protocol; without it nothing is tuned"
    )

    @field_validator("approaches")
    @classmethod
    def _named_once(cls, approaches: tuple[Approach, ...]) -> tuple[Approach, ...]:
        if len({a.id for a in approaches}) < len(approaches):
            raise ValueError("two approaches have the same id")
        return approaches

    @field_validator("lambda_grid")
    @classmethod
    def _has_zero(cls, grid: tuple[float, ...]) -> tuple[float, ...]:
        if 0.0 not in grid or any(abs(x) > 1 for x in grid):
            raise ValueError("lambda_grid must hold 0 and stay within -1..1")
        return tuple(sorted(set(grid)))


def shipped_study() -> Path:
    """The study file that ships with denguard."""
    return Path(str(resources.files("pipelines.paper") / "conf" / "study.yaml"))


def load_study(path: Path | None = None) -> StudyConfig:
    """Read a study file, the shipped one by default. Raises ConfigError naming every wrong key."""
    file = path or shipped_study()
    try:
        return StudyConfig.model_validate(read_plain_yaml(file))
    except OSError as err:
        raise ConfigError(
            f"the study file cannot be read: {err.strerror}", where=str(file), fix="check the path"
        ) from err
    except (UnusableYaml, ValidationError) as err:
        raise ConfigError(
            f"the study file is not valid: {sentence(err)}",
            where=str(file),
            fix="correct the keys named",
        ) from err


def _validated(shape: type[Shape], wanted: Wanted) -> Shape:
    try:
        return shape.model_validate(wanted.model_dump(exclude_none=True))
    except ValidationError as err:
        raise ConfigError(
            f"weights of {wanted.name}: {validation_sentence(err)}",
            where=wanted.hub or wanted.package or str(wanted.folder),
            fix="correct the study file",
        ) from err
