"""Ops outside Airflow: how the cycle stands, whether the forecast is late, and who must be told.

Everything here reads files under artifacts/ and works while Airflow and MLflow are down. No heavy
imports.
"""
