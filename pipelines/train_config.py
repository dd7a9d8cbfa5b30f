"""How a profile's models are trained: candidates, loop of the fused heads, choice of lambda."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pipelines.candidate_config import CandidateConfig, by_name, forecaster_kind
from pipelines.contracts import LINEAR
from pipelines.encoder_config import Frozen


class LoopConfig(Frozen):
    """Settings of the training loop of the fused heads."""

    batch_rows: int = Field(64, ge=2, le=1_000_000)
    learning_rate: float = Field(1e-3, gt=0, le=1)
    weight_decay: float = Field(1e-2, ge=0, le=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    noise_sigma: float = Field(0.0, ge=0, description="1.0 is the paper's printed value")
    alignment_weight: float = Field(0.0, ge=0, description="weight of L_reg")
    threads: int = Field(1, ge=1)
    seed: int = 7


class TunedConfig(Frozen):
    """Settings that each training chooses on its inner seasons; empty = the profile's own value.

    The profile's own value is always tried too, and taken where none is clearly better.
    """

    learning_rate: tuple[Annotated[float, Field(gt=0, le=1)], ...] = ()
    noise_sigma: tuple[Annotated[float, Field(ge=0)], ...] = ()
    alignment_weight: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (), description="of heads with two branches"
    )
    seeds: int = Field(
        1, ge=1, le=20, description="trainings that a score is the mean of, for lambda too"
    )


class TrainConfig(LoopConfig):
    """Candidates and their training. Part of the recipe.

    `heads` is the former name of `candidates`, which recorded recipes and older profiles use.
    """

    candidates: tuple[CandidateConfig, ...] = Field(
        by_name((LINEAR, "early", "late_joint")), min_length=1
    )
    base: Literal["best", "linear"] = Field(
        "best",
        description="what fused heads add to: the best candidate that reads no vectors, or the "
        "linear model whatever else is listed",
    )
    linear_c: float = Field(0.05, gt=0, description="inverse L2 strength of the linear head")
    lambda_grid: tuple[float, ...] = Field((0.0,), description="shifts tried; 0 is always in")
    lambda_least_gain: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="share of the validation Brier at 0 that a shift has to gain to be taken",
    )
    max_epochs: int = Field(30, ge=1, le=10_000)
    tuned: TunedConfig = TunedConfig()
    inner_origins: int = Field(3, ge=3, description="whole seasons that lambda is chosen on")
    min_paired_rows: int = Field(200, ge=1, description="below it lambda stays 0")
    min_paired_units: int = Field(3, ge=1)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the candidates, as listed."""
        return tuple(candidate.kind for candidate in self.candidates)

    @property
    def reference(self) -> str:
        """The simplest candidate, which the others have to beat: the linear one, else the first."""
        return LINEAR if LINEAR in self.names else self.names[0]

    @property
    def bases(self) -> tuple[CandidateConfig, ...]:
        """What fused heads may start from beside the linear model, by name."""
        if self.base == LINEAR:
            return ()
        read = {c.kind: forecaster_kind(c.kind).reads_vectors for c in self.candidates}
        own = [c for c in self.candidates if c.kind != LINEAR and not read[c.kind]]
        return tuple(sorted(own, key=lambda c: c.kind))

    def for_recipe(self, head: str) -> dict[str, object]:
        """What a head's model follows from, as its recipe names it."""
        if not forecaster_kind(head).reads_vectors:
            keys = {"linear_c", "inner_origins"} if head == LINEAR else {"inner_origins"}
            return self.model_dump(mode="json", include=keys)
        unsaid = {"tuned"} if self.tuned == TunedConfig() else set()
        return self.model_dump(mode="json", exclude={"candidates", "base", *unsaid})

    def values_of(self, setting: str) -> tuple[float, ...]:
        """What is tried for a setting of TunedConfig, its plain value among them, ascending."""
        listed: tuple[float, ...] = getattr(self.tuned, setting)
        return tuple(sorted({*listed, float(getattr(self, setting))}))

    def candidate(self, name: str) -> CandidateConfig:
        """The candidate of a name; one that is not listed has its default settings."""
        listed = (c for c in self.candidates if c.kind == name)
        return next(listed, None) or CandidateConfig(kind=name)

    @model_validator(mode="before")
    @classmethod
    def _heads_are_candidates(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "heads" not in given:
            return given
        if "candidates" in given:
            raise ValueError("`heads` is the former name of `candidates`; keep the latter")
        rest = {key: value for key, value in given.items() if key != "heads"}
        return {**rest, "candidates": given["heads"]}

    @field_validator("candidates")
    @classmethod
    def _once_each(cls, given: tuple[CandidateConfig, ...]) -> tuple[CandidateConfig, ...]:
        names = [candidate.kind for candidate in given]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is listed twice")
        return given

    @field_validator("lambda_grid")
    @classmethod
    def _has_zero(cls, grid: tuple[float, ...]) -> tuple[float, ...]:
        if 0.0 not in grid or any(abs(x) > 1 for x in grid):
            raise ValueError("lambda_grid must hold 0 and stay within -1..1")
        return tuple(sorted(grid))
