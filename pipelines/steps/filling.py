"""A report's part on weeks that are still being reported, and the delay table in it.

The table takes minutes. The weekly run makes it only if the profile says `evaluate.delay_table` and
there is none of this recipe and these test years; `denguard delay-table` makes it at any time.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.contracts import LINEAR
from pipelines.data.samples import NOWCAST_FILE
from pipelines.data.tables import Tables
from pipelines.errors import DenguardError
from pipelines.evaluate.delay_table import delay_table_id, last_delay_table, make_delay_table
from pipelines.run import Run
from pipelines.run.outputs import SnapshotOutput
from pipelines.steps.training import backtest_years
from pipelines.storage import read_json

log = logging.getLogger(__name__)


def delay_table(run: Run, force: bool = False) -> dict[str, Any]:
    """The delay table of a run's data and recipe, made if there is none.

    Raises:
        ConfigError, GateError, TrainingError: no year can be judged.
    """
    years, folder = backtest_years(run.run_id), _folder(run)
    path = folder / f"{delay_table_id(run.profile, years)}.json"
    if path.is_file() and not force:
        return read_json(path)
    dataset = run.path(run.output(SnapshotOutput).dataset)
    facts = {
        "made_on": datetime.now(run.profile.place.zone).date().isoformat(),
        "run_id": run.run_id,
        "dataset_version": dataset.name,
    }
    return make_delay_table(Tables.load(dataset / "tables"), run.profile, years, folder, facts)


def filling(run: Run) -> dict[str, Any]:
    """`maturity`, `nowcast`, `delay_table` and `delay_note` for the report.

    If a table cannot be made the note says so: that is no reason for a week without a report.
    """
    dataset = run.path(run.output(SnapshotOutput).dataset)
    about, note = read_json(dataset / "dataset.json"), ""
    if run.profile.evaluate.delay_table:
        try:
            delay_table(run)
        except DenguardError as err:
            note = f"The table of reporting delays could not be made: {err}"
            log.warning("%s", note)
    last = last_delay_table(_folder(run), run.profile, backtest_years(run.run_id))
    return {
        "maturity": about.get("maturity"),
        "nowcast": _nowcast(dataset / NOWCAST_FILE, run),
        "delay_table": last,
        "delay_note": note,
        "recipe_id": run.profile.recipe_id(LINEAR),
    }


def _nowcast(path: Path, run: Run) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    table = pd.read_parquet(path)
    table["week"] = table["week_no"].map(run.profile.calendar.week_label)
    rows: list[dict[str, Any]] = json.loads(table.drop(columns="week_no").to_json(orient="records"))
    return rows


def _folder(run: Run) -> Path:
    return run.paths.artifacts / "delay_tables"
