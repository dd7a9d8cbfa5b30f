"""The cone effect as an experiment: variance over random initialisations against variance over
data.

An untrained network sends all inputs into a narrow cone, each initialisation into another one. By
the law of total variance Var(h) = Var_theta(E_x[h]) + E_theta(Var_x[h]), theta an initialisation
and x an input; the argument is that the first part is by far the larger, and that the second, the
variance over data, is smaller for medical data than for general ones. Here both are measured.

For vectors of length 1 the variance over data and the cone are one thing: the sum of the variances
of all components (ddof 1) equals 1 - the mean cosine between two inputs.

Sources: Liang et al. 2022, arXiv 2203.02053 (cone effect); Restrepo et al. 2024, arXiv 2406.02601.

Shape letters: K initialisations, N inputs, D vector width, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from pipelines.arrays import Float32s, Float64s
from pipelines.config import DeploymentPaths, EncoderConfig
from pipelines.embed.base import untrained
from pipelines.errors import TrainingError
from pipelines.fusion.alignment import unit_normalise

Encode = Callable[[Sequence[Any]], Float32s]

RESAMPLES, CONFIDENCE, _SEED = 1000, 0.95, 0


@dataclass(frozen=True)
class VarianceParts:
    """Variance of K x N vectors, summed over components, and where it comes from.

    Attributes:
        total: around the mean of all, ddof 0; total = between + within exactly.
        between: Var_theta(E_x[h]), ddof 0: of the K mean vectors.
        within: E_theta(Var_x[h]), ddof 0: mean over initialisations of the variance over data.
        data_variance: `within` with ddof 1: free of N.
        initialisation_variance: what `between` estimates, free of K and N (two-way random-effects
            analysis of variance: ddof 1 over K, less the interaction's share); may fall below 0 by
            chance.
    """

    total: float
    between: float
    within: float
    data_variance: float
    initialisation_variance: float

    @property
    def data_share(self) -> float:
        """Share of the variance over data in the sum of both estimates; 0 where nothing varies."""
        whole = self.data_variance + max(self.initialisation_variance, 0.0)
        return self.data_variance / whole if whole > 0 else 0.0


def variance_parts(vectors: Float32s) -> VarianceParts:
    """The parts of (K, N, D) vectors, all K over the same N inputs. Raises TrainingError for K or N
    below 2."""
    k, n, _ = vectors.shape
    if k < 2 or n < 2:
        raise TrainingError(
            f"{k} initialisations of {n} inputs cannot part their variance",
            fix="give at least 2 of each",
        )
    between = _variance_over(vectors.mean(axis=1, dtype=np.float64))
    inputs = _variance_over(vectors.mean(axis=0, dtype=np.float64))  # common to all initialisations
    within = float(np.mean([_variance_over(one) for one in vectors]))
    total = _variance_over(vectors.reshape(k * n, -1))
    interaction = k * n * (total - between - inputs) / ((k - 1) * (n - 1))
    initialisation = between * k / (k - 1) - interaction / n
    return VarianceParts(total, between, within, within * n / (n - 1), initialisation)


def _variance_over(vectors: Float32s | Float64s) -> float:
    """Variance of (N, D) vectors summed over components, ddof 0."""
    return float(vectors.var(axis=0, dtype=np.float64).sum())


def mean_cosine(unit: Float32s) -> float:
    """Mean cosine between two different ones of (N, D) vectors of length 1: 1 = the cone
    is a ray."""
    n, whole = len(unit), unit.sum(axis=0, dtype=np.float64)
    return float((whole @ whole - np.square(unit, dtype=np.float64).sum()) / (n * (n - 1)))


def data_variance_ratio(first: Float32s, second: Float32s) -> dict[str, Any]:
    """Ratio of the variances over data of two groups of inputs, (K, N, D) each, with its interval.

    Percentile bootstrap that resamples the inputs of each group, the same for all initialisations;
    inputs are taken as independent, so rows of one patient or one picture make it too narrow.
    `ratio` and its bounds are None where the second group, or a resample of it, does not vary.
    """
    rng = np.random.default_rng(_SEED)
    a, b = (_resampled(group, rng) for group in (first, second))  # (1 + R,), the data first
    if b.min() <= 0:
        return {"ratio": None, "lower": None, "upper": None, "verdict": "not told apart"}
    ratio = a / b
    tail = (1 - CONFIDENCE) / 2
    lower, upper = np.quantile(ratio[1:], [tail, 1 - tail])
    verdict = "lower" if upper < 1 else "higher" if lower > 1 else "not told apart"
    return {
        "ratio": float(ratio[0]),
        "lower": float(lower),
        "upper": float(upper),
        "verdict": verdict,
    }


def _resampled(vectors: Float32s, rng: np.random.Generator) -> Float64s:
    """(1 + R,) variance over data, averaged over K: of the N inputs, then of R resamples
    of them."""
    n = vectors.shape[1]
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    weight = np.vstack([np.ones((1, n)), drawn]) / n  # (1 + R, N)
    per_seed = [_weighted_variance(one, weight) for one in vectors]
    unbiased = np.where(np.arange(len(weight)) == 0, n / (n - 1), (n / (n - 1)) ** 2)
    return np.asarray(np.mean(per_seed, axis=0) * unbiased)


def _weighted_variance(vectors: Float32s, weight: Float64s) -> Float64s:
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)  # (N, D): no digits lost below
    mean = weight @ centred
    return np.asarray(weight @ np.square(centred).sum(axis=1) - np.square(mean).sum(axis=1))


# --- The experiment -----------------------------------------------------------------------------
def cone_record(
    encode_by_seed: Callable[[int], Encode],
    groups: Mapping[str, Sequence[Any]],
    seeds: Sequence[int],
    trained: Encode | None = None,
) -> dict[str, Any]:
    """Variance over initialisations and over data of each group of inputs, JSON-able.

    Args:
        encode_by_seed: the encoder with a seed's random weights; one is held at a time.
        groups: inputs by name; the first group is compared with each other one.
        seeds: at least two.
        trained: the encoder with its trained weights, for the variance over data beside it.

    Raises:
        TrainingError: fewer than two seeds, or a group of fewer than two inputs.
    """
    if len(set(seeds)) < 2 or min(map(len, groups.values()), default=0) < 2:
        raise TrainingError(
            "the cone effect needs at least 2 seeds and 2 inputs in every group",
            where=(
                f"seeds {list(seeds)}, inputs "
                f"{ ({name: len(inputs) for name, inputs in groups.items()}) }"
            ),
            fix="give more of them",
        )
    drawn = [_encode(encode_by_seed(seed), groups) for seed in seeds]
    untrained_vectors = {name: np.stack([one[name] for one in drawn]) for name in groups}
    trained_vectors = {n: v[None] for n, v in _encode(trained, groups).items()} if trained else {}
    return {
        "seeds": list(seeds),
        "confidence": CONFIDENCE,
        "resamples": RESAMPLES,
        "groups": {
            name: {
                "n_inputs": len(inputs),
                "untrained": _untrained_record(untrained_vectors[name]),
                "trained": _trained_record(trained_vectors[name][0]) if trained else None,
            }
            for name, inputs in groups.items()
        },
        "ratios": [
            *_ratios("untrained", untrained_vectors),
            *_ratios("trained", trained_vectors),
        ],
    }


def _encode(encode: Encode, groups: Mapping[str, Sequence[Any]]) -> dict[str, Float32s]:
    """(N, D) vectors of length 1 of every group."""
    out = {}
    for name, inputs in groups.items():
        raw = torch.from_numpy(np.asarray(encode(inputs), dtype=np.float32))
        out[name] = unit_normalise(raw, torch.ones(len(raw), dtype=torch.bool)).numpy()
    return out


def _untrained_record(vectors: Float32s) -> dict[str, Any]:
    parts = variance_parts(vectors)
    cosines = [mean_cosine(one) for one in vectors]
    return {
        **asdict(parts),
        "data_share": parts.data_share,
        "mean_cosine": float(np.mean(cosines)),
        "mean_cosine_by_seed": cosines,
    }


def _trained_record(unit: Float32s) -> dict[str, float]:
    n = len(unit)
    return {"data_variance": _variance_over(unit) * n / (n - 1), "mean_cosine": mean_cosine(unit)}


def _ratios(encoder: str, vectors: Mapping[str, Float32s]) -> Iterator[dict[str, Any]]:
    first = next(iter(vectors), "")
    for other in islice(vectors, 1, None):
        ratio = data_variance_ratio(vectors[first], vectors[other])
        yield {"encoder": encoder, "of": first, "to": other, **ratio}


def untrained_encoders(config: EncoderConfig, paths: DeploymentPaths) -> Callable[[int], Encode]:
    """Encoders of a profile by seed. Raises EncoderError where there is no random
    initialisation."""
    return lambda seed: untrained(config, paths, seed).encode
