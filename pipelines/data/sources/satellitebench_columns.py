"""What PhysioNet's metadata.csv calls its columns, and what we call them.

Source: multimodal-satellite-data 1.0.0, DOI 10.13026/xr5s-xe24.
"""

from __future__ import annotations

import difflib
import re

from pipelines.data.sources.wide import Column
from pipelines.weeks import CDC

CODE, NAME = "Municipality code", "Municipality"
# The ten municipalities of the public image inventory.
TEN_MUNICIPALITIES = (
    "05001", "05360", "08001", "23001", "41001", "50001", "54001", "68001", "73001", "76001",
)  # fmt: skip
# Source column -> clean column and unit; all of them are required.
DEMOGRAPHICS: dict[str, str] = {
    "Age0-4(%)": "age_0_4_pct",
    "Age5-14(%)": "age_5_14_pct",
    "Age15-29(%)": "age_15_29_pct",
    "Age>30(%)": "age_over_30_pct",
    "AfrocolombianPopulation(%)": "afrocolombian_pct",
    "IndianPopulation(%)": "indigenous_pct",
    "PeoplewithDisabilities(%)": "disability_pct",
    "Peoplewhocannotreadorwrite(%)": "illiterate_pct",
    "Secondary/HigherEducation(%)": "secondary_education_pct",
    "Employedpopulation(%)": "employed_pct",
    "Unemployedpopulation(%)": "unemployed_pct",
    "Peopledoinghousework(%)": "housework_pct",
    "Retiredpeople(%)": "retired_pct",
    "Men(%)": "men_pct",
    "Women(%)": "women_pct",
    "Householdswithoutwateraccess(%)": "households_without_water_pct",
    "Householdswithoutinternetaccess(%)": "households_without_internet_pct",
    "Buildingstratification1(%)": "building_stratum_1_pct",
    "Buildingstratification2(%)": "building_stratum_2_pct",
    "Buildingstratification3(%)": "building_stratum_3_pct",
    "Buildingstratification4(%)": "building_stratum_4_pct",
    "Buildingstratification5(%)": "building_stratum_5_pct",
    "Buildingstratification6(%)": "building_stratum_6_pct",
    "NumberofhospitalsperKm2": "hospitals_per_km2",
    "NumberofhousesperKm2": "houses_per_km2",
}
REQUIRED = (CODE, NAME, *DEMOGRAPHICS)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FIRST_YEAR = 1990  # of weekly counts; an earlier week is a typing error, and a long one in memory
_YEARLY = re.compile(
    r"(Population|Cases)((?:19|20)[0-9]{2})"
)  # ASCII digits: ２０１８ is another name
_WEEK = re.compile(r"([0-9]{4})/w([0-9]{2})")
_CLIMATE = re.compile(rf"(TEMPERATURE|PRECIPITATION)_({'|'.join(_MONTHS)})_([0-9]{{2}})")


def read_column(name: str) -> Column | None:
    """The known column of this exact name, or None."""
    if name == CODE:
        return Column(name, "code", "unit_id")
    if name == NAME:
        return Column(name, "name", "name")
    if name in DEMOGRAPHICS:
        return Column(name, "demographic", DEMOGRAPHICS[name])
    if found := _YEARLY.fullmatch(name):
        population = found[1] == "Population"
        clean = f"population_{found[2]}" if population else ""
        return Column(name, "population" if population else "yearly_cases", clean, int(found[2]))
    if found := _CLIMATE.fullmatch(name):
        kind = "temp" if found[1] == "TEMPERATURE" else "rain"
        return Column(name, kind, "", (2000 + int(found[3])) * 12 + _MONTHS.index(found[2]))
    return _read_week(name)


def _read_week(name: str) -> Column | None:
    found = _WEEK.fullmatch(name)
    if not found or int(found[1]) < FIRST_YEAR:
        return None
    year, week = int(found[1]), int(found[2])
    return Column(name, "week", "", CDC.number(year, week)) if CDC.has(year, week) else None


def looks_like_week(name: str) -> bool:
    """Whether a name has the shape of a week column, even if there is no such week."""
    return _WEEK.fullmatch(name) is not None


def meant_name(name: str, absent: list[str]) -> str | None:
    """The known name that an unknown one was most likely meant to be, or None.

    Args:
        name: an unknown column name, such as "municipality_code" or "2018-w48".
        absent: required names that the file lacks; typing errors are only matched against these.
    """
    if meant := _same_letters(name, absent):
        return meant
    close = difflib.get_close_matches(
        _letters(name), [_letters(a) for a in absent], n=1, cutoff=0.8
    )
    return next((a for a in absent if close and _letters(a) == close[0]), None)


def _same_letters(name: str, absent: list[str]) -> str | None:
    letters = _letters(name)
    for candidate in absent:
        if _letters(candidate) == letters:
            return candidate
    if week := re.match(r"^((?:19|20)\d\d)w?(\d{1,2})$", letters):
        return f"{week[1]}/w{int(week[2]):02d}"
    if yearly := re.match(r"^(population|cases)((?:19|20)\d\d)$", letters):
        return f"{yearly[1].capitalize()}{yearly[2]}"
    month = re.match(rf"^(temp|prec)[a-z]*?({'|'.join(_MONTHS)})(?:20)?(\d\d)$", letters)
    kind = {"temp": "TEMPERATURE", "prec": "PRECIPITATION"}
    return f"{kind[month[1]]}_{month[2]}_{month[3]}" if month else None


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9>]", "", name.lower())
