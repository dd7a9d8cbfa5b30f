"""Imports what the services of an image import, so that its compiled files lie in the image.

    warm.py airflow | serving

Fails the build if anything of it cannot be imported, so it also proves that nothing was removed
that is needed.
"""

from __future__ import annotations

import importlib
import sys

MODULES = {
    "airflow": (
        "airflow.__main__",
        "airflow.cli.cli_parser",
        "airflow.cli.commands.api_server_command",
        "airflow.cli.commands.dag_processor_command",
        "airflow.cli.commands.db_command",
        "airflow.cli.commands.scheduler_command",
        "airflow.api_fastapi.core_api.app",
        "airflow.api_fastapi.execution_api.app",
        "airflow.dag_processing.manager",
        "airflow.dag_processing.processor",
        "airflow.executors.local_executor",
        "airflow.jobs.scheduler_job_runner",
        "airflow.sdk.execution_time.supervisor",
        "airflow.sdk.execution_time.task_runner",
        "airflow.utils.scheduler_health",
        "airflow.providers.celery.cli.celery_command",
        "airflow.providers.celery.executors.celery_executor",
        "airflow.providers.fab.auth_manager.fab_auth_manager",
        "airflow.providers.fab.auth_manager.cli_commands.user_command",
        "airflow.providers.fab.www.app",
        "airflow.providers.standard.operators.trigger_dagrun",
        "celery.bin.worker",
        "mlflow.server.auth",
        "mlflow.server.fastapi_app",
        "mlflow.cli",
        "boto3",
        "dvc.cli",
        "dvc_s3",
        "kombu.transport.redis",
        "psycopg2",
        "pipelines.cli",
        "dags.retraining",
        "dags.lines",
        "dags.arrivals",
        "dags.deadline",
        "dags.reproduce",
        "dags.reembed",
    ),
    "serving": ("serving.app", "serving.door", "uvicorn.__main__", "uvicorn.loops.auto"),
}


def main(image: str) -> None:
    """Import all of it."""
    for name in MODULES[image]:
        importlib.import_module(name)
    if image == "airflow":
        preload = importlib.import_module("pipelines.steps.preload")
        for name in (*preload.ROOMS, *preload.LIBRARIES, *preload.ENCODERS):
            importlib.import_module(name)  # preload itself would only warn
        preload.preload()


if __name__ == "__main__":
    main(sys.argv[1])
