#!/bin/sh
# The buckets, made from inside the server's own network namespace: no S3 user may make any.
set -eu
there=$(echo "s3.bucket.list" | weed shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888)
for bucket in artifacts versions mlflow; do
    printf '%s\n' "$there" | grep -qw "$bucket" || {
        echo "s3.bucket.create -name $bucket" | weed shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888
    }
done
# What is acknowledged lies on the disk: a server loses its power, and the object that names others is written last.
echo "fs.configure -locationPrefix=/buckets/ -fsync=true -apply" |
    weed shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888 > /dev/null
