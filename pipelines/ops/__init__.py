"""Ops outside Airflow: how the cycle stands, whether the forecast is late, and who must be told.

Everything here reads files under artifacts/ and works while Airflow and MLflow are down. Belongs
here: status, watch, alerts. Does not belong here: anything that changes a result, and heavy
imports.
"""
