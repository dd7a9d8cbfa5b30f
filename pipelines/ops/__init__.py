"""Ops outside Airflow: the state of the cycle, whether the forecast is late, and who gets an alert.

Everything here reads files under artifacts/ and works while Airflow and MLflow are down. No heavy
imports.
"""
