"""Attacks on values: text in numbers, Excel's marks, NaN and infinity, unit confusions."""

from __future__ import annotations

from support.attacks.siege import Attack
from support.attacks.spoil import Grid, cell, columns, grid

from pipelines.contracts import Level

BAD, ERROR, WARN = Level.CRITICAL, Level.ERROR, Level.WARNING
WEEK, TEMP, RAIN, POP = "2018/w10", "TEMPERATURE_mar_18", "PRECIPITATION_mar_18", "Population2018"
PLAIN = "write a plain number"


def swapped(rows: Grid) -> None:
    rows[0][:] = [
        name.replace("TEMPERATURE", "#")
        .replace("PRECIPITATION", "TEMPERATURE")
        .replace("#", "PRECIPITATION")
        for name in rows[0]
    ]


def no_number(name: str, text: str) -> Attack:
    return Attack(
        name,
        cell(WEEK, text),
        ERROR,
        "text-in-number",
        ("not a number", "row 4", f"'{WEEK}'", PLAIN),
    )


CELLS = [
    no_number("Excel's #N/A", "#N/A"),
    no_number("Excel's #REF!", "#REF!"),
    no_number("a formula", "=1+1"),
    no_number("a formula that would call a program", "=cmd|' /C calc'!A0"),
    no_number("a decimal comma", "12,5"),
    no_number("a thousands comma", "1,234"),
    no_number("a thousands space", "1 234"),
    no_number("two thousands points and a comma", "1.234.567,8"),
    no_number("a date", "10-Mar"),
    no_number("NaN in letters", "NaN"),
    no_number("infinity in letters", "inf"),
    no_number("a number in hexadecimal", "0x10"),
    no_number("Arabic-Indic digits", "٣٤"),
    no_number("a superscript", "5²"),
    no_number("a minus sign of Unicode", "\u22125"),
    no_number("a number with its unit", "5 cases"),
    no_number("a range", "5-9"),
    no_number("fewer than five", "<5"),
    no_number("an underscore, which Python would read", "1_000"),
    no_number("an exponent of 5,000 digits", "1e" + "9" * 5000),
    no_number("a script", "<script>alert(1)</script>"),
    Attack("a thousands point in a count", cell(WEEK, "1.234"), ERROR, "thousands-separator", ("thousands separator", "such as 1234")),
    Attack("a thousands point that hides as a whole number", cell(WEEK, "1.000"), ERROR, "thousands-separator", ("thousands separator",)),
    Attack("a thousands point in a population", cell(POP, "50.000"), ERROR, "thousands-separator", (f"'{POP}'", "such as 1234")),
    Attack("fractional cases: a rate in place of a count", cell(WEEK, "2.5"), ERROR, "fractional-cases", ("deliver counts, not rates",)),
    Attack("negative cases", cell(WEEK, "-3"), ERROR, "negative-cases", ("a count below 0",)),
    Attack("cases beyond any number", cell(WEEK, "1e309"), ERROR, "absurd-cases", ("more than 20,000 cases",)),
    Attack("a yearly total in a week", cell(WEEK, "250000"), ERROR, "absurd-cases", ("data.max_weekly_cases",)),
    Attack("cases in place of population", cell(POP, "7"), ERROR, "tiny-population", ("not thousands and not cases",)),
    Attack("a negative population", cell(POP, "-50000"), ERROR, "absurd-population", ("0..60,000,000 persons",)),
    Attack("a population of the whole region", cell(POP, "650000000"), ERROR, "absurd-population", ("0..60,000,000",)),
    Attack("a share above 100 %", cell("Men(%)", "140"), ERROR, "absurd-demographic", ("0..100",)),
    Attack("a temperature in Fahrenheit", cell(TEMP, "77"), ERROR, "absurd-temperature", (f"'{TEMP}'", "-30..50 degree Celsius")),
    Attack("a temperature in Kelvin", cell(TEMP, "298.15"), ERROR, "absurd-temperature", ("deliver degree Celsius",)),
    Attack("rain below zero, a mark for missing", cell(RAIN, "-9999"), ERROR, "absurd-rainfall", ("0..5000 mm",)),
    Attack("rain in tenths of a millimetre", cell(RAIN, "18900"), ERROR, "absurd-rainfall", ("deliver mm a month",)),
    Attack("all temperatures in Fahrenheit", columns("TEMPERATURE", lambda v: v * 9 / 5 + 32), BAD, "too-many-bad-rows", ("10 of 10 rows", "check the export")),
    Attack("all temperatures in Kelvin", columns("TEMPERATURE", lambda v: v + 273.15), ERROR, "absurd-temperature", ("110 times", "degree Celsius")),
    Attack("all rain in metres", columns("PRECIPITATION", lambda v: v / 1000), ERROR, "rainfall-unit", ("under 1 mm a month", "deliver mm")),
    Attack("temperature and rain swapped", grid(swapped), BAD, "too-many-bad-rows", ("10 of 10 rows",)),
    Attack("thousands points in a whole column", grid(lambda r: [row.__setitem__(r[0].index(WEEK), "1.250") for row in r[1:]]), BAD, "too-many-bad-rows", ("10 of 10 rows",)),
    Attack("a name of 5,000 letters", cell("Municipality", "x" * 5000), None, ""),
    Attack("a name that turns the text around", cell("Municipality", "Town\u202e3"), None, ""),
    Attack("a name with an escape sequence", cell("Municipality", "Town\x1b[2J"), None, ""),
    Attack("a name in emoji", cell("Municipality", "🦟🦟"), None, ""),
]  # fmt: skip
