#!/bin/sh
# MLflow with users (basic-auth). The addresses of its databases hold a password, so they come by the
# environment and by a file in this container's memory, never as arguments.
set -eu
umask 077
cat > /tmp/basic_auth.ini <<INI
[mlflow]
default_permission = READ
database_uri = ${MLFLOW_AUTH_DATABASE_URI}
admin_username = admin
authorization_function = deploy.mlflow.readers:authenticate
grant_default_workspace_access = false
auth_cache_ttl_seconds = 60
INI
unset MLFLOW_AUTH_DATABASE_URI
export MLFLOW_AUTH_CONFIG_PATH=/tmp/basic_auth.ini
# One worker: under starvation MLflow's supervisor killed the second one again and again, and what is
# cached of users is then never older than the last change.
exec mlflow server --app-name basic-auth --host "${MLFLOW_LISTEN:-0.0.0.0}" --port 5000 --workers 1 \
    --artifacts-destination "$MLFLOW_FILES" --allowed-hosts "$MLFLOW_HOSTS"
