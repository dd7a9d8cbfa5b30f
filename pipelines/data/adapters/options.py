"""What only some adapters ask a profile: the keys of an input's `options`, checked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError

from pipelines.data.adapters import InputFile
from pipelines.data.adapters.content import stop
from pipelines.encoder_config import Frozen
from pipelines.errors import validation_sentence
from pipelines.weeks import FIRST_YEAR, LAST_YEAR


class Options(Frozen):
    """Options of the adapters in this folder."""

    unit: str | int | None = Field(
        None, description="code of the one unit of a file without a column of units"
    )
    every_unit: bool = Field(False, description="a series that holds for every unit of the place")
    year: int | None = Field(
        None, ge=FIRST_YEAR, le=LAST_YEAR, description="of a file that does not say it"
    )
    date_is: Literal["start", "end"] | None = Field(
        None, description="day of its week that `date` is"
    )
    every: Literal["day", "week", "month"] | None = Field(
        None, description="how often a series has a value"
    )
    min_share: float | None = Field(
        None, gt=0, le=1, description="of a month's days that must be there"
    )
    max_characters: int = Field(
        500, ge=20, le=4000, description="of one note; the rest of a longer one is not kept"
    )
    week_53: Literal["as_declared"] | None = Field(
        None, description="weeks 53 of another numbering are single errors"
    )


def options_of(file: InputFile) -> Options:
    """The input's options. Raises Unreadable naming each that is not known or not valid."""
    try:
        return Options.model_validate(file.config.options)
    except ValidationError as err:
        raise stop(
            "unknown-option",
            f"the input's `options` are not valid: {validation_sentence(err)}",
            file.named,
            f"correct them; known ones are {', '.join(Options.model_fields)}",
        ) from None
