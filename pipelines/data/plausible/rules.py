"""The rules, in the order in which they are asked; a cell that several doubt is the first one's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelines.data.plausible.area import neighbours_moved
from pipelines.data.plausible.climate import temperature_jumps
from pipelines.data.plausible.climate_unit import first_climate, rain
from pipelines.data.plausible.copies import copied
from pipelines.data.plausible.cumulative import cumulative
from pipelines.data.plausible.first_rows import first_rows
from pipelines.data.plausible.gone import counts_withdrawn, units_gone
from pipelines.data.plausible.high import far_above_maximum, jumped
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.meaning import filled_in, multiples
from pipelines.data.plausible.missing import fell_far, fell_to_zero
from pipelines.data.plausible.mixed import exchanged_units, shifted_units
from pipelines.data.plausible.own_series import series_jumps
from pipelines.data.plausible.population import attack_rates, population_jumps
from pipelines.data.plausible.reissued import figures_reissued
from pipelines.data.plausible.rewritten import rewritten
from pipelines.data.plausible.shifted import cases_shifted
from pipelines.data.plausible.silent import gone_silent
from pipelines.data.plausible.suspicion import Suspicion
from pipelines.data.plausible.swapped import figures_of_others
from pipelines.data.plausible.totals import yearly_totals
from pipelines.data.plausible.whole import out_of_proportion
from pipelines.plausibility_config import PlausibilityConfig

Rule = Callable[[Seen, PlausibilityConfig], Sequence[Suspicion]]

RULES: tuple[Rule, ...] = (
    first_rows,
    rewritten,
    cumulative,
    copied,
    filled_in,
    shifted_units,
    exchanged_units,
    out_of_proportion,
    multiples,
    neighbours_moved,
    fell_to_zero,
    fell_far,
    gone_silent,
    far_above_maximum,
    jumped,
    units_gone,
    counts_withdrawn,
    yearly_totals,
    attack_rates,
    rain,
    temperature_jumps,
    series_jumps,
    population_jumps,
    figures_of_others,
    figures_reissued,
    first_climate,
    cases_shifted,
)
