#!/bin/sh
# Brings secrets from their files into the environment of one process, so that neither `docker inspect`
# nor a list of arguments shows them:
#   NAME_FILE=/run/secrets/x   becomes NAME=<content of the file>
#   {secret:x} in any value    becomes the first of the comma list in /run/secrets/x: while a secret is
#                              changed its file holds `new,old`, and a client uses the new one
# Under another name (airflow, denguard, mlflow: links beside it) it runs the command of that name, so that
# `docker compose exec SERVICE denguard doctor` has them too.
set -eu
dir=${DENGUARD_SECRETS_DIR:-/run/secrets}

secret() {
    [ -r "$1" ] || {
        echo "the secret $1 cannot be read. What to do: docker compose -f deploy/init.yml run --rm init" >&2
        exit 1
    }
    cat "$1"
}

for name in $(env | sed -n "s|^\([A-Za-z_][A-Za-z0-9_]*\)_FILE=$dir/.*|\1|p"); do
    eval "file=\$${name}_FILE"
    value=$(secret "$file")
    export "$name=$value"
    unset "${name}_FILE"
done

for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*{secret:[a-z0-9_]*}.*/\1/p'); do
    eval "rest=\$$name"
    value=
    while [ "${rest#*"{secret:"}" != "$rest" ]; do
        file=${rest#*"{secret:"}
        content=$(secret "$dir/${file%%"}"*}")
        value=$value${rest%%"{secret:"*}${content%%,*}
        rest=${file#*"}"}
    done
    export "$name=$value$rest"
done

# Compose cannot leave a variable out: an address that is set and empty would be no address to boto3.
for name in $(env | sed -n 's/^\(AWS_[A-Z0-9_]*\|MLFLOW_S3_ENDPOINT_URL\)=$/\1/p'); do
    unset "$name"
done

called=${0##*/}
[ "$called" = entrypoint.sh ] || set -- "/opt/venv/bin/$called" "$@"
exec "$@"
