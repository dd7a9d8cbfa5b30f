#!/bin/sh
set -eu
REDISCLI_AUTH=$(cut -d, -f1 /run/secrets/redis_password)
export REDISCLI_AUTH
[ "$(redis-cli --user airflow ping)" = PONG ]
