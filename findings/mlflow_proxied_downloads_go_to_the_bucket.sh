#!/usr/bin/env bash
# A client of an MLflow server that proxies artifacts (--artifacts-destination s3://...) downloads them straight
# from the server's bucket, by addresses that the server signs. The variable that decides it is documented with
# the default False, but unset it is no False: the client then asks the server whether its store can sign, and S3
# always can. So where only the server reaches the bucket, which is what proxying is for, each download
# fails, of files of a few bytes, too: nothing falls back to the server. Only the variable, set to false, does.
#
# Seen with mlflow 3.17.2, moto 5.2.5, boto3 1.43.117, Python 3.11, November 2026, a file of 5 bytes:
#   default of the variable: False; unset: the bucket was asked; set to false: it was not
# Exits 1 if that changes.
set -euo pipefail
work="$(mktemp -d)"
servers=()
trap 'kill "${servers[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check mlflow==3.17.2 \
  "moto[server]==5.2.5" boto3==1.43.117
cd "$work"
read -r store_port mlflow_port < <(python3 -c '
import socket
taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in taken))')
export AWS_ACCESS_KEY_ID=someone AWS_SECRET_ACCESS_KEY=something AWS_DEFAULT_REGION=us-east-1
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_TRACKING_URI="http://127.0.0.1:$mlflow_port"
venv/bin/moto_server -H 127.0.0.1 -p "$store_port" >moto.log 2>&1 &
servers+=($!)
MLFLOW_TRACKING_URI='' MLFLOW_S3_ENDPOINT_URL="http://127.0.0.1:$store_port" venv/bin/mlflow server \
  --backend-store-uri sqlite:///runs.db --artifacts-destination s3://models --workers 1 \
  --host 127.0.0.1 --port "$mlflow_port" >mlflow.log 2>&1 &
servers+=($!)
for url in "http://127.0.0.1:$store_port/" "http://127.0.0.1:$mlflow_port/health"; do
  venv/bin/python - "$url" <<'PY'
import sys, time, urllib.request

for _ in range(240):
    try:
        urllib.request.urlopen(sys.argv[1], timeout=5)
        sys.exit()
    except OSError:
        time.sleep(0.5)
sys.exit(f"{sys.argv[1]} did not answer")
PY
done
venv/bin/python -c "import boto3; boto3.client('s3', endpoint_url='http://127.0.0.1:$store_port').create_bucket(Bucket='models')"

cat > download.py <<'PY'
import socket
import sys

import mlflow
from mlflow.environment_variables import MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD as SETTING

with mlflow.start_run() as run:
    mlflow.log_text("hello", "small.txt")
asked = set()
connect = socket.socket.connect


def recorded(self, address):
    asked.add(address[1] if isinstance(address, tuple) else address)
    return connect(self, address)


socket.socket.connect = recorded
mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="small.txt", dst_path=".")
print(SETTING.get(), int(sys.argv[1]) in asked)
PY
unset_answer="$(venv/bin/python -W ignore download.py "$store_port" | tail -1)"
false_answer="$(MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD=false venv/bin/python -W ignore download.py "$store_port" | tail -1)"
echo "value and whether the client asked the bucket: unset: $unset_answer; set to false: $false_answer"
[ "$unset_answer" = "False True" ] && [ "$false_answer" = "False False" ]
