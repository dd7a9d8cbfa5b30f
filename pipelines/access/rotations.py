"""How each secret of a deployment is changed, and what it costs: one table.

Where a server takes two values at once, the file holds `new,old` until `--finish`: servers take
both, clients use the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pipelines.deploy.secret_table import ENDPOINT_KEYS


class How(Enum):
    """The ways to change a secret."""

    LISTED = "two live: `new,old` in the file until --finish"
    ENDPOINT = "two live: hashes of new and old key until --finish"
    ROLE = "PostgreSQL's role is told, then the file is written"
    MLFLOW = "MLflow's user is told, then the file is written"
    AIRFLOW = "Airflow's user is told, then the file is written"
    PLAIN = "the file is written; it holds from the next start of the services"
    BY_HAND = "another party gives it: write the file yourself"


@dataclass(frozen=True)
class Rotation:
    """How one secret is changed.

    Attributes:
        names: files that are changed together.
        user: role or user that has it.
        between: what to do before --finish, or after the change, beyond starting services anew.
        lost: by whom, and what, while it is changed.
        restart: whether those that were given the file hold its value while they run.
    """

    how: How
    names: tuple[str, ...]
    lost: str
    user: str = ""
    between: str = ""
    restart: bool = True


_GIVEN = "nothing"
_ROLE_LOST = (
    "new sessions between the change and the restart fail and are tried again: change it between "
    "runs"
)
_S3 = ("s3_access_key", "s3_secret_key")
_S3_MLFLOW = ("s3_mlflow_access_key", "s3_mlflow_secret_key")

ROTATIONS = (
    Rotation(
        How.ROLE,
        ("postgres_password",),
        "nothing: only postgres-init uses it",
        "denguard",
        restart=False,  # the server read it once, when it made its files
    ),
    Rotation(How.ROLE, ("airflow_db_password",), _ROLE_LOST, "airflow"),
    Rotation(How.ROLE, ("mlflow_db_password",), _ROLE_LOST, "mlflow"),
    Rotation(How.LISTED, ("redis_password",), "nothing"),
    Rotation(
        How.LISTED,
        ("airflow_fernet_key",),
        "nothing",
        between="docker compose exec airflow-api-server airflow rotate-fernet-key",
    ),
    Rotation(How.PLAIN, ("airflow_secret_key",), "everybody logs in to Airflow anew"),
    Rotation(
        How.PLAIN,
        ("airflow_jwt_secret",),
        "tasks that run or wait fail and are tried again: change it between runs",
    ),
    Rotation(How.AIRFLOW, ("airflow_admin_password",), "the sessions of admin", "admin"),
    Rotation(
        How.AIRFLOW,
        ("airflow_watch_password",),
        "the watch does not see Airflow's queues until it is started anew",
        "watch",
    ),
    Rotation(How.MLFLOW, ("mlflow_admin_password",), "nothing", "admin"),
    Rotation(
        How.MLFLOW,
        ("mlflow_service_password",),
        "calls to MLflow between the change and the restart are refused: change it between runs",
        "denguard",
    ),
    Rotation(
        How.MLFLOW,
        ("mlflow_endpoint_password",),
        "the endpoint sees no new champion until it is started anew; it goes on answering",
        "endpoint",
    ),
    Rotation(How.PLAIN, ("mlflow_flask_secret",), "forms that are open in MLflow are sent again"),
    Rotation(How.LISTED, _S3, "nothing"),
    Rotation(How.LISTED, _S3_MLFLOW, "nothing"),
    Rotation(How.ENDPOINT, (ENDPOINT_KEYS,), "nothing"),
    Rotation(
        How.PLAIN,
        ("grafana_admin_password",),
        "nothing",
        between="docker compose exec -T grafana grafana cli admin reset-admin-password "
        "--password-from-stdin < secrets/grafana_admin_password",
    ),
    Rotation(
        How.PLAIN,
        ("link.pem",),
        "second hosts reach nothing until they have the new file: change it between runs",
    ),
    *(
        Rotation(How.BY_HAND, (name,), _GIVEN)
        for name in ("cert.pem", "key.pem", "smtp_url", "alert_webhook_url", "alert_webhook_bearer")
    ),
    Rotation(How.BY_HAND, ("alert_webhook_secret",), "the receiver has to know the new one"),
    Rotation(
        How.BY_HAND,
        ("backup_key",),
        "what was encrypted with the old one opens with it alone: keep it with the backups",
    ),
)  # fmt: skip
BY_SECRET = {name: rotation for rotation in ROTATIONS for name in rotation.names}
