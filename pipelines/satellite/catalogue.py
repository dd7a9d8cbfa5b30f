"""What a STAC API has of a place and a time.

pystac-client asks over our wire, so that a page of the catalogue is counted, tried again and given
up as a file's bytes are; by itself it would wait for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

import httpx

from pipelines.errors import FetchError
from pipelines.satellite.offsets import Unknown, offsets_of
from pipelines.satellite.wire import Wire
from pipelines.satellite_config import SatelliteConfig

_PAGE = 100


@dataclass(frozen=True)
class Item:
    """One acquisition of one tile.

    Attributes:
        day: of the acquisition, in UTC.
        made: sorts editions of one acquisition: processing baseline, then when it was written.
        mask: address of the scene classes; hrefs: of the bands' files, in the order of BANDS.
        offsets: what is added to each band's values; rule: what says so.
        problem: why it cannot be used; then the rest is empty.
    """

    id: str
    day: date = date.min
    made: tuple[str, str] = ("", "")
    mask: str = ""
    hrefs: tuple[str, ...] = ()
    offsets: tuple[int, ...] = ()
    rule: str = ""
    problem: str = ""


class Catalogue:
    """One collection of a STAC API.

    Raises:
        FetchError: it does not answer, or is no STAC API that can be searched.
    """

    def __init__(self, settings: SatelliteConfig, wire: Wire) -> None:
        from pystac.errors import STACError
        from pystac_client.errors import ClientTypeError
        from pystac_client.exceptions import APIError

        self._settings = settings
        self._errors = (STACError, ClientTypeError, APIError, NotImplementedError, *_MALFORMED)
        try:
            self._client = _client(settings.url, wire)
        except self._errors as err:
            raise self._no_stac(err) from err

    def items(self, bbox: tuple[float, float, float, float], first: date, last: date) -> list[Item]:
        """The items that touch a box (degrees) on the days from first to last, by day and id."""
        most = self._settings.max_items
        try:
            search = self._client.search(
                method="GET",  # what every STAC API answers
                collections=[self._settings.collection],
                bbox=list(bbox),
                datetime=f"{first}T00:00:00Z/{last}T23:59:59Z",
                limit=min(_PAGE, most + 1),
                max_items=most + 1,
            )
            found = [_item(one, self._settings) for one in search.items()]
        except self._errors as err:
            raise self._no_stac(err) from err
        if len(found) > most:
            raise FetchError(
                f"the catalogue has more than {most} items of {first} to {last} in one unit",
                where=self._settings.url,
                fix="correct satellite.collection, or raise satellite.max_items",
            )
        return sorted(found, key=lambda item: (item.day, item.id))

    def _no_stac(self, err: Exception) -> FetchError:
        return FetchError(
            f"the catalogue's answer cannot be used ({type(err).__name__}: {str(err)[:200]})",
            where=self._settings.url,
            fix="satellite.url is the address of a STAC API's first page; check the collection too",
        )


_MALFORMED = (ValueError, KeyError, TypeError, AttributeError)  # what a false answer comes to


def _client(url: str, wire: Wire) -> Any:
    from pystac_client import Client
    from pystac_client.stac_api_io import StacApiIO

    class OverWire(StacApiIO):
        """pystac-client's reader, with its requests made by us."""

        def request(
            self,
            href: str,
            method: str | None = None,
            headers: Mapping[str, str] | None = None,
            parameters: Mapping[str, Any] | None = None,
        ) -> str:
            if method not in (None, "GET") or headers:
                raise ValueError(f"the catalogue's next page wants {method} or further headers")
            asked = httpx.URL(href)
            return wire.text(str(asked.copy_merge_params(parameters) if parameters else asked))

    return Client.open(url, stac_io=OverWire())


def _item(found: Any, settings: SatelliteConfig) -> Item:
    """A pystac item as what is needed of it."""
    absent = [name for name in (*settings.names, settings.mask) if name not in found.assets]
    if absent:
        has = ", ".join(sorted(found.assets)[:20]) or "none"
        return Item(found.id, problem=f"it has no asset {absent[0]!r} (it has {has})")
    if found.datetime is None:
        return Item(found.id, problem="it has no datetime")
    assets = [found.assets[name] for name in settings.names]
    hrefs = [str(asset.get_absolute_href()) for asset in (*assets, found.assets[settings.mask])]
    if odd := [href for href in hrefs if not href.startswith(("https://", "http://"))]:
        return Item(found.id, problem=f"a file has no http address: {odd[0][:100]!r}")
    try:
        extra = [asset.extra_fields for asset in assets]
        offsets, rule = offsets_of(found.properties, extra, settings.offset)
    except Unknown as err:
        return Item(found.id, problem=str(err))
    day = found.datetime.astimezone(UTC).date()
    made = [str(found.properties.get(key, "")) for key in ("s2:processing_baseline", "updated")]
    return Item(found.id, day, (made[0], made[1]), hrefs[-1], tuple(hrefs[:-1]), offsets, rule)
