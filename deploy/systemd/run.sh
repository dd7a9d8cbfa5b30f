#!/bin/bash
# A command of the deployment as its user, with settings and secrets of the units; by root:
#   bash deploy/systemd/run.sh denguard status
set -euo pipefail
given=()
for name in airflow_db_password airflow_fernet_key airflow_jwt_secret airflow_secret_key mlflow_service_password \
    alert_webhook_bearer alert_webhook_secret alert_webhook_url smtp_url; do
    given+=(--property "LoadCredential=$name:/opt/denguard/secrets/$name")
done
for file in /opt/denguard/.env /opt/denguard/deploy/systemd/denguard.env; do
    given+=(--property "EnvironmentFile=$file")
done
# Where credentials lie is known in the unit alone.
# shellcheck disable=SC2016
exec systemd-run --pty --quiet --wait --collect --uid denguard --gid denguard --working-directory /var/lib/denguard \
    "${given[@]}" /bin/sh -c '
        export DENGUARD_SECRETS_DIR="$CREDENTIALS_DIRECTORY"
        while read -r variable file; do export "${variable}_FILE=$CREDENTIALS_DIRECTORY/$file"; done <<NAMES
AIRFLOW__CORE__FERNET_KEY airflow_fernet_key
AIRFLOW__API__SECRET_KEY airflow_secret_key
AIRFLOW__API_AUTH__JWT_SECRET airflow_jwt_secret
MLFLOW_TRACKING_PASSWORD mlflow_service_password
DENGUARD_ALERT_WEBHOOK_URL alert_webhook_url
DENGUARD_ALERT_WEBHOOK_BEARER alert_webhook_bearer
DENGUARD_ALERT_WEBHOOK_SECRET alert_webhook_secret
DENGUARD_SMTP_URL smtp_url
NAMES
        export "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=postgresql+psycopg2://airflow:{secret:airflow_db_password}@127.0.0.1:5432/airflow"
        exec /opt/denguard/deploy/entrypoint.sh "$@"' denguard "$@"
