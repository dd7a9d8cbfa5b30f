"""drop.yaml: facts about a drop that its files do not contain."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.data.months import month_end
from pipelines.errors import DropError, invalid_values
from pipelines.plain_yaml import UnusableYaml, read_plain_yaml
from pipelines.weeks import WeekLabel

INFO = "drop.yaml"
SCENES = "scenes"  # in the name of a drop without a table: it takes no name from one with a table
BULLETIN_DAYS = 7  # a week's bulletin is made from what arrives within the week after it
_MAX_NAMED = 10
# Beyond, a typing error; and date arithmetic must not run out of dates.
FIRST_DAY, LAST_DAY = date(1980, 1, 1), date(2199, 12, 31)
Days = Annotated[int, Field(ge=0, le=366)]


class DropInfo(BaseModel):
    """drop.yaml: what nobody can tell from the files themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    received_date: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
    edition: int = Field(1, ge=1, le=99, description="2 and more: received later on the same day")
    scene_period: Literal["week", "month"] = Field(
        "month", description="what one scene is composed of"
    )
    scene_latency_days: Days = 0
    climate_latency_days: Days = 0
    synthetic_scenes: bool = False
    source_note: str = ""
    until: WeekLabel | None = Field(None, description="last week that is read; none = all")
    received_confirmed: str = Field(
        "", max_length=500, description="why an unusual receipt date is right, by a person"
    )
    scenes_alone: bool = Field(False, description="it has no table, and says nothing about one")
    scenes_on_receipt: bool = Field(
        False, description="nobody knew its scenes in time for a bulletin before it was received"
    )

    @property
    def folder_name(self) -> str:
        """Name of the drop's folder: its date, "scenes" of one without a table, and from the
        second edition on its number."""
        parts = [self.received_date.isoformat()]
        parts += [SCENES] if self.scenes_alone else []
        parts += [str(self.edition)] if self.edition > 1 else []
        return ".".join(parts)

    def as_written(self) -> dict[str, Any]:
        """Keys of drop.yaml; those that few drops need are left out where they say nothing."""
        rare = {"edition", "until", "received_confirmed", "scenes_alone", "scenes_on_receipt"}
        return {
            k: v
            for k, v in self.model_dump().items()
            if k not in rare or v != type(self).model_fields[k].default
        }

    def scene_end(self, scene_date: date) -> date:
        """Last day of a scene's compositing period."""
        if self.scene_period == "month":
            return month_end(scene_date.year * 12 + scene_date.month - 1)
        return scene_date + timedelta(days=6)

    def scene_available(self, scene_date: date) -> date:
        """Day a scene could be had: end of its compositing period plus latency; of one that is
        known from its receipt on, no sooner than its drop's first bulletin."""
        known = self.scene_end(scene_date) + timedelta(days=self.scene_latency_days)
        first = self.received_date - timedelta(days=BULLETIN_DAYS)
        return max(known, first) if self.scenes_on_receipt else known

    def climate_available(self, when: int) -> date:
        """Day a month's climate could be had; `when` is year * 12 + month - 1."""
        return month_end(when) + timedelta(days=self.climate_latency_days)


def is_of_scenes_alone(name: str) -> bool:
    """Whether a drop's name is one without a table: "2018-12-11.scenes"."""
    return SCENES in name.split(".")[1:]


def read_info(file: Path) -> DropInfo:
    """Read a drop.yaml. Raises DropError naming every key that is not valid."""
    where = f"{file.parent.name}/{INFO}"
    try:
        return check_info(read_plain_yaml(file), where)
    except UnusableYaml as err:
        raise DropError(
            f"{INFO} cannot be read: {err}", where=where, fix="write it as YAML in UTF-8"
        ) from err


def require_received(received: date, today: date) -> None:
    """Raise DropError for a receipt date in the future: it would outrank every correction until
    then.

    Args:
        today: by the caller's clock; a day more is allowed, because it is tomorrow already
            elsewhere.
    """
    if received > today + timedelta(days=1):
        raise DropError(
            f"the receipt date {received} is in the future, and drops never change",
            where="received_date",
            fix=f"give the day on which the files arrived, {today} at the latest",
        )


def check_info(keys: Any, where: str) -> DropInfo:
    """What a person said about a drop. Raises DropError naming every key that is not valid."""
    if not isinstance(keys, dict):  # a copy that broke off leaves an empty file, or half a word
        raise DropError(
            f"{INFO} {'holds nothing' if keys is None else 'holds no keys'}",
            where=where,
            fix="copy the drop again, whole; or make it with `denguard drop`",
        )
    try:
        return DropInfo.model_validate(keys)
    except ValidationError as err:
        found = invalid_values(err)[:_MAX_NAMED]
        named = "; ".join(f"{name[:80]}: {message}" for name, message in found)
        # from None: pydantic's own text would show values of any size
        raise DropError(
            f"{INFO} is not valid: {named}",
            where=where,
            fix=f"correct these keys; known ones are {', '.join(DropInfo.model_fields)}",
        ) from None
