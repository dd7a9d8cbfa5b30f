"""What is still to be expected of weeks whose reports are coming in, with an interval.

A week's final count is what has been reported and what is still missing. Given the mean of the
week, both are Poisson, split by the share that is known at that age (Lawless 1994, Canadian Journal
of Statistics 22:15-31, doi 10.2307/3315820; Hoehle and an der Heiden 2014, Biometrics 70:993-1002,
doi 10.1111/biom.12194). The mean has a gamma distribution around the unit's level of the weeks
before, times the growth that the units around it show, so that the missing part is negative
binomial, and a compromise between `reported / share - reported` and `level * (1 - share)`: the
chain-ladder and the Bornhuetter-Ferguson estimates of claims reserving.
Shares are pooled over units; a unit's own count as far as units differ by more than chance (the
credibility weight of Buehlmann and Straub 1970). How widely past shares spread beyond chance widens
the interval. Nothing is expected to be taken back: a count that falls later was nowcast too high.
Shape letters: U units, O origins, N ages (0 = the newest week), T weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.arrays import Float64s, Int64s

COVERAGE = 0.8
PAST_WEEKS = 104  # newest past weeks that shares and levels are learned from
_LEAST_SHARE = 0.02
_LEAST_LEVEL = 0.1  # cases a week that a unit without any still has to be thought capable of
_GROWTH_CASES, _MOST_GROWTH = 20.0, 3.0
_WIDEST = 4.0  # squared coefficient of variation of what is missing


@dataclass(frozen=True)
class Triangle:
    """Past weeks by how long after them a count was known.

    Attributes:
        known: (N, U, T) at age 0, 1, ...; NaN where no drop looked.
        final: (U, T) at age N.
        level: (U, T) mean of whole weeks before, as known when the week was the newest.
        known_from: (T,) first origin that knows `final`, ascending.
        group: (U,) number of what each unit lies in; units of one group grow alike.
    """

    known: Float64s
    final: Float64s
    level: Float64s
    known_from: Int64s
    group: Int64s

    def weeks_seen(self, origins: Int64s) -> Int64s:
        """(O,) weeks of the past of which every age was seen, as the origin knows."""
        looked = np.isfinite(self.known).any(axis=1).all(axis=0)
        seen: Float64s = np.asarray(looked & np.isfinite(self.final).any(axis=0), dtype=np.float64)
        return self._sum(seen, origins).astype(np.int64)

    def shares(self, age: int, origins: Int64s) -> tuple[Float64s, Float64s]:
        """(U, O) share of the final count that is known at an age, and (O,) its spread.

        The spread is the intra-class correlation of a beta-binomial count: 0 if every share of the
        past differs from the unit's own by chance only. NaN where nothing was seen.
        """
        known, final = self.known[age], self.final
        seen = np.isfinite(known) & np.isfinite(final) & (final > 0)
        n, k = np.where(seen, final, 0.0), np.where(seen, known, 0.0)
        total, had = self._sum(n, origins), self._sum(k, origins)
        with np.errstate(divide="ignore", invalid="ignore"):
            pooled = np.clip(had.sum(axis=0) / total.sum(axis=0), _LEAST_SHARE, 1.0)
            chance = pooled * (1 - pooled)
            # Pearson's residuals, so that no epidemic outweighs all other weeks
            squares = self._sum(np.where(seen, k**2 / np.maximum(n, 1.0), 0.0), origins)
            about_own = (squares - had**2 / np.maximum(total, 1.0)).sum(axis=0)
            cells = self._sum(seen.astype(np.float64), origins).sum(axis=0)
            free = np.maximum(cells - (total > 0).sum(axis=0), 1.0)
            surplus = total.sum(axis=0) - cells
            spread = (about_own - chance * free) / (chance * np.maximum(surplus, 1.0))
            within = np.maximum(about_own / free, chance)
            between = _between(total, had, pooled, within)
            weight = np.where(between > 0, within / between, np.inf)
            own = (had + weight * pooled) / (total + weight)
        share = np.where(np.isfinite(weight), own, pooled)
        bounded = np.where(chance > 0, np.clip(spread, 0.0, 0.5), 0.0)
        return np.clip(share, _LEAST_SHARE, 1.0), np.where(cells > 0, bounded, np.nan)

    def steadiness(self, origins: Int64s) -> Float64s:
        """(O,) shape of the gamma distribution of a week's mean around the unit's level."""
        seen = np.isfinite(self.level) & np.isfinite(self.final)
        level = np.where(
            seen, self.level * growth(self.final, self.level, self.group) + _LEAST_LEVEL, 1.0
        )
        excess = np.where(seen, ((self.final - level) ** 2 - level) / level, 0.0)
        levels = self._sum(np.where(seen, level, 0.0), origins).sum(axis=0)
        beyond = np.maximum(self._sum(excess, origins).sum(axis=0), 1e-9)
        shape: Float64s = np.clip(levels / beyond, 0.2, 50.0)
        return shape

    def _sum(self, values: Float64s, origins: Int64s) -> Float64s:
        """(..., O) sums over the newest PAST_WEEKS weeks whose final count the origin knows."""
        ahead = np.zeros((*values.shape[:-1], 1))
        total = np.concatenate([ahead, np.cumsum(values, axis=-1)], axis=-1)
        until = np.searchsorted(self.known_from, origins, side="right")
        result: Float64s = total[..., until] - total[..., np.maximum(until - PAST_WEEKS, 0)]
        return result


def growth(reported: Float64s, expected: Float64s, group: Int64s) -> Float64s:
    """(U, ...) how much more than expected the other units of a unit's group have.

    Where these are few it is drawn towards all other units' growth, and that towards 1.

    Args:
        group: (U,) number of what each unit lies in.
    """
    both = np.isfinite(reported) & np.isfinite(expected)
    had, awaited = np.where(both, reported, 0.0), np.where(both, expected, 0.0)
    every = _ratio(had.sum(axis=0) - had, awaited.sum(axis=0) - awaited, np.ones(1))
    near = [_of_group(values, group) - values for values in (had, awaited)]
    return np.clip(_ratio(near[0], near[1], every), 1 / _MOST_GROWTH, _MOST_GROWTH)


def _of_group(values: Float64s, group: Int64s) -> Float64s:
    """(U, ...) sum over the units of each unit's group."""
    total = np.zeros((int(group.max(initial=0)) + 1, *values.shape[1:]))
    np.add.at(total, group, values)
    return total[group]


def _ratio(had: Float64s, awaited: Float64s, otherwise: Float64s) -> Float64s:
    return (had + _GROWTH_CASES * otherwise) / (awaited + _GROWTH_CASES)


def _between(total: Float64s, had: Float64s, pooled: Float64s, within: Float64s) -> Float64s:
    """(O,) variance of the units' own shares beyond chance."""
    size = total.sum(axis=0)
    apart = np.where(total > 0, (had - total * pooled) ** 2 / np.maximum(total, 1.0), 0.0)
    units = (total > 0).sum(axis=0)
    found = (apart.sum(axis=0) - (units - 1) * within) / (size - (total**2).sum(axis=0) / size)
    return np.where(np.isfinite(found), np.maximum(found, 0.0), 0.0)


@dataclass(frozen=True)
class Missing:
    """What is still missing of counts, as negative binomial numbers; arrays of one shape.

    Attributes:
        mean: NaN where nothing has been reported.
        size: the smaller, the wider.
    """

    mean: Float64s
    size: Float64s

    def interval(self, coverage: float = COVERAGE) -> tuple[Float64s, Float64s]:
        """Ends of the interval of whole numbers whose probability comes nearest to `coverage`.

        Counts are whole: of a week of which almost surely nothing is missing the interval is one
        number, and holds the truth more often.
        """
        from scipy.stats import nbinom  # a second of CPU time, and most tables have no nowcast

        size = np.where(np.isfinite(self.mean), self.size, 1.0)
        share = size / (size + np.where(np.isfinite(self.mean), self.mean, 0.0))
        low, high = (nbinom.ppf(q, size, share) for q in ((1 - coverage) / 2, (1 + coverage) / 2))
        best, off = (low, high), np.full(low.shape, np.inf)
        for less in (1, 0, -1):
            for more in (-1, 0, 1):
                a = np.maximum(low + less, 0.0)
                b = np.maximum(high + more, a)
                miss = np.abs(
                    nbinom.cdf(b, size, share) - nbinom.cdf(a - 1, size, share) - coverage
                )
                nearer = miss < off - 1e-9
                best = np.where(nearer, a, best[0]), np.where(nearer, b, best[1])
                off = np.where(nearer, miss, off)
        unknown = ~np.isfinite(self.mean)
        return np.where(unknown, np.nan, best[0]), np.where(unknown, np.nan, best[1])


def still_missing(
    reported: Float64s,
    share: Float64s,
    level: Float64s,
    steadiness: Float64s,
    spread: Float64s,
    group: Int64s,
) -> Missing:
    """What is missing of counts of which a share is known.

    Args:
        level: mean of whole weeks before; NaN = none is known, the reports speak alone.
        steadiness, spread, group: as Triangle says.
    """
    alone = ~np.isfinite(level)
    grown = level * growth(reported, share * level, group)
    mean_before = np.where(alone, reported / share, grown) + _LEAST_LEVEL
    size = np.where(alone, 0.0, steadiness) + np.maximum(reported, 0.0)
    size = np.where(alone, size + _LEAST_LEVEL, size)
    mean = size * (1 - share) / (np.where(alone, 0.0, steadiness / mean_before) + share)
    odds = np.maximum(share * (1 - share), 1e-9)
    wider = np.minimum(np.where(share < 1, spread / odds, 0.0), _WIDEST)
    return Missing(mean, 1 / (1 / size + wider))
