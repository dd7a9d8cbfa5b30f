"""Which column of a table is which: by the profile, by the layout, or by common names."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence

from pipelines.data.adapters.content import stop
from pipelines.data.adapters.layouts import fitting_layout, refuse_forecast
from pipelines.data.adapters.records import Table

Names = dict[str, tuple[str, ...]]  # our name -> columns, several only for what is joined with "/"

# Codes come before names of places: where a table has both, the one is the unit, the other its
# name.
_CODES = (
    "unit", "unit_id", "code", "unit_code", "location_id", "location_code", "district_code", "municipality_code",
    "codigo", "codigo_municipio", "cod_municipio", "geocode", "municipio_geocodigo", "ibge_code", "org_unit", "orgunit",
    "organisation_unit", "id_mn_resi",
)  # fmt: skip
_PLACES = (
    "location",
    "district",
    "distrito",
    "municipality",
    "municipio",
    "county",
    "province",
    "provincia",
    "region",
    "place",
)
COMMON: Mapping[str, Sequence[str]] = {
    "name": ("name", "unit_name", "location_name", "district_name", "municipality_name", "nombre", "nome"),
    "year": ("year", "ano", "anio", "epi_year", "epiyear", "iso_year", "annee"),
    "week": ("week", "semana", "se", "epi_week", "epiweek", "iso_week", "isoweek", "week_number", "semana_epidemiologica", "semaine", "sem_pri"),
    "date": ("date", "fecha", "data", "dia"),
    "start": ("start", "start_date", "week_start", "date_start", "calendar_start_date", "data_inise"),
    "end": ("end", "end_date", "week_end", "date_end", "calendar_end_date", "week_ending"),
    "onset": ("onset", "onset_date", "date_onset", "dt_sin_pri", "fecha_inicio_sintomas"),
    "reported": ("reported", "report_date", "date_notification", "notification_date", "dt_notific", "fecha_notificacion"),
    "cases": ("cases", "casos", "disease_cases", "dengue_cases", "dengue_total", "n_cases", "count", "observation", "weekly_hospitalised_cases"),
    "population": ("population", "pop", "poblacion", "populacao"),
    "month": ("month", "mes", "mois"),
    "temp_mean_c": ("temp_mean_c",),  # a name without its unit is not guessed
    "rainfall_mm": ("rainfall_mm",),
}  # fmt: skip


def letters(name: str) -> str:
    """A column name without case, accents and punctuation: "Año epi." is "ano_epi"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")


def choose(table: Table, wanted: Sequence[str], layout: Mapping[str, str] | None = None) -> Names:
    """Columns by our name: those that the profile names, before the layout's, before common names.

    Args:
        wanted: our names that may be guessed, if the profile names no column at all.
        layout: of an adapter for a fixed layout; what is absent there stays away.

    Raises:
        Unreadable: a declared column is not there or there twice, or several may be meant.
    """
    refuse_forecast(table)
    declared = {
        our: (name,) if isinstance(name, str) else tuple(name)
        for our, name in table.file.config.columns.items()
    }
    for our, columns in declared.items():
        for name in columns:
            _require(table, our, name)
    _require_own(table, declared)
    if layout is not None:
        return {our: (name,) for our, name in layout.items() if name in table.header} | declared
    return declared or _guessed(table, wanted)


def _require_own(table: Table, declared: Names) -> None:
    """Raise Unreadable for a column that is counted and is a place or a time as well."""
    counted = declared.get("cases", ())
    other = next(
        (
            our
            for our, columns in declared.items()
            if our != "cases" and set(columns) & set(counted)
        ),
        None,
    )
    if other is not None:
        raise stop(
            "unclear-columns",
            f"column {counted[0]!r} is named as the cases and as the {other}",
            f"{table.file.named} row {table.header_row}",
            "name another column for one of them",
        )


def require(table: Table, names: Names, *ours: str) -> None:
    """Raise Unreadable unless all of our names have a column."""
    absent = [our for our in ours if our not in names]
    if absent:
        raise stop(
            "missing-column",
            f"no column is known as the {' or the '.join(absent)}; the table has {_seen(table)}",
            f"{table.file.named} row {table.header_row}",
            _hint(table)
            or f"name it in the input: `columns: {{{absent[0]}: ...}}`{_further_down(table)}",
        )


def _further_down(table: Table) -> str:
    titled = sum(bool(name) for name in table.header) < 3
    return (
        "; or, if a title stands above the names of the columns, say where they are with "
        "`header_row`"
        if titled
        else ""
    )


def _require(table: Table, our: str, name: str) -> None:
    place = f"{table.file.named} row {table.header_row}"
    n = table.header.count(name)
    if n == 1:
        return
    if n > 1:
        raise stop(
            "duplicate-column",
            f"column {name!r} is there {n} times",
            place,
            "keep the right one and remove the others",
        )
    close = difflib.get_close_matches(name, [c for c in table.header if c], n=1)
    wrong = (
        f"the header has another separator than the declared {table.separator!r}"
        if table.file.config.separator and len(table.header) == 1
        else ""
    )
    meant = f"; {close[0]!r} is close to it" if close else ""
    raise stop(
        "missing-column",
        f"column {name!r}, declared as the {our}, is not there{meant}; the table has "
        f"{_seen(table)}",
        place,
        wrong or _hint(table) or f"correct `columns: {{{our}: ...}}` of the input",
    )


def _guessed(table: Table, wanted: Sequence[str]) -> Names:
    if hint := _hint(table):  # the adapter of a known layout knows units, filters and zeros as well
        raise stop(
            "other-layout",
            f"the table's columns are those of another layout: {_seen(table)}",
            f"{table.file.named} row {table.header_row}",
            f"{hint}, or name its columns in the input's `columns`",
        )
    found = guesses(table.header, wanted)
    for our, names in found.items():
        if len(names) > 1:
            raise stop(
                "unclear-columns",
                f"several columns may be the {our}: {', '.join(map(repr, names))}",
                f"{table.file.named} row {table.header_row}",
                f"name the right one in the input: `columns: {{{our}: {names[0]}, ...}}`"
                + (", or several to be joined" if our == "unit" else ""),
            )
    return {our: (names[0],) for our, names in found.items() if names}


def guesses(header: Sequence[str], wanted: Sequence[str] = tuple(COMMON)) -> dict[str, list[str]]:
    """Our names -> the columns that are called so; several are several that may be meant."""
    found = {our: _by_name(header, COMMON[our]) for our in wanted if our in COMMON}
    codes, places = _by_name(header, _CODES), _by_name(header, _PLACES)
    found["unit"] = codes or places
    if codes and len(places) == 1 and not found.get("name"):
        found["name"] = places
    return found


def _by_name(header: Sequence[str], common: Sequence[str]) -> list[str]:
    return [name for name in header if letters(name) in common]


def _seen(table: Table) -> str:
    shown = ", ".join(repr(name[:40]) for name in table.header[:12])
    return shown + (", ..." if len(table.header) > 12 else "")


def _hint(table: Table) -> str:
    """What reads a table of this header, if it is known."""
    found = fitting_layout(table.header)
    return "" if found is None or found.adapter == table.file.config.adapter else found.fix
