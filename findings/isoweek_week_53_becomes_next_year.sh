#!/usr/bin/env bash
# isoweek reads a week 53 that its year has not as week 1 of the next year, and says nothing. Tables of
# the field hold such columns (a "Semana 53" for every year): their counts would be added to January's.
# DHIS2's own labels, which pad no week, it refuses with a message that names another method.
#
# Seen with isoweek 1.3.3 and, for comparison, epiweeks 2.4.0, November 2026:
#   isoweek   2021W53 -> 2022W01    2024W5 -> ValueError "Week.tostring argument must be ..."
#   epiweeks  2021W53 -> ValueError "Week must be in 1..52 for year"    2024W5 -> 2024W05
# So: ask whether the year has the week before a label is read. Exits 1 if that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check isoweek==1.3.3 epiweeks==2.4.0
"$work/venv/bin/python" - <<'PY'
import sys

import epiweeks
import isoweek

READERS = {
    "isoweek": lambda label: isoweek.Week.fromstring(label).isoformat(),
    "epiweeks": lambda label: epiweeks.Week.fromstring(label, system="iso").isoformat(),
}
SEEN = {
    ("isoweek", "2020W53"): "2020W53",
    ("isoweek", "2021W53"): "2022W01",
    ("isoweek", "2024W5"): "ValueError",
    ("epiweeks", "2020W53"): "2020W53",
    ("epiweeks", "2021W53"): "ValueError",
    ("epiweeks", "2024W5"): "2024W05",
}
changed = False
for (library, label), seen in SEEN.items():
    try:
        got = READERS[library](label)
    except ValueError as error:
        got = type(error).__name__
        print(f"{library}: {label} -> {error}")
    else:
        print(f"{library}: {label} -> {got}")
    changed |= got != seen
sys.exit("a label is read otherwise now" if changed else 0)
PY
