"""Celery workers of the compose profile `workers`: settings, and what a start and a beat do.

Airflow names CONFIG as `[celery] celery_config_options`, so every worker imports this file.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.signals import heartbeat_sent, worker_init

log = logging.getLogger(__name__)

CONFIG = dict(DEFAULT_CELERY_CONFIG)
ALIVE = Path("/tmp/worker-alive")  # noqa: S108 of this container alone; its health check looks at the age
LONG_AGO = datetime.fromtimestamp(0, UTC)


@worker_init.connect
def give_up_what_died(**_: object) -> None:
    """Tasks that the database says run on this very host died with the process before.

    Their heartbeat is set long ago, so that the scheduler tries them again at its next look, not
    after the time that an api-server may be away. A host name is a container's own and stays
    while it is restarted.
    """
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.net import get_hostname
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import update

    with create_session() as session:
        here = update(TaskInstance).where(
            TaskInstance.state == TaskInstanceState.RUNNING,
            TaskInstance.hostname == get_hostname(),
        )
        died = session.execute(here.values(last_heartbeat_at=LONG_AGO)).rowcount
    if died:
        log.warning("%d task(s) ran here when this worker ended; they are tried again", died)


@heartbeat_sent.connect
def beat(**_: object) -> None:
    """The worker's loop is alive."""
    ALIVE.touch()
