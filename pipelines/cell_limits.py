"""What single values can be, beyond which a drop's cell and a row sent to the endpoint are refused.

The suite of drops (data/expectations.py) and the endpoint share them; the endpoint cannot import
the suite. They are the defaults of what a place declares itself (data.limits,
data.max_weekly_cases).
"""

from __future__ import annotations

# Monthly means and sums. The real table holds 2.4..31.6 degrees and up to 2,591 mm.
TEMP_C, RAIN_MM, HIGH_RAIN_MM = (-30.0, 50.0), (0.0, 5000.0), 1000.0
PERCENT, PER_KM2 = (0.0, 100.0), (0.0, 1_000_000.0)
MOST_WEEKLY_CASES = 20_000
# Of 159,040 runs of three months in the real table 5 have less than this in each; in metres nearly
# all.
USUAL_RAIN_MM = 1.0
