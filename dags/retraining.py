"""The weekly retraining of the deployment, an Airflow DAG: Mondays, 06:00 by the place's clock."""

from __future__ import annotations

from dags._line import MAIN_DAG
from dags._shared import MAIN_PROFILE
from dags._weekly import weekly
from pipelines.bulletin_config import MAIN_SCHEDULE

dag = weekly(MAIN_DAG, MAIN_SCHEDULE, MAIN_PROFILE)
