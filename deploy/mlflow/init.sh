#!/bin/sh
# Users of MLflow's that are programs, and the places of the volume `artifacts` where others are mounted: the
# endpoint sees it read-only, so they must be there before.
set -eu
mkdir -p "$DENGUARD_HOME/artifacts/predictions" "$DENGUARD_HOME/artifacts/bundles" "$DENGUARD_HOME/artifacts/serving"
exec python /opt/denguard/deploy/mlflow/users.py
