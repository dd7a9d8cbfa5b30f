#!/usr/bin/env bash
# Airflow's supervisor notices the end of a third to a half of all tasks only after a whole heartbeat
# interval. A task's process closes its pipes a moment before it can be waited for. If the supervisor reads the last of
# them in that moment, it goes back to waiting for events on no pipes at all, for `[workers]
# min_heartbeat_interval` (5 seconds by default), and the executor's slot stays taken so long. A pipeline of
# short tasks on two slots loses seconds a task; the task's own duration in the grid does not show it.
#
# Seen with apache-airflow-task-sdk 1.3.2 (Airflow 3.3.2), Python 3.11, two cores, November 2026:
#   30 processes that end at once: 0.02 to 0.05 s each, or 5.02 to 5.12 s (10 to 16 of them)
# So: lower min_heartbeat_interval where tasks are short, and raise max_failed_heartbeats by as much, since
# their product is how long a task outlives an API server that is away. Exits 1 if none of them waits.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  apache-airflow-task-sdk==1.3.2 apache-airflow-core==3.3.2
export AIRFLOW_HOME="$work/airflow"
"$work/venv/bin/python" -W ignore - <<'PY'
import sys
import time
import uuid

import structlog
from airflow.sdk.execution_time import supervisor

PROCESSES = 30


def ends_at_once() -> None:
    """What a task's process does here."""


def seconds_until_noticed() -> float:
    start = supervisor.WatchedSubprocess.start.__func__  # the subclass's own asks an API server first
    process = start(
        supervisor.ActivitySubprocess,
        id=uuid.uuid4(),
        client=None,
        target=ends_at_once,
        logger=structlog.get_logger(),
    )
    began = time.monotonic()
    process._last_successful_heartbeat = process._last_heartbeat_attempt = began
    process._monitor_subprocess()
    assert process._exit_code == 0
    return time.monotonic() - began


took = sorted(seconds_until_noticed() for _ in range(PROCESSES))
late = [seconds for seconds in took if seconds > 0.9 * supervisor.MIN_HEARTBEAT_INTERVAL]
print(f"{PROCESSES - len(late)} of {PROCESSES} noticed after {took[0]:.2f} s and more")
if late:
    print(f"{len(late)} of {PROCESSES} noticed after {late[0]:.2f} to {late[-1]:.2f} s")
sys.exit(0 if late else 1)
PY
