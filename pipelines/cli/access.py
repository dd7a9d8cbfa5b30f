"""People and secrets on a terminal: access gives and takes roles, rotate changes a secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.app import OPERATION, app, needs, say, table

if TYPE_CHECKING:
    from pipelines.access.airflow_users import AirflowUsers
    from pipelines.access.mlflow_users import MlflowUsers
    from pipelines.access.people import Given, People

access_app = typer.Typer(help="Who may do what in Airflow, MLflow and at the endpoint.")
app.add_typer(access_app, name="access", rich_help_panel=OPERATION)

Deployment = Annotated[
    Path,
    typer.Option(
        "--deployment",
        metavar="DIR",
        envvar="DENGUARD_DEPLOYMENT",
        help="folder with docker-compose.yml and secrets/",
    ),
]
AirflowUrl = Annotated[
    str, typer.Option("--airflow", metavar="URL", envvar="DENGUARD_AIRFLOW_URL", help="its API")
]
MlflowUrl = Annotated[
    str, typer.Option("--mlflow", metavar="URL", envvar="MLFLOW_TRACKING_URI", help="its server")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="as the person logs in")]
_HERE, _AIRFLOW, _MLFLOW = Path(), "http://airflow-api-server:8080", "http://mlflow:5000"


@access_app.command("add")
def add(
    name: Name,
    role: Annotated[str, typer.Option("--role", help="viewer, operator, analyst or admin")],
    deployment: Deployment = _HERE,
    airflow: AirflowUrl = _AIRFLOW,
    mlflow: MlflowUrl = _MLFLOW,
) -> None:
    """Give a person a role everywhere at once; password and key are new and shown this once."""
    with needs("serving"):
        from pipelines.access.roles import role_named

        wanted = role_named(role)
        people = _people(deployment, airflow, mlflow)
    _tell(name, people.add(name, wanted))


@access_app.command("list")
def list_people(
    deployment: Deployment = _HERE, airflow: AirflowUrl = _AIRFLOW, mlflow: MlflowUrl = _MLFLOW
) -> None:
    """Everybody with what each may do; admin, denguard and endpoint are the deployment's own."""
    with needs("serving"):
        people = _people(deployment, airflow, mlflow)
    rows = [
        (one.name, one.airflow or "-", one.mlflow or "-", "yes" if one.has_key else "-")
        for one in people.all()
    ]
    table(("name", "Airflow", "MLflow", "endpoint's key"), rows)


@access_app.command("remove")
def remove(
    name: Name,
    deployment: Deployment = _HERE,
    airflow: AirflowUrl = _AIRFLOW,
    mlflow: MlflowUrl = _MLFLOW,
) -> None:
    """Take everything away from a person."""
    with needs("serving"):
        people = _people(deployment, airflow, mlflow)
    _tell(name, people.remove(name))


@access_app.command("password")
def password(
    name: Name,
    deployment: Deployment = _HERE,
    airflow: AirflowUrl = _AIRFLOW,
    mlflow: MlflowUrl = _MLFLOW,
) -> None:
    """A new password in place of one that was lost; shown this once."""
    with needs("serving"):
        people = _people(deployment, airflow, mlflow)
    _tell(name, people.password(name))


@access_app.command("rotate")
@app.command("rotate", rich_help_panel=OPERATION)
def rotate_command(
    secret: Annotated[str, typer.Argument(metavar="SECRET", help="its file in secrets/")],
    done: Annotated[
        bool, typer.Option("--finish", help="take the old value of one with two away")
    ] = False,
    deployment: Deployment = _HERE,
    airflow: AirflowUrl = _AIRFLOW,
    mlflow: MlflowUrl = _MLFLOW,
) -> None:
    """Give a secret a new value, and say which services to start anew (docs/access.md)."""
    with needs("serving"):
        from pipelines.access.database import set_role_password
        from pipelines.access.rotation import Servers, finish, rotate
        from pipelines.deploy.secret_files import require_deployment
    require_deployment(deployment)

    def in_mlflow(user: str, value: str) -> None:
        _users(deployment, airflow, mlflow)[1].set_password(user, value)

    def in_airflow(user: str, value: str) -> None:
        _users(deployment, airflow, mlflow)[0].set_password(user, value)

    servers = Servers(set_role_password, in_mlflow, in_airflow)
    changed = finish(deployment, secret) if done else rotate(deployment, secret, servers)
    say(f"written  {', '.join(f'secrets/{name}' for name in changed.names)}")
    if changed.key:
        say(f"The endpoint's new key, shown this once:\n    {changed.key}")
    _restart(changed.restart)
    if changed.between:
        say(f"then     {changed.between}")
    if changed.finish:
        say(f"at last  denguard rotate {secret} --finish, when nobody uses the old one any more")
    say(f"costs    {changed.lost}")


def _people(deployment: Path, airflow: str, mlflow: str) -> People:
    from pipelines.access.endpoint_keys import EndpointKeys
    from pipelines.access.people import People

    return People(*_users(deployment, airflow, mlflow), EndpointKeys(deployment))


def _users(deployment: Path, airflow: str, mlflow: str) -> tuple[AirflowUsers, MlflowUsers]:
    from pipelines.access.airflow_users import AirflowUsers
    from pipelines.access.mlflow_users import MlflowUsers
    from pipelines.deploy.secret_files import read_secret, require_deployment

    require_deployment(deployment)
    return (
        AirflowUsers(airflow, read_secret(deployment, "airflow_admin_password") or ""),
        MlflowUsers(mlflow, read_secret(deployment, "mlflow_admin_password") or ""),
    )


def _tell(name: str, given: Given) -> None:
    if given.password:
        say(f"{name}'s password, shown this once:\n    {given.password}")
    if given.key:
        say(f"{name}'s key for the endpoint, shown this once:\n    {given.key}")
    if not given.password:
        say(f"{name} has nothing any more")
    _restart(given.restart)


def _restart(services: tuple[str, ...]) -> None:
    """Name those that go on running; what only runs at a start takes the new value by itself."""
    if lasting := [name for name in services if not name.endswith("-init")]:
        say(f"restart  docker compose restart {' '.join(lasting)} (of these, those that run)")
