"""How likely it is that honest counts agree by chance: bounds that rules hold a table against."""

from __future__ import annotations

import numpy as np

from pipelines.arrays import Bools, Float64s

_SPREAD = 2.0  # of the negative binomial: the smaller, the more often honest weeks are 0


def of_one_value(counts: Float64s) -> Float64s:
    """At most so likely is it that a count comes out at one given value near its own level.

    The largest probability of a Poisson count of mean m is below 1 / sqrt(2 pi m); counts of places
    scatter more than Poisson counts, so that any one value is rarer.
    """
    return np.asarray(np.minimum(1.0, 1.0 / np.sqrt(2 * np.pi * np.maximum(counts, 0.16))))


def of_zero(level: Float64s) -> Float64s:
    """Probability that a count of this mean is 0, negative binomial."""
    return np.asarray((1.0 + level / _SPREAD) ** -_SPREAD)


def of_as_many(p: Float64s, k: int) -> float:
    """Probability that k or more of independent events of these probabilities happen.

    The exact distribution of their number (Poisson binomial), by adding one event after another. 1
    where k is no more than what is expected.
    """
    if k <= p.sum():
        return 1.0
    if k > len(p):
        return 0.0
    chance = np.zeros(k + 1)  # of 0..k-1 events, and of k or more
    chance[0] = 1.0
    for one in p:
        moved = chance[:-1] * one
        chance[:-1] -= moved
        chance[1:] += moved
    return float(chance[-1])


def unlikely_runs(hit: Bools, p: Float64s, limit: float) -> Bools:
    """(N,) hits of which neighbours hit too, in so long a run that chance makes it below `limit`.

    Areas are neighbours in the order of codes; a run may hold no miss, and its chance is the
    product.
    """
    run = np.cumsum(~hit)
    chance = np.bincount(run, weights=np.where(hit, np.log(np.maximum(p, 1e-12)), 0.0))
    return np.asarray(hit & (chance[run] < np.log(limit)))
