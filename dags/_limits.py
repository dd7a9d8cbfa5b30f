"""Every step of the weekly cycle: minutes after which it is ended, and what it does in one line."""

from __future__ import annotations

STEP_LIMITS = {
    "start": (5, "Checks and records the run's parameters."),
    "ingest": (60, "Reads the accepted drops and the new one."),
    "validate": (60, "Lists data issues, quarantines bad rows; stops on a critical one."),
    "snapshot": (60, "Writes the sample table as an immutable dataset version."),
    "plan_embedding": (30, "Finds inputs without a vector and cuts them into shards."),
    "embed_shard": (720, "Embeds one shard; a shard with nothing new ends at once."),
    "features": (60, "Joins vectors, covariates and labels into a feature version."),
    "train": (240, "Chooses lambda on validation and refits every head."),
    "backtest_years": (5, "Which past years the recipes are judged on."),
    "backtest": (240, "Replays one past year as if it were the future."),
    "evaluate": (60, "Scores heads and baselines per horizon, municipality and onset."),
    "gate": (60, "Decides: promote or keep, with the reason in writing."),
    "register": (30, "Registers the bundle if the gate promoted it."),
    "deploy": (15, "The endpoint takes the champion, or the previous one returns."),
    "forecast": (60, "One row per municipality and horizon, by the champion."),
    "report": (30, "The run's page: decision, figures, forecast, lineage."),
}
