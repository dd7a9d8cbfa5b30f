"""Further lines of the deployment, an Airflow DAG each: each profile in profiles/ that has a
schedule, gets one.

A profile that is not valid shows up as an import error of this file and leaves the main DAG alone.
"""

from __future__ import annotations

from dags._line import dag_of_line
from dags._weekly import weekly
from pipelines.config import lines

for name, schedule in lines().items():
    globals()[dag_of_line(name)] = weekly(dag_of_line(name), schedule, name)
