"""How often a window of newest weeks lets a recipe through, by its length and its blocks: the table
in docs/gate.md.

Run: PYTHONPATH=.:tests python benchmarks/gate_power.py [--pools 400]
The pools are those of tests/evaluate/test_gate_newest_properties.py: 40 units, weeks that vary at
least as the real table's. Prints one line a window; the same pools give the same figures. Writes
nothing.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import pandas as pd
from evaluate.pool_world import FIRST, PLANTED, Array, Pool, near

from pipelines.config import GateConfig, load_profile
from pipelines.evaluate.bootstrap import mean_interval
from pipelines.weeks import CDC

WINDOWS = ((13, 4), (26, 13), (39, 13), (52, 13))
RULES = (
    "honest refit, by the bound",
    "worse by 0.01, by the bound",
    "better by 0.01, by the bound",
    "worse by 0.01, by the mean",
    "better by 0.01, by the mean",
)
NEWEST = 9  # the window ends in any of so many weeks, as a challenger comes in any of a quarter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pools", type=int, default=400)
    pools = parser.parse_args().pools
    rule = load_profile("sample").gate
    differences = [_differences(seed) for seed in range(pools)]
    spread = np.std([own[1] for own in differences], axis=1).mean()
    lines = [
        f"{pools} pools; a week's difference between two recipes has a standard deviation of "
        f"{spread:.4f}",
        "",
    ]
    lines += [f"| window, blocks | {' | '.join(RULES)} |", "|---" * (1 + len(RULES)) + "|"]
    for weeks, block in WINDOWS:
        gate = rule.model_copy(update={"block_weeks": block})
        shares = np.mean(
            [_through(own, weeks, seed, gate) for seed, own in enumerate(differences)], axis=0
        )
        lines += [f"| {weeks} weeks, {block} | {' | '.join(f'{share:.3f}' for share in shares)} |"]
    sys.stdout.write("\n".join(lines) + "\n")


def _differences(seed: int) -> Array:
    """(3, W) weekly Brier difference to what was published: an honest refit, a worse recipe, a
    better one.
    """
    rng = np.random.default_rng(seed)
    pool = Pool(rng)
    right, wrong = pool.recipe(0.0), pool.recipe(PLANTED)
    pairs = ((near(right, rng), right), (wrong, right), (right, wrong))
    return np.stack(
        [
            (((new - pool.label) ** 2) - ((then - pool.label) ** 2)).mean(axis=1)
            for new, then in pairs
        ]
    )


def _through(differences: Array, weeks: int, seed: int, gate: GateConfig) -> list[bool]:
    """Whether the upper bound over the newest weeks stays below the margin, then the mean; see
    RULES.
    """
    end = differences.shape[1] - seed % NEWEST
    rows = pd.DataFrame({"target_week_no": FIRST + np.arange(end - weeks, end)})
    own = differences[:, end - weeks : end]
    bounds = [found[1] for one in own if (found := mean_interval(rows, one, gate, CDC))]
    return [value < gate.margin_brier for value in (*bounds, *own[1:].mean(axis=1))]


if __name__ == "__main__":
    main()
