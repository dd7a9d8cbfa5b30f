"""Whether a door of the stack opens with a value: asked from outside, as whoever has it would."""

from __future__ import annotations

import httpx
from support.stack.engine import Stack

_TIMEOUT_S = 30
_MLFLOW_USERS = {
    "mlflow_admin_password": "admin",
    "mlflow_service_password": "denguard",
    "mlflow_endpoint_password": "endpoint",
}
_DATABASES = {"airflow": "airflow", "mlflow": "mlflow", "postgres": "airflow"}


def opens(stack: Stack, name: str, value: str) -> bool:
    """Whether what a secret protects takes this value.

    Raises:
        KeyError: nothing that takes it can be asked.
    """
    if name in _MLFLOW_USERS:
        return mlflow(stack, _MLFLOW_USERS[name], value)
    if name == "airflow_admin_password":
        return bool(airflow_token(stack, "admin", value))
    if name == "redis_password":
        return redis(stack, value)
    who = name.partition("_")[0]
    role = "denguard" if who == "postgres" else who
    return postgres(stack, role, _DATABASES[who], value)


def mlflow(stack: Stack, user: str, password: str) -> bool:
    """Whether MLflow knows a user by this password."""
    url = f"http://{stack.address('mlflow')}:5000/api/2.0/mlflow/experiments/search"
    host = {"Host": "mlflow:5000"}  # it refuses names that it does not know, such as an address
    who = (user, password)
    body = {"max_results": 1}
    asked = httpx.post(url, json=body, auth=who, headers=host, timeout=_TIMEOUT_S)
    return bool(asked.status_code == 200)


def airflow_token(stack: Stack, user: str, password: str) -> str:
    """Airflow's token for a user; "" if it does not know the password."""
    url = f"http://{stack.address('airflow-api-server')}:8080/auth/token"
    given = httpx.post(url, json={"username": user, "password": password}, timeout=_TIMEOUT_S)
    return str(given.json()["access_token"]) if given.status_code == 201 else ""


def airflow_takes(stack: Stack, token: str) -> bool:
    """Whether a token is good still."""
    url = f"http://{stack.address('airflow-api-server')}:8080/api/v2/dags"
    headers = {"Authorization": f"Bearer {token}"}
    return bool(httpx.get(url, headers=headers, timeout=_TIMEOUT_S).status_code == 200)


def postgres(stack: Stack, role: str, database: str, password: str) -> bool:
    """Whether PostgreSQL lets a role in over the network."""
    words = ("psql", "-XqAt", "-h", "postgres", "-U", role, "-d", database, "-c", "select 42")
    secret = ("-e", f"PGPASSWORD={password}")
    return stack.compose("exec", "-T", *secret, "postgres", *words, check=False).strip() == "42"


def redis(stack: Stack, password: str) -> bool:
    """Whether Redis knows its user airflow by this password."""
    words = ("redis-cli", "-h", "redis", "AUTH", "airflow", password)
    return stack.compose("exec", "-T", "redis", *words, check=False).strip() == "OK"


def s3(stack: Stack, bucket: str, key: str, secret: str) -> bool:
    """Whether a pair of keys lists a bucket."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    url = f"http://{stack.address('s3')}:8333"
    limits = Config(connect_timeout=5, read_timeout=_TIMEOUT_S, retries={"total_max_attempts": 2})
    client = boto3.client(
        "s3", endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret,
        region_name="us-east-1", config=limits,
    )  # fmt: skip
    try:
        client.list_objects_v2(Bucket=bucket, MaxKeys=1)
    except ClientError:
        return False
    return True
