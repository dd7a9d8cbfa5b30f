"""A small sound file of each layout, and what a reader sees in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from denguard.testing import Fact
from pipelines.weeks import CDC, ISO, Calendar

RECEIVED = date(2018, 12, 4)
PRIVATE = "female-77"  # in a column that nobody declares


@dataclass(frozen=True)
class Sample:
    """What check_adapter is told of a layout."""

    content: str
    facts: Sequence[Fact]
    calendar: Calendar = CDC
    settings: dict[str, Any] = field(default_factory=dict)
    private: Sequence[str] = (PRIVATE,)


def table(*rows: str) -> str:
    """The rows with one more column that may not leave."""
    return "\n".join([f"{rows[0]},remark", *(f"{row},{PRIVATE}" for row in rows[1:])]) + "\n"


def _analytics() -> str:
    rows = [
        ["cases1", unit, f"2018W{week}", f"{week}.0"]
        for unit in ("OrgA", "OrgB")
        for week in (1, 2, 3)
    ]
    return json.dumps({"headers": [{"name": n} for n in ("dx", "ou", "pe", "value")], "rows": rows})


def _rain() -> str:
    days = [date(2018, 1, 1) + timedelta(days=i) for i in range(59)]
    return table(
        "unit,date,rainfall_mm", *(f"A,{day},{2 if day.month == 1 else 3}" for day in days)
    )


OURS: dict[str, Sample] = {
    "long": Sample(
        table("unit,year,week,cases,population", "A,2018,1,3,900", "A,2018,2,4,900", "B,2018,1,0,80", "B,2018,2,7,80"),
        [Fact(2, "A", "2018-w01", 3), Fact(5, "B", "2018-w02", 7), Fact(2, "A", 2018, 900, "population")],
    ),
    "line_list": Sample(
        table("unit,onset", "A,2018-01-01", "A,2018-01-02", "B,2018-01-09", "A,2018-01-16", "B,2018-01-20"),
        [Fact(2, "A", "2018-w01", 2), Fact(4, "B", "2018-w02", 1)],
        settings={"columns": {"unit": "unit", "onset": "onset"}},
    ),
    "wide": Sample(
        table("Code,2018/w01,2018/w02,2018/w03", "A,1,2,3", "B,4,5,6"),
        [Fact(2, "A", "2018-w02", 2), Fact(3, "B", "2018-w03", 6)],
    ),
    "series": Sample(_rain(), [Fact(2, "A", "2018-01", 62, "rain"), Fact(33, "A", "2018-02", 84, "rain")]),
    "dhis2": Sample(
        table("time_period,location,disease_cases", "2018W1,OrgA,3", "2018W2,OrgA,4", "2018W1,OrgB,5"),
        [Fact(2, "OrgA", "2018-w01", 3), Fact(4, "OrgB", "2018-w01", 5)],
        ISO,
    ),
    "tabnet": Sample(
        "Casos\nPeríodo: 2018\nMunicípio;Semana 01;Semana 02;Semana 03;Total\n330455 "
        "RIO;1;2;3;6\n330490 NITEROI;-;4;5;9\n",
        [Fact(4, "330455", "2018-w02", 2), Fact(5, "330490", "2018-w01", 0)],
        private=(),
    ),
    "infodengue": Sample(
        table("data_iniSE,SE,casos,municipio_geocodigo", "2018-01-14,201803,6,3304557", "2018-01-07,201802,5,3304557"),
        [Fact(2, "3304557", "2018-w03", 6), Fact(3, "3304557", "2018-w02", 5)],
    ),
    "opendengue": Sample(
        table("full_name,calendar_start_date,calendar_end_date,dengue_total,T_res", "A,2018-01-07,2018-01-13,5,Week", "A,2018-01-14,2018-01-20,6,Week"),
        [Fact(2, "A", "2018-w02", 5), Fact(3, "A", "2018-w03", 6)],
    ),
    "chapcore": Sample(
        table("time_period,location,disease_cases", "2018-W01,north,5", "2018-W02,north,6", "2018-W01,south,7"),
        [Fact(2, "north", "2018-w01", 5), Fact(4, "south", "2018-w01", 7)],
        ISO,
    ),
    "ewars": Sample(
        table("district,year,week,weekly_hospitalised_cases", "3,2018,1,8", "3,2018,2,9"),
        [Fact(2, "3", "2018-w01", 8), Fact(3, "3", "2018-w02", 9)],
    ),
    "hubverse_target": Sample(
        table("date,location,observation", "2018-01-06,11,21", "2018-01-13,11,22"),
        [Fact(2, "11", "2018-w01", 21), Fact(3, "11", "2018-w02", 22)],
    ),
}  # fmt: skip
ALSO: list[tuple[str, Sample]] = [
    ("dhis2", Sample(_analytics(), [Fact(3, "OrgA", "2018-w02", 2)], ISO, private=())),
    ("long", Sample(table("unit,year,population", "A,2017,900", "B,2017,80").replace("remark", "extra"), [Fact(3, "B", 2017, 80, "population")], settings={"table": "units"})),
    ("line_list", Sample(table("dep,prov,year,week", "A,x,2018,1", "A,x,2018,1", "A,y,2018,2", "A,x,2018,3"), [Fact(2, "A/x", "2018-w01", 2)], settings={"columns": {"unit": ("dep", "prov"), "year": "year", "week": "week"}})),
]  # fmt: skip
