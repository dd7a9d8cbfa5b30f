#!/bin/sh
# An S3 server with one user of all buckets, as the first version's MinIO had: `server`, then `buckets` beside it.
set -eu
if [ "$1" = buckets ]; then
    for bucket in artifacts versions mlflow; do
        echo "s3.bucket.create -name $bucket" | weed shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888
    done
    exit
fi
for bucket in artifacts versions mlflow; do
    for action in Read Write List Tagging; do rights="${rights:-}${rights:+, }\"$action:$bucket\""; done
done
printf '{"identities": [{"name": "root", "credentials": [{"accessKey": "%s", "secretKey": "%s"}], "actions": [%s]}]}\n' \
    "$MINIO_ROOT_USER" "$MINIO_ROOT_PASSWORD" "$rights" > /tmp/identities.json
exec weed server -dir=/data -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.telemetry=false -volume.max=0 -filer \
    -s3 -s3.ip.bind=0.0.0.0 -s3.port=9000 -s3.config=/tmp/identities.json -s3.iam=false
