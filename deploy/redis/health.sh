#!/bin/sh
set -eu
REDISCLI_AUTH=$(cat /run/secrets/redis_password)
export REDISCLI_AUTH
[ "$(redis-cli --user airflow ping)" = PONG ]
