"""What is ingested and how samples are made from it: `data` of a profile."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, field_validator, model_validator

from pipelines.cell_limits import MOST_WEEKLY_CASES
from pipelines.contracts import SCENE_BESIDE, IndexName, SourceName
from pipelines.encoder_config import Frozen
from pipelines.input_config import InputConfig
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.weeks import WeekLabel

Value16 = Annotated[int, Field(ge=0, le=65_535)]
_MIN_CLEAR_SHARE = 0.05
_MOST_NOWCAST = 13  # weeks; what is reported later than a quarter is no delay


class TextWindow(Frozen):
    """Where prompts are made. Other rows are tabular, with text masked."""

    municipalities: tuple[str, ...] | None = Field(None, description="none = every unit")
    first_week: WeekLabel | None = Field(None, description="none = from the first")
    last_week: WeekLabel | None = Field(None, description="none = to the newest")


class ScenePolicy(Frozen):
    """When a scene counts as an image and when as a missing one."""

    blank_max_std: float = Field(
        2.0, ge=0, description="grey levels (0-255); flatter scenes are blank"
    )
    blank_max_dark_share: float = Field(0.98, ge=0, le=1, description="share of pure black pixels")
    max_saturated_share: float = Field(
        0.8, ge=0, le=1, description="of non-black pixels, all channels >= 250"
    )
    max_age_weeks: int = Field(13, ge=0, le=520, description="older content is stale and masked")
    max_pixels: int = Field(
        50_000_000, ge=1, le=1_000_000_000, description="per band; larger files are refused unread"
    )
    range_16bit: tuple[Value16, Value16] | None = Field(
        None,
        description=(
            "16-bit values shown as black and as 255; none = reflectance x 10,000 in 12 bands, 0 "
            "to 0.3"
        ),
    )
    offset_16bit: int = Field(
        0,
        ge=0,
        le=10_000,
        description="subtracted from 16-bit values: 1000 for Sentinel-2 since processing "
        "baseline 04.00",
    )
    offset_from: date | None = Field(
        None, description="scenes of this day and later have the offset; none = all"
    )
    indices: tuple[IndexName, ...] = Field(
        (),
        exclude_if=lambda names: not names,  # recipes without them stay as they were
        description=(
            "covariates made of the newest scene's bands, beside its clear share and age: ndvi, "
            "ndwi, ndmi, brightness; none = none of them"
        ),
    )
    min_clear_share: float = Field(
        _MIN_CLEAR_SHARE,
        ge=0,
        le=1,
        exclude_if=lambda share: share == _MIN_CLEAR_SHARE,
        description="of the picture, what must show anything for its indices to count",
    )

    @field_validator("indices")
    @classmethod
    def _in_one_order(cls, names: tuple[IndexName, ...]) -> tuple[IndexName, ...]:
        return tuple(name for name in get_args(IndexName) if name in names)

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the covariates that scenes give."""
        return (*(f"scene_{n}" for n in self.indices), *SCENE_BESIDE) if self.indices else ()

    @property
    def reading(self) -> str:
        """How values are read beyond the defaults; "" at the defaults. Other words, other
        pixels."""
        scale = (self.range_16bit, self.offset_16bit, self.offset_from)
        return "" if scale == (None, 0, None) else repr((scale[0], scale[1], str(scale[2])))

    @model_validator(mode="after")
    def _a_range_rises(self) -> ScenePolicy:
        if self.range_16bit is not None and self.range_16bit[0] >= self.range_16bit[1]:
            raise ValueError("range_16bit must rise, such as [0, 3000]")
        if self.offset_from is not None and not self.offset_16bit:
            raise ValueError("offset_from needs offset_16bit")
        return self


class NotesPolicy(Frozen):
    """Which notes a prompt holds, where a place declares notes and its template asks for them."""

    max_age_weeks: int = Field(
        8, ge=1, le=104, description="notes of this many weeks, the origin's included"
    )
    max_notes: int = Field(3, ge=1, le=20, description="in one prompt, newest first")
    max_characters: int = Field(
        400, ge=20, le=4000, description="of all notes of one prompt together"
    )


Share = Annotated[float, Field(gt=0, le=1)]


class Maturity(Frozen):
    """What is done about newest weeks whose reports are still coming in."""

    method: Literal["none", "drop", "fixed", "learned"] = Field(
        "none", description="drop: the newest weeks are unknown; fixed, learned: they are nowcast"
    )
    weeks: int = Field(
        0,
        ge=0,
        le=26,
        description="newest weeks that drop takes as unknown, or that learned nowcasts (at "
        "most 13)",
    )
    shares: tuple[Share, ...] = Field(
        (),
        max_length=13,
        description=(
            "of fixed: share of the final count that is known of the newest week, the one before, "
            "..."
        ),
    )
    min_past_weeks: int = Field(
        26, ge=8, le=104, description="weeks with vintages or days of report that learned needs"
    )
    until_learned: Literal["drop", "none"] = Field(
        "drop", description="what is done where there are fewer"
    )

    @property
    def nowcast_weeks(self) -> int:
        """Newest weeks that are nowcast; their own counts are no outcome to learn from yet."""
        return {"fixed": len(self.shares), "learned": self.weeks}.get(self.method, 0)

    @model_validator(mode="after")
    def _each_method_has_its_own(self) -> Maturity:
        if (self.method in ("drop", "learned")) != (self.weeks > 0):
            raise ValueError(
                "`drop` and `learned` need weeks of 1 or more, `none` and `fixed` have none"
            )
        if (self.method == "fixed") != (len(self.shares) > 0):
            raise ValueError(
                "`fixed` needs shares, such as [0.55, 0.85], and no other method has any"
            )
        if self.method == "learned" and self.weeks > _MOST_NOWCAST:
            raise ValueError(f"`learned` nowcasts at most {_MOST_NOWCAST} weeks")
        return self


class Limits(Frozen):
    """What values can be, beyond which they are refused. Counts: data.max_weekly_cases."""

    population: tuple[int, int] = Field(
        (1, 2_000_000_000), description="least and most persons of a unit"
    )
    min_usual_rainfall_mm: float = Field(
        0.0,
        ge=0,
        description=(
            "median of a file's new months, below which its unit is in doubt; 0 where months may "
            "be dry everywhere"
        ),
    )
    receipt_gap_weeks: int = Field(
        13, ge=1, le=520, description="by which a drop may be received later than its newest week"
    )


# What a layout of scenes may name, and which text it stands for.
LAYOUT_FIELDS = {
    "unit": r"[^/]+?",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "yyyymmdd": r"[0-9]{8}",
    "year": r"[0-9]{4}",
    "month": r"[0-9]{1,2}",
    "day": r"[0-9]{1,2}",
    "week": r"[0-9]{1,2}",
}
_DAYS = ({"date"}, {"yyyymmdd"}, {"year", "month"}, {"year", "month", "day"}, {"year", "week"})


def check_layout(layout: str) -> str:
    """The layout itself. Raises ValueError if it does not name a unit and a day, each once."""
    names, rest = re.findall(r"\{([a-z]+)\}", layout), re.sub(r"\{[a-z]+\}", "", layout)
    if set(names) - set(LAYOUT_FIELDS) or set(rest) & {"{", "}"}:
        raise ValueError(f"it may name {', '.join(f'{{{name}}}' for name in LAYOUT_FIELDS)} alone")
    once = len(names) == len(set(names)) and "unit" in names
    if not once or set(names) - {"unit"} not in _DAYS:
        raise ValueError(
            "it names {unit} once, and the day once: {date}, {yyyymmdd}, {year} and {month} with "
            "or without {day}, or {year} and {week}"
        )
    if layout.startswith("/") or ".." in layout.split("/"):
        raise ValueError("it lies inside the folder of images")
    return layout


class DataConfig(Frozen):
    """What is ingested and how samples are made from it."""

    source: SourceName = "files"
    inputs: tuple[InputConfig, ...] = Field(
        (), description="files of a drop, for the source `files`"
    )
    updates: Literal["increment", "full"] = Field(
        "increment", description="what a drop leaves out was not sent, or was withdrawn"
    )
    unknown_again: tuple[str, ...] = Field(
        ("withdrawn",), description="words of a cell whose earlier value is not known any more"
    )
    maturity: Maturity = Maturity()
    first_week: WeekLabel | None = Field(
        None,
        description="first origin week of the sample table; none = a year after the first count",
    )
    reporting_delay_weeks: int = Field(0, ge=0, le=12)
    text_window: TextWindow = TextWindow()
    notes: NotesPolicy = NotesPolicy()
    scenes: ScenePolicy = ScenePolicy()
    scene_layout: Annotated[str, AfterValidator(check_layout)] | None = Field(
        None,
        description="how somebody else's scenes are named, such as S2_{unit}_{yyyymmdd}.tif; none "
        "= {unit}/image_{date}",
    )
    max_blank_share: float = Field(
        0.5, ge=0, le=1, description="of a drop's scenes, before it is an issue"
    )
    limits: Limits = Limits()
    plausibility: PlausibilityConfig = PlausibilityConfig()
    max_weekly_cases: int = Field(
        MOST_WEEKLY_CASES, ge=1, description="larger counts are absurd and quarantined"
    )

    @model_validator(mode="after")
    def _words_mean_one_thing(self) -> DataConfig:
        missing = {text.casefold() for one in self.inputs for text in one.missing}
        for word in self.unknown_again:
            if not word.strip() or word != word.strip() or word.casefold() in missing:
                raise ValueError(f"unknown_again: {word!r} is empty or means `missing` already")
            if any(c.isdigit() for c in word):
                raise ValueError(f"unknown_again: {word!r} may be read as a number")
        return self

    @model_validator(mode="after")
    def _a_covariate_comes_from_one_place(self) -> DataConfig:
        declared = {name for one in self.inputs for name in one.covariates}
        both = declared.intersection(self.scenes.covariates)
        if both:
            raise ValueError(f"scenes.indices: an input has a column {sorted(both)[0]} already")
        return self

    @property
    def outcome_delay_weeks(self) -> int:
        """Weeks from a target week until its count is an outcome that can be learned from."""
        return self.reporting_delay_weeks + self.maturity.nowcast_weeks

    @property
    def has_notes(self) -> bool:
        """Whether the place declares free text."""
        return any(one.table == "notes" for one in self.inputs)

    @property
    def figures(self) -> tuple[str, ...]:
        """Declared covariates that do not change: one number a unit."""
        return tuple(sorted({name for one in self.inputs for name in one.figures}))

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names under which the place declares covariates beyond the built-in ones."""
        declared = {name for one in self.inputs for name in one.covariates}
        return tuple(sorted(declared.union(self.scenes.covariates)))
