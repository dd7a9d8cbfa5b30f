"""What pydantic refuses is one sentence, the same wherever it is said."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipelines.errors import validation_sentence


class Week(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cases: list[int] = Field(default_factory=list)
    place: str = ""

    @model_validator(mode="after")
    def _placed(self) -> "Week":
        if not self.place:
            raise ValueError("say where")
        return self


def refused(given: dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Week.model_validate(given)
    return caught.value


def test_every_value_is_named_by_its_dotted_place():
    assert validation_sentence(refused({"cases": [1, "x"], "plaice": "here"})) == (
        "cases.1: Input should be a valid integer, unable to parse string as an integer; "
        "plaice: Extra inputs are not permitted"
    )


def test_what_is_wrong_with_the_whole_has_no_name_unless_one_is_given():
    assert validation_sentence(refused({})) == "Value error, say where"
    assert validation_sentence(refused({}), whole="week") == "week: Value error, say where"
