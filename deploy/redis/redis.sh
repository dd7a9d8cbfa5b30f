#!/bin/sh
# The password reaches the server in a file of this container's memory, so that no process list shows it;
# exec, so that a stop reaches the server and it writes down what it holds.
set -eu
umask 077
# `new,old` while it is changed: both are good.
passwords=$(sed 's/^/>/; s/,/ >/g' /run/secrets/redis_password)
# Nobody knows the password of `default`. The user is not off, because Redis 7.2 reads its own log as that user
# and leaves out the transactions that it may not do: what a worker had in hand would be gone after a restart.
nobodys=$(head -c 32 /dev/urandom | sha256sum | cut -d ' ' -f 1)
# hz 2: ten looks a second, its default, take a quarter of a percent of a core with nothing to do.
cat > /run/redis/redis.conf <<CONF
protected-mode no
dir /data
appendonly yes
hz 2
maxmemory 384mb
maxmemory-policy noeviction
user default on #$nobodys ~* &* +@all
user airflow on $passwords ~* &* +@all -@admin -@dangerous +info
CONF
exec redis-server /run/redis/redis.conf
