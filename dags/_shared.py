"""What every DAG of denguard shares: queues, Assets, parameters and the limits of its tasks.

No heavy import here: the scheduler reads this file again and again.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import Asset, Param

from dags._retries import BACKOFF, FIRST_PAUSE, LONGEST_PAUSE, RETRIES, RetryWhatMayPass
from pipelines.config import profile_names

LIGHT, HEAVY = "default", "cpu-heavy"  # queues: a heavy worker takes one task at a time

DATASET = Asset("denguard://dataset")
EMBEDDINGS = Asset("denguard://embeddings")
CHAMPION = Asset("denguard://champion")
FORECAST = Asset("denguard://forecast")

MAIN_PROFILE = os.environ.get("DENGUARD_PROFILE", "sample")


def params_for(profile: str) -> dict[str, Param]:
    """Parameters that a person may give when triggering a run."""
    described = "Which data set and settings to run with."
    return {"profile": Param(profile, enum=profile_names(), description=described), **_MORE}


_MORE = {
    "as_of": Param(
        None,
        type=["null", "string"],
        pattern=r"^\d{4}-w\d{2}$",
        description="Origin week of the bulletin, such as 2018-w48; empty = the newest "
        "complete week.",
    ),
    "horizons": Param(
        None,
        type=["null", "array"],
        items={"type": "integer", "minimum": 0, "maximum": 12},
        minItems=1,
        uniqueItems=True,
        description="Weeks ahead to forecast (0 to 12); empty = the profile's.",
    ),
    "force": Param(False, type="boolean", description="Train and evaluate even if nothing is new."),
}

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "denguard",
    "retries": RETRIES,
    "retry_policy": RetryWhatMayPass(),
    "retry_delay": FIRST_PAUSE,
    "retry_exponential_backoff": BACKOFF,  # a multiplier
    "max_retry_delay": LONGEST_PAUSE,
}
