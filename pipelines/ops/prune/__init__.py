"""Retention: deletes what nothing needs any more.

pins.py    versions that a person wants kept
retained.py what is kept, over the graph of lineage
folders.py folders and files of this home that may go; cached.py: results kept by content
versions.py versions for analysts (DVC) that may go; version_removal.py deletes them
mlflow_runs.py MLflow's runs and model versions
airflow.py Airflow's logs and old rows of its database
leftovers.py unfinished files of killed writers
plan.py    all of it put together, without touching anything
removal.py announces and deletes, so that kill -9 leaves nothing half made
shared_store.py deletes the same in the store that machines share

Drops, answers, decisions, the audit trail, events, vectors and the log of predictions (which has a
retention of its own) are never touched here, nor is any folder that this room does not know.
"""
