"""Where the local services keep their files, and the secrets made for them at set-up.

They lie under artifacts/local; the secrets have mode 0600, and no production deployment reads them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import pipelines
from pipelines.config import DeploymentPaths
from pipelines.storage import read_json

ADMIN = "admin"


@dataclass(frozen=True)
class Layout:
    """Paths of the local services of one deployment."""

    paths: DeploymentPaths

    @property
    def local(self) -> Path:
        """artifacts/local, readable by its owner only."""
        return self.paths.artifacts / "local"

    @property
    def logs(self) -> Path:
        return self.local / "logs"

    @property
    def airflow_home(self) -> Path:
        return self.local / "airflow"

    @property
    def state_file(self) -> Path:
        return self.local / "state.json"

    @property
    def api_key_file(self) -> Path:
        return self.local / "api_key"

    @property
    def secrets_file(self) -> Path:
        return self.local / "secrets.json"

    @property
    def passwords_file(self) -> Path:
        """Airflow's simple auth manager reads users' passwords here."""
        return self.airflow_home / "passwords.json"

    @property
    def source_root(self) -> Path:
        """The checkout that holds pipelines/, serving/ and dags/."""
        return Path(pipelines.__file__).resolve().parents[1]

    def make(self) -> None:
        """Make the folders; artifacts/local is closed to other users."""
        self.local.mkdir(parents=True, exist_ok=True)
        self.local.chmod(0o700)
        self.logs.mkdir(exist_ok=True)
        self.airflow_home.mkdir(exist_ok=True)


@dataclass(frozen=True)
class Secrets:
    """Made once per deployment, never printed except the address of the file they are in."""

    admin_password: str
    jwt_secret: str
    session_key: str
    fernet_key: str
    api_key: str

    @property
    def api_key_sha256(self) -> str:
        """What the endpoint may know of the key."""
        return hashlib.sha256(self.api_key.encode()).hexdigest()


def ensure_secrets(layout: Layout) -> Secrets:
    """Read the secrets, or make them with the operating system's random source, files 0600."""
    if not layout.secrets_file.is_file():
        made = {
            "admin_password": secrets.token_urlsafe(18),
            "jwt_secret": secrets.token_urlsafe(48),
            "session_key": secrets.token_urlsafe(32),
            "fernet_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        }
        _write_private(layout.secrets_file, json.dumps(made))
    if not layout.api_key_file.is_file():
        _write_private(layout.api_key_file, secrets.token_urlsafe(32) + "\n")
    kept = {key: str(value) for key, value in read_json(layout.secrets_file).items()}
    found = Secrets(**kept, api_key=layout.api_key_file.read_text(encoding="utf-8").strip())
    _write_private(layout.passwords_file, json.dumps({ADMIN: found.admin_password}))
    return found


def _write_private(path: Path, text: str) -> None:
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    temp.unlink(missing_ok=True)
    with os.fdopen(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    temp.replace(path)
