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
users=$(airflow users list --output plain)
make_user() { # NAME ROLE PASSWORD: unless it is there
    printf '%s\n' "$users" | awk -v name="$1" '$2 == name { there = 1 } END { exit !there }' || {
        # Asked for twice on standard input, so that no list of arguments shows it.
        printf '%s\n%s\n' "$3" "$3" |
            airflow users create --role "$2" --username "$1" --firstname denguard --lastname "$1" --email "$1@localhost"
    }
}
make_user admin Admin "$AIRFLOW_ADMIN_PASSWORD"
make_user watch Viewer "$AIRFLOW_WATCH_PASSWORD"
