"""Folders in which `denguard init` has work: new ones, and one of the first version."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from pipelines.deploy.init import Done, init
from pipelines.deploy.plan import Wanted

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 30)


def fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def first_versions(**changes: str) -> dict[str, str]:
    """Secrets and settings of an `.env` as the first version's page had it filled."""
    return {
        "POSTGRES_PASSWORD": "postgres-of-the-first-version",
        "REDIS_PASSWORD": "redis-of-the-first-version",
        "MINIO_ROOT_USER": "minio",
        "MINIO_ROOT_PASSWORD": "minio-of-the-first-version",
        "AIRFLOW_FERNET_KEY": fernet_key(),
        "AIRFLOW_SECRET_KEY": "sessions-of-the-first-version",
        "AIRFLOW_JWT_SECRET": "a-token-of-only-forty-three-bytes-as-it-was",
        "AIRFLOW_ADMIN_PASSWORD": "admin-of-the-first-version",
        "DENGUARD_API_KEY_SHA256": hashlib.sha256(b"a key").hexdigest(),
        "DENGUARD_ALERT_WEBHOOK_URL": "https://hooks.example.org/sesame",
        "DENGUARD_PROFILE": "ci",
        "SERVING_PORT": "8001",
        "OWN_SETTING": "kept",
        **changes,
    }


def new_folder(at: Path, env: Mapping[str, str] | None = None) -> Path:
    """A checkout's files that init reads, and an `.env` if values are given."""
    at.mkdir(parents=True, exist_ok=True)
    for name in (".env.example", "docker-compose.yml"):
        shutil.copy(ROOT / name, at / name)
    if env is not None:
        (at / ".env").write_text("".join(f"{n}={v}\n" for n, v in env.items()), encoding="utf-8")
    return at


def installed(
    folder: Path,
    overlays: Sequence[str] = (),
    profile: str | None = None,
    name: str | None = None,
) -> tuple[Done, list[str]]:
    """What init did there, and the keys that it showed."""
    keys = list[str]()
    return init(folder, Wanted(overlays, profile, name), keys.append, TODAY), keys


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder -> its bytes and the time of its last change."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
