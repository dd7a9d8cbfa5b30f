"""Which forecasters a run trains, as a profile says it: `train.candidates`.

A profile is read where a DAG is parsed, so no forecaster's library is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, ValidationError, model_validator

from pipelines.contracts import FORECASTERS, FUSED_HEADS, HeadKind
from pipelines.encoder_config import Frozen
from pipelines.errors import validation_sentence


class NoSettings(Frozen):
    """Of a forecaster that has nothing to set."""


@dataclass(frozen=True)
class ForecasterKind:
    """A forecaster as a registry knows it; this object's module must import nothing heavy.

    Attributes:
        forecaster: "module:Class" (see fusion/forecaster.py), imported when it is fitted or loaded.
        settings: what a profile may set beside its name; `fit` gets an instance. None = `fit` gets
            the profile's `train` itself.
        reads_vectors: it needs encoders.
        by_name: the object is called with the candidate's name and gives the forecaster's class.
    """

    forecaster: str
    settings: type[BaseModel] | None = NoSettings
    reads_vectors: bool = False
    by_name: bool = False


_FUSED = ForecasterKind("pipelines.models.fused:FusedHeadForecaster", None, True, by_name=True)


def forecaster_kind(name: str) -> ForecasterKind:
    """What a name stands for. Raises ConfigError if nothing has it or it cannot be imported."""
    if name in FUSED_HEADS and name not in FORECASTERS:
        return _FUSED
    kind: ForecasterKind = FORECASTERS.load(name)
    return kind


class CandidateConfig(Frozen):
    """A forecaster to train: its name alone, or its `kind` with what it lets be set."""

    kind: HeadKind
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _name_or_keys(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"kind": given}
        if isinstance(given, dict) and set(given) - {"kind", "settings"}:
            own = {key: value for key, value in given.items() if key != "kind"}
            return {"kind": given.get("kind", ""), "settings": own}
        return given

    @model_validator(mode="after")
    def _settings_fit(self) -> CandidateConfig:
        shape = forecaster_kind(self.kind).settings
        if shape is None and self.settings:
            raise ValueError(f"{self.kind} takes its settings from `train`; name it alone")
        if shape is not None:
            try:
                shape.model_validate(self.settings)
            except ValidationError as err:
                raise ValueError(f"settings of {self.kind}: {validation_sentence(err)}") from None
        return self

    def spoken(self) -> dict[str, Any]:
        """Settings beyond their defaults, JSON-able: what the candidate's recipe names."""
        shape = forecaster_kind(self.kind).settings
        if shape is None:
            return {}
        made: dict[str, Any] = shape.model_validate(self.settings).model_dump(
            mode="json", exclude_defaults=True
        )
        return made


def by_name(names: Sequence[str]) -> tuple[CandidateConfig, ...]:
    """Candidates with their default settings."""
    return tuple(CandidateConfig(kind=name) for name in names)
