"""Units that are perhaps no units: sums, and one place written in two ways.

Nothing is merged or left out: only the place knows which it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.across_drops import units_with_cases
from pipelines.data.raw import RawDrop, issue

_NO_PLACE = re.compile(
    r"(?i)\b(?:(?:sub|grand )?total(?:s|es)?|totais|overall|unknown|not "
    r"known|desconocid[oa]|ignorad[oa]|inconnu|sin datos?)\b"
)
_MARKS = re.compile("[\u0300-\u036f]")  # accents of Latin letters; other scripts' vowels stay
_NAMED = 3


def no_places(units: Iterable[str]) -> list[str]:
    """Units that are called as a sum or an unknown place would be, sorted."""
    return sorted(u for u in units if _NO_PLACE.search(u))


def odd_units(raws: Sequence[RawDrop], known: Iterable[str] = ()) -> list[Issue]:
    """Warnings about codes, each with file and row.

    Args:
        known: units of the accepted version.
    """
    if not raws:
        return []
    units = pd.concat([raw.units for raw in raws], ignore_index=True)
    units = units.loc[
        units["unit_id"].notna() & (units["row"] > 0), ["file", "row", "column", "unit_id"]
    ].drop_duplicates("unit_id")
    if units.empty:
        return []
    counted = units_with_cases(raws)
    others = sorted(set(known) - set(units["unit_id"]))
    before = pd.DataFrame({"file": "", "row": 0, "column": "", "unit_id": others})
    every = pd.concat([before, units], ignore_index=True) if others else units
    return [
        *_sums(units[units["unit_id"].isin(counted)]),
        *_alike(
            every,
            _spelling,
            "units-alike",
            "places seem to be written in several ways",
            "write each place one way, or name its code as the unit",
        ),
        *_alike(
            every,
            _without_zeros,
            "zeros-lost",
            "codes are there with and without zeros in front",
            "format the column of codes as text where the file is made, or let "
            "`place.codes.pad_to` of the profile put the zeros back",
        ),
    ]


def _sums(units: pd.DataFrame) -> list[Issue]:
    odd = units[units["unit_id"].isin(no_places(map(str, units["unit_id"])))]
    return [
        issue(
            Level.WARNING,
            "no-place",
            f"{r.unit_id!r} looks like a sum or an unknown place, and is taken as a unit",
            f"{r.file} row {r.row}",
            f"leave its rows out: `leave_out: {{{r.column}: [{r.unit_id}]}}` of the input",
        )
        for r in odd.itertuples()
    ][:_NAMED]


def _alike(
    units: pd.DataFrame, key: Callable[[str], str], code: str, what: str, fix: str
) -> list[Issue]:
    keys = units["unit_id"].astype(str).map(key)
    again = units[keys.ne("") & keys.duplicated(keep=False)]
    if again.empty:
        return []
    pairs = [list(ids) for _, ids in again.groupby(keys[again.index], sort=False)["unit_id"]]
    shown = "; ".join(" and ".join(map(repr, ids)) for ids in pairs[:_NAMED])
    later = again[keys[again.index].duplicated()].iloc[0]
    return [
        issue(
            Level.WARNING,
            code,
            f"{len(pairs)} {what}, such as {shown}: each is taken as a unit of its own",
            f"{later['file']} row {later['row']}",
            fix,
            rows=len(pairs),
        )
    ]


def _spelling(code: str) -> str:
    """A name without accents, case and kind of blank; "" for codes of digits."""
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", code)).casefold()
    return "" if code.isdigit() else re.sub(r"[\s_.,'-]+", " ", plain).strip()


def _without_zeros(code: str) -> str:
    return code.lstrip("0") if code.isascii() and code.isdigit() else ""
