"""The weekly retraining of the deployment, an Airflow DAG: Mondays, 06:00 by the place's clock."""

from __future__ import annotations

from dags._line import MAIN_DAG
from dags._shared import MAIN_PROFILE
from dags._weekly import weekly

dag = weekly(MAIN_DAG, "0 6 * * 1", MAIN_PROFILE)
