#!/bin/bash
# Roles and databases of Airflow and MLflow. Runs at each start and changes nothing that is right already:
# a password that was rotated is set, and what an installation of the first version left to the superuser
# `denguard` gets its owner.
set -euo pipefail
export PGPASSWORD DENGUARD_SECRETS_DIR=${DENGUARD_SECRETS_DIR:-/run/secrets}
PGPASSWORD=$(cat "$DENGUARD_SECRETS_DIR/postgres_password")

psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet <<'SQL'
\set airflow_password `cat "$DENGUARD_SECRETS_DIR/airflow_db_password"`
\set mlflow_password `cat "$DENGUARD_SECRETS_DIR/mlflow_db_password"`
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['airflow', 'mlflow']) name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE airflow LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'airflow_password';
ALTER ROLE mlflow LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'mlflow_password';
SELECT format('CREATE DATABASE %I', name) FROM unnest(ARRAY['airflow', 'mlflow', 'mlflow_auth']) name
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
REVOKE CONNECT ON DATABASE airflow, mlflow, mlflow_auth FROM PUBLIC;
ALTER DATABASE airflow OWNER TO airflow;
ALTER DATABASE mlflow OWNER TO mlflow;
ALTER DATABASE mlflow_auth OWNER TO mlflow;
SQL

# REASSIGN OWNED refuses for the superuser that initdb made, so each thing is named.
for database in airflow mlflow mlflow_auth; do
    psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --dbname "$database" -v "role=${database%_auth}" <<'SQL'
SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, :'role')
  FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
 WHERE c.relnamespace = 'public'::regnamespace AND r.rolname <> :'role'
   AND (c.relkind IN ('r', 'p', 'v', 'm') OR c.relkind = 'S' AND NOT EXISTS
        (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i'))) \gexec
SELECT format('ALTER TYPE %s OWNER TO %I', t.oid::regtype, :'role')
  FROM pg_type t JOIN pg_roles r ON r.oid = t.typowner
 WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd') AND r.rolname <> :'role' \gexec
SELECT format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, :'role')
  FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
 WHERE p.pronamespace = 'public'::regnamespace AND r.rolname <> :'role' \gexec
SQL
done
echo "databases airflow, mlflow and mlflow_auth are there, each its role's own"
