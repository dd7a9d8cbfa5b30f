"""Where scenes of the units are fetched from, what is made of them, and whether weekly runs do it:
`satellite` of a profile."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from pipelines.contracts import BANDS
from pipelines.encoder_config import Frozen

# What decides a scene's pixels; the rest may change without fetching anything again.
_OF_PIXELS = {
    "collection", "assets", "mask", "clear", "period", "resolution_m", "min_clear_share", "offset",
}  # fmt: skip


class SatelliteConfig(Frozen):
    """A catalogue of satellite scenes (STAC API), and how its scenes become one picture a unit and
    period."""

    url: str = Field(
        pattern=r"^https?://\S+$", description="of the STAC API's first page, without credentials"
    )
    collection: str = Field("sentinel-2-l2a", min_length=1)
    assets: dict[str, str] = Field(
        default_factory=dict,
        description="our band -> the catalogue's name of its file, where that is another",
    )
    mask: str = Field("SCL", description="the catalogue's name of the file of scene classes")
    clear: tuple[int, ...] = Field(
        (4, 5, 6, 7),
        min_length=1,
        description="classes that count as clear; of Sentinel-2: vegetation, bare soil, water, and "
        "what is neither cloud nor any of these",
    )
    period: Literal["week", "month"] = Field("week", description="what one scene is composed of")
    resolution_m: int = Field(
        60, ge=10, le=1000, description="edge of a pixel; coarser ones read the files' pyramids"
    )
    min_clear_share: float = Field(
        0.5, gt=0, le=1, description="of the unit's area; with less there is no scene"
    )
    offset: Literal["item", 0, -1000] = Field(
        "item",
        description="what is added to the files' values; item = as each item of the catalogue says",
    )
    settled_days: int = Field(
        14, ge=0, le=366, description="after a period's end; until then its items may still come"
    )
    max_bytes: int = Field(500_000_000, ge=1, description="that one call may read at most")
    max_items: int = Field(200, ge=1, le=10_000, description="of one unit and period")
    weekly: bool = Field(
        False, description="each weekly run fetches the newest periods before it reads its drops"
    )
    weekly_periods: int = Field(
        4, ge=1, le=60, description="that a weekly run asks for; more where settled_days reach on"
    )
    weekly_minutes: float = Field(
        30.0, gt=0, le=100, description="after which a weekly run goes on without the rest"
    )
    timeout_s: float = Field(30.0, gt=0, le=600, description="silence after which one gives up")
    retries: int = Field(5, ge=0, le=10, description="of each request, after growing pauses")

    @field_validator("assets")
    @classmethod
    def _of_our_bands(cls, assets: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(set(assets) - set(BANDS)):
            raise ValueError(f"{unknown[0]!r} is none of our bands: {', '.join(BANDS)}")
        return assets

    @property
    def names(self) -> tuple[str, ...]:
        """The catalogue's names of the files, in the order of BANDS."""
        return tuple(self.assets.get(band, band) for band in BANDS)

    def of_pixels(self) -> dict[str, object]:
        """The settings that decide a scene's pixels."""
        return self.model_dump(mode="json", include=_OF_PIXELS)
