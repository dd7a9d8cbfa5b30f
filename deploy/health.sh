#!/bin/bash
# health.sh PORT PATH [TEXT] [HOST]: 0 if the address answers 200, and with TEXT if one is given.
# Bash's own sockets: a few milliseconds of processor each time, where Python or a command of Airflow's
# takes from a tenth of a second to three.
set -euo pipefail
port=$1 path=$2 text=${3:-} host=${4:-127.0.0.1}
exec 3<> "/dev/tcp/$host/$port"
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$path" >&3
answer=$(tr -d '\0' <&3)
[[ $answer == HTTP/1.?\ 200* && $answer == *"$text"* ]]
