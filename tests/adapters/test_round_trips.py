"""A table of counts, written in each layout and read back, gives the same cells."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import hypothesis.strategies as st
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from support.adapter_kit import read, refusals, weekly

from pipelines.weeks import CDC, ISO, Calendar

Counts = dict[tuple[str, int], int | None]  # (unit, ordinal) -> cases
QUICK = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
UNITS = (
    st.text("ABCdéñ0123456789 -_.", min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda t: t not in ("", "NA") and not t.lower().startswith("total"))
)
CALENDARS = st.sampled_from([CDC, ISO, Calendar("wednesday"), Calendar("saturday")])


@st.composite
def counts(draw: st.DrawFn, missing: bool = True) -> Counts:
    units = draw(st.lists(UNITS, min_size=1, max_size=3, unique=True))
    first = draw(st.integers(800, 1200))
    value = st.one_of(st.none(), st.integers(0, 9999)) if missing else st.integers(0, 9)
    # every unit has a first number: a table of missing values alone has nothing to read back
    return {
        (u, first + w): draw(st.integers(1, 9)) if w == 0 else draw(value)
        for u in units
        for w in range(draw(st.integers(1, 60)))
    }


def labelled(table: Counts, calendar: Calendar) -> dict[tuple[str, str], float | None]:
    return {
        (u, calendar.week_label(w)): None if n is None else float(n) for (u, w), n in table.items()
    }


def csv(frame: pd.DataFrame, **how) -> str:
    return frame.to_csv(index=False, **how)


def long_frame(table: Counts, calendar: Calendar) -> pd.DataFrame:
    rows = [(u, calendar.epi_year(w), calendar.week_of_year(w), n) for (u, w), n in table.items()]
    return pd.DataFrame(rows, columns=["unit", "year", "week", "cases"]).astype({"cases": "Int64"})


def period_frame(table: Counts, text, cases: str, week: str, unit: str) -> pd.DataFrame:
    rows = [(text(w), n, u) for (u, w), n in table.items()]
    return pd.DataFrame(rows, columns=[week, cases, unit]).astype({cases: "Int64"})


def same(folder: Path, table: Counts, calendar: Calendar, content: str | bytes, **how) -> None:
    reading = read(folder, content, calendar=calendar, **how)
    assert refusals(reading) == [] and weekly(reading, calendar) == labelled(table, calendar)


@QUICK
@given(
    counts(),
    CALENDARS,
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["", "NA", "\\N"]),
    st.booleans(),
)
def test_long_csv(tmp_path, table, calendar, separator, missing, bom):
    content = csv(long_frame(table, calendar), sep=separator, na_rep=missing)
    same(tmp_path, table, calendar, ("\ufeff" if bom else "") + content)


@QUICK
@given(counts(), CALENDARS)
def test_long_parquet_and_workbook(tmp_path, table, calendar):
    frame, buffer, book = long_frame(table, calendar), io.BytesIO(), io.BytesIO()
    frame.to_parquet(buffer, index=False)
    same(tmp_path, table, calendar, buffer.getvalue())
    frame.to_excel(book, index=False, engine="openpyxl")
    same(tmp_path, table, calendar, book.getvalue())


@QUICK
@given(counts(), CALENDARS, st.sampled_from(["start", "end", "date"]))
def test_weeks_by_days(tmp_path, table, calendar, name):
    day = calendar.week_end if name == "end" else calendar.week_start
    frame = period_frame(table, lambda w: day(w).isoformat(), "cases", name, "unit")
    same(tmp_path, table, calendar, csv(frame))
    slashed = period_frame(table, lambda w: day(w).strftime("%d/%m/%Y"), "cases", name, "unit")
    same(tmp_path, table, calendar, csv(slashed), dates="dmy")


@QUICK
@given(counts())
def test_chapcore_and_dhis2(tmp_path, table):
    named = period_frame(
        table,
        lambda w: ISO.week_label(w).replace("w", "W"),
        "disease_cases",
        "time_period",
        "location",
    )
    same(tmp_path, table, ISO, csv(named), adapter="chapcore")
    by_days = named.assign(time_period=[f"{ISO.week_start(w)}/{ISO.week_end(w)}" for _, w in table])
    same(tmp_path, table, ISO, csv(by_days), adapter="chapcore")
    pulled = named.assign(
        time_period=[f"{ISO.epi_year(w)}W{ISO.week_of_year(w)}" for _, w in table]
    )
    same(tmp_path, table, ISO, pulled.to_csv(), adapter="dhis2")
    rows = [
        ["dx1", u, f"{ISO.epi_year(w)}W{ISO.week_of_year(w)}", None if n is None else f"{n}.0"]
        for (u, w), n in table.items()
    ]
    headers = [{"name": name} for name in ("dx", "ou", "pe", "value")]
    same(tmp_path, table, ISO, json.dumps({"headers": headers, "rows": rows}), adapter="dhis2")


@QUICK
@given(counts())
def test_opendengue_hub_and_ewars(tmp_path, table):
    frame = period_frame(
        table,
        lambda w: CDC.week_start(w).isoformat(),
        "dengue_total",
        "calendar_start_date",
        "full_name",
    )
    frame = frame.assign(
        calendar_end_date=[CDC.week_end(w) for _, w in table], T_res="Week", S_res="Admin2"
    )
    same(tmp_path, table, CDC, csv(frame, na_rep="NA"), adapter="opendengue")
    hub = period_frame(
        table, lambda w: CDC.week_end(w).isoformat(), "observation", "date", "location"
    )
    same(tmp_path, table, CDC, csv(hub), adapter="hubverse_target")
    names = {"unit": "district", "cases": "weekly_hospitalised_cases"}
    same(tmp_path, table, CDC, csv(long_frame(table, CDC).rename(columns=names)), adapter="ewars")


@QUICK
@given(counts(), CALENDARS)
def test_wide(tmp_path, table, calendar):
    frame = long_frame(table, calendar)
    frame["column"] = frame["year"].astype(str) + "/w" + frame["week"].astype(str).str.zfill(2)
    wide = frame.pivot(index="unit", columns="column", values="cases").reset_index()
    weeks = {w for _, w in table}
    whole: Counts = {(u, w): table.get((u, w)) for u in {u for u, _ in table} for w in weeks}
    same(tmp_path, whole, calendar, csv(wide), adapter="wide")


@QUICK
@given(counts(missing=False), CALENDARS, st.randoms(use_true_random=False))
def test_a_line_list_in_any_order(tmp_path, table, calendar, shuffle):
    """A record a case; every unit has one in the first week, so that the span is the table's."""
    weeks = {w for _, w in table}
    whole = {(u, w): table.get((u, w), 0) for u in {u for u, _ in table} for w in weeks}
    people = [
        (u, calendar.week_start(w) + timedelta(days=i % 7))
        for (u, w), n in whole.items()
        for i in range(n or 0)
    ]
    people.append(
        (people[0][0], calendar.week_end(max(weeks)))
    )  # the file goes to its last week's end
    whole[people[0][0], max(weeks)] = (whole[people[0][0], max(weeks)] or 0) + 1
    shuffle.shuffle(people)
    content = csv(pd.DataFrame(people, columns=["unit", "onset"]))
    columns = {"unit": "unit", "onset": "onset"}
    same(tmp_path, whole, calendar, content, adapter="line_list", columns=columns)


@QUICK
@given(st.integers(2010, 2024), st.lists(st.integers(0, 999), min_size=2, max_size=20))
def test_tabnet(tmp_path, year, values):
    header = ";".join(
        ["Município", *(f"Semana {w:02d}" for w in range(1, len(values) + 1)), "Total"]
    )
    row = ";".join(["330455 RIO", *(str(v) if v else "-" for v in values), str(sum(values))])
    content = f"Casos\nPeríodo: {year}\n{header}\n{row}\nFonte: SINAN\n"
    table = {("330455", CDC.number(year, w)): v for w, v in enumerate(values, start=1)}
    same(tmp_path, table, CDC, content, adapter="tabnet")


@pytest.mark.parametrize(
    "adapter",
    [
        "long",
        "line_list",
        "wide",
        "series",
        "dhis2",
        "tabnet",
        "opendengue",
        "infodengue",
        "chapcore",
        "ewars",
        "hubverse_target",
    ],
)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.text(",;\n\"'0159-/wWabunitweekcasesyear \x00", max_size=200).map(str.encode),
    )
)
def test_no_content_raises(tmp_path, adapter, content):
    """What is in a file is an issue or a refused record, never a traceback."""
    read(tmp_path, content, adapter=adapter)


@pytest.mark.parametrize(
    "adapter",
    [
        "long",
        "line_list",
        "wide",
        "series",
        "dhis2",
        "tabnet",
        "opendengue",
        "infodengue",
        "chapcore",
        "ewars",
        "hubverse_target",
    ],
)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_value_in_a_known_table_raises(tmp_path, adapter, data):
    header = {
        "long": "unit,year,week,cases,population",
        "line_list": "unit,onset,reported",
        "wide": "unit,2018/w01,2018/w02",
        "series": "unit,date,rainfall_mm",
        "dhis2": "time_period,location,disease_cases",
        "tabnet": "x;1;2",
        "opendengue": "full_name,calendar_start_date,calendar_end_date,dengue_total,T_res",
        "infodengue": "data_iniSE,SE,casos,municipio_geocodigo",
        "chapcore": "time_period,location,disease_cases,rainfall",
        "ewars": "district,year,week,weekly_hospitalised_cases",
        "hubverse_target": "date,location,observation",
    }[adapter]
    odd = [
        "",
        "1",
        "A",
        "2018",
        "53",
        "54",
        "1e999",
        "inf",
        "nan",
        "NA",
        "2018-01-07",
        "2018-02-30",
        "07/01/2018",
        "2018-W05",
        "2018W5",
        "201805",
        "9" * 40,
        "-1",
        "1.234",
        "1,5",
        "٣",
        "²",
        "2018-01-07/2018-01-13",
        "Week",
    ]
    separator = ";" if adapter == "tabnet" else ","
    width = header.count(separator) + 1
    rows = data.draw(
        st.lists(
            st.lists(st.sampled_from(odd), min_size=width, max_size=width), min_size=1, max_size=6
        )
    )
    lines = [separator.join(f'"{cell}"' for cell in row) for row in rows]
    read(
        tmp_path,
        "\n".join([header, *lines]),
        adapter=adapter,
        options={"year": 2018} if adapter == "tabnet" else {},
    )
