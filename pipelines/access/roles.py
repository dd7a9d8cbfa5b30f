"""The four roles, and what each is in Airflow, in MLflow and at the endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.errors import ConfigError

# Users of the deployment's own programs, and its first administrator.
PIPELINE = "denguard"  # of MLflow: registers models
RESERVED = ("admin", PIPELINE, "endpoint", "watch")
_NAME = re.compile(r"[a-z][a-z0-9._-]{1,30}")


@dataclass(frozen=True)
class Role:
    """What one kind of person may do.

    Attributes:
        airflow: role of Airflow's user.
        mlflow: "" = no user; "reads" = sees experiments, models and files; "admin" = everything.
        asks: whether there is a key for the endpoint.
        what: in words.
    """

    name: str
    airflow: str
    mlflow: str
    asks: bool
    what: str


ROLES = {
    role.name: role
    for role in (
        Role("viewer", "Viewer", "", False, "looks at runs, reports and bulletins"),
        Role("operator", "Op", "reads", True, "also starts, stops and clears runs"),
        Role("analyst", "Viewer", "reads", True, "looks, reads models, asks the endpoint"),
        Role("admin", "Admin", "admin", True, "everything, users of Airflow and MLflow too"),
    )
}


def role_named(name: str) -> Role:
    """A role by its name. Raises ConfigError if there is none."""
    if name not in ROLES:
        raise ConfigError(f"there is no role {name}", fix=f"use one of {', '.join(ROLES)}")
    return ROLES[name]


def require_person(name: str) -> None:
    """Raises ConfigError if a name cannot be a person's."""
    if name in RESERVED:
        raise ConfigError(
            f"{name} is a user of the deployment itself",
            fix="choose the person's own name; denguard rotate changes its password",
        )
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a user",
            fix="use 2 to 31 small letters, digits and . _ -, beginning with a letter",
        )
