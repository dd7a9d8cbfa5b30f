#!/bin/sh
# One SeaweedFS process: master, volume and filer know no users and listen inside this container alone; the
# S3 gateway, which asks for keys, listens on the network. Its gRPC port (18333) would let any neighbour make
# itself an administrator; with a signing key it takes only what this process signed.
set -eu
umask 077
WEED_JWT_FILER_SIGNING_KEY=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
export WEED_JWT_FILER_SIGNING_KEY

# Each user lists, reads and writes its own buckets, and nothing else. While its keys are changed both
# files hold `new,old`, and either pair is good.
identity() {
    actions= credentials= number=1
    for bucket in $4; do
        for action in Read Write List Tagging; do actions="$actions${actions:+, }\"$action:$bucket\""; done
    done
    for key in $(tr , ' ' < "/run/secrets/$2"); do
        secret=$(cut -d, -f"$number" "/run/secrets/$3")
        credentials="$credentials${credentials:+, }{\"accessKey\": \"$key\", \"secretKey\": \"$secret\"}"
        number=$((number + 1))
    done
    printf '{"name": "%s", "credentials": [%s], "actions": [%s]}' "$1" "$credentials" "$actions"
}
{
    printf '{"identities": ['
    identity denguard s3_access_key s3_secret_key "artifacts versions"
    printf ', '
    identity mlflow s3_mlflow_access_key s3_mlflow_secret_key "mlflow"
    printf ']}\n'
} > /run/s3/identities.json

exec weed server -dir=/data -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.telemetry=false \
    -master.volumeSizeLimitMB=1024 -volume.max=0 -filer -s3 -s3.ip.bind=0.0.0.0 -s3.port=8333 \
    -s3.config=/run/s3/identities.json -s3.iam=false -s3.autoCreateBucket=false \
    -s3.allowDeleteBucketNotEmpty=false -s3.port.iceberg=0 -s3.port.lance=0
