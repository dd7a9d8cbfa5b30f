"""Every step of the weekly cycle: minutes after which it is ended, and what it does in one line."""

from __future__ import annotations

STEP_LIMITS = {
    "start": (5, "Checks and records the run's parameters."),
    "fetch_scenes": (
        120,
        "Fetches the newest scenes where the profile asks for it; stops no run.",
    ),
    "ingest": (60, "Reads the accepted drops and the new one."),
    "validate": (60, "Lists data issues, quarantines bad rows; stops on a critical one."),
    "snapshot": (60, "Writes the sample table as a dataset version that never changes."),
    "plan_embedding": (30, "Finds inputs without a vector and cuts them into shards."),
    "embed_shard": (720, "Embeds one shard; a shard with nothing new ends at once."),
    "features": (60, "Joins vectors, covariates and labels into a feature version."),
    "train": (240, "Trains every candidate; chooses lambda where a fused head is one."),
    "backtest_years": (5, "Lists the past years that the recipes are tested on."),
    "backtest": (240, "Forecasts one past year as it would have been forecast then."),
    "evaluate": (60, "Scores heads and baselines per horizon, municipality and onset."),
    "gate": (60, "Decides: promote a candidate or keep the champion; writes why."),
    "register": (30, "Registers the bundle if the gate promoted it."),
    "deploy": (15, "Lets the endpoint load the new champion, or puts the old one back."),
    "forecast": (60, "Writes the champion's forecast: a row a municipality and horizon."),
    "report": (30, "Writes the run's page: decision, figures, forecast, lineage."),
}
