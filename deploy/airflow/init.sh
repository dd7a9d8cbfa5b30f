#!/bin/sh
# Before Airflow starts: the folders are checked, its tables migrated, its first user made. Runs at each start.
set -eu

refuse() {
    echo "$1. What to do: docker compose -f deploy/init.yml run --rm init, which makes it and gives it to user 50000" >&2
    exit 1
}
for folder in data data/drops artifacts; do
    [ -d "$DENGUARD_HOME/$folder" ] || refuse "the folder $folder is not there"
    [ -w "$DENGUARD_HOME/$folder" ] || refuse "the folder $folder may not be written by user $(id -u)"
done

airflow db migrate
airflow fab-db migrate
airflow users list --output plain | grep -qw admin || {
    # Asked for twice on standard input, so that no list of arguments shows it.
    printf '%s\n%s\n' "$AIRFLOW_ADMIN_PASSWORD" "$AIRFLOW_ADMIN_PASSWORD" |
        airflow users create --role Admin --username admin --firstname denguard --lastname admin \
            --email admin@localhost
}
