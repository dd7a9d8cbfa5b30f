"""MLflow: runs, model versions and the aliases that say which one serves.

The environment is set here because MLflow reads part of it while it is imported.
"""

import logging
import os

# Every call must end: MLflow's defaults are 120 s and 7 retries, longer than a worker may hang.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "120",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Files go through MLflow's server: its client would be sent on to the bucket, which neither
    # the endpoint nor every worker reaches.
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would call home, and wait for it without a network
}
for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)
# A pickled model runs whatever it holds; no setting may allow it.
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
# MLflow's client warns at each retry; the error at the end says it once.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
