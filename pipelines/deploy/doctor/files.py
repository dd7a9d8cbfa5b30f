"""The deployment's folder: secrets, settings, folders and their owners, versions, certificate."""

from __future__ import annotations

import os
import tomllib
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from pipelines.deploy import folders
from pipelines.deploy.doctor.finding import Finding, Level, Scene
from pipelines.deploy.plan import Wanted, plan_of
from pipelines.deploy.secret_files import read_secret
from pipelines.deploy.secret_table import FOLDER

_INIT = "docker compose -f deploy/init.yml run --rm init"
_CERTIFICATE_SOON, _CERTIFICATE_NOW = timedelta(days=30), timedelta(days=7)


def secrets_and_settings(scene: Scene) -> list[Finding]:
    """What `denguard init` would refuse, or has not written yet."""
    if scene.deployment is None:
        return [Finding("skip", "settings", "the deployment's folder is not seen from here")]
    plan = plan_of(scene.deployment, Wanted())
    found = [Finding("fail", "settings", f"{p.where}: {p.what}", p.fix) for p in plan.problems]
    absent = [f"{FOLDER}/{n}" for n in plan.secrets]
    absent += [".env, or lines of it"] if plan.env is not None else []
    if absent or plan.new_key:
        named = ", ".join(absent[:3]) or "the endpoint's key"
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        found.append(Finding("fail", "settings", f"not written yet: {named}{more}", _INIT))
    return found or [Finding("ok", "settings", "secrets and settings have their shapes")]


def host_folders(scene: Scene) -> list[Finding]:
    """Folders of the host that are mounted, and who owns them."""
    if scene.deployment is None:
        return [Finding("skip", "folders", "the deployment's folder is not seen from here")]
    found = [
        Finding("fail", "folders", f"{folder.name}: {why}", folder.command())
        for folder in folders.folders_of(scene.deployment, scene.settings)
        if (why := folder.wrong())
    ]
    return found or [Finding("ok", "folders", "those that are mounted exist and have their owners")]


def home_folders(scene: Scene) -> list[Finding]:
    """Whether the user of the containers may write where runs write."""
    if not scene.variable("DENGUARD_HOME"):
        return [Finding("skip", "home", "DENGUARD_HOME is not set: no run works from here")]
    wanted = [scene.paths.artifacts, scene.paths.data]
    for_containers = scene.deployment is not None and os.geteuid() == 0
    bad = [str(path) for path in wanted if not path.is_dir() or not _writable(path, for_containers)]
    if bad:
        fix = f"sudo chown {folders.CONTAINER_USER} {' '.join(bad)}"
        return [Finding("fail", "home", f"runs may not write {', '.join(bad)}", fix)]
    return [Finding("ok", "home", f"runs may write below {scene.paths.home}")]


def _writable(path: Path, for_containers: bool) -> bool:
    """By this user; root, who may write everywhere, asks for that of the containers."""
    if for_containers:
        return path.stat().st_uid == folders.CONTAINER_USER
    return os.access(path, os.W_OK)


def versions(scene: Scene) -> list[Finding]:
    """This program's version, that of the checkout, and the images' tag."""
    here = version("denguard")
    tag = scene.settings.get("DENGUARD_VERSION", "")
    said = f"denguard {here}" + (f", images {tag}" if tag else "")
    checkout = scene.deployment / "pyproject.toml" if scene.deployment else None
    if checkout is None or not checkout.is_file():
        return [Finding("ok", "version", said)]
    there = tomllib.loads(checkout.read_text(encoding="utf-8"))["project"]["version"]
    if there == here:
        return [Finding("ok", "version", said)]
    fix = "docs/upgrading.md: make a backup, then build and start the new images"
    return [Finding("warn", "version", f"{said}, and the checkout is {there}", fix)]


def certificate(scene: Scene) -> list[Finding]:
    """Days left of the certificate that the ministry gave."""
    if scene.deployment is None:
        return [Finding("skip", "certificate", "the deployment's folder is not seen from here")]
    text = read_secret(scene.deployment, "cert.pem")
    if not text:
        said = f"none in {FOLDER}/cert.pem: the proxy makes one that browsers warn of"
        fix = "ask the ministry for one for this server's name, and put it and its key there"
        return [Finding("warn", "certificate", said, fix)]
    from cryptography import x509

    try:
        until = x509.load_pem_x509_certificates(text.encode())[0].not_valid_after_utc
    except ValueError:
        return [Finding("fail", "certificate", "it cannot be read", f"correct {FOLDER}/cert.pem")]
    left = until - scene.now
    level: Level = "ok" if left > _CERTIFICATE_SOON else "warn"
    level = "fail" if left < _CERTIFICATE_NOW else level
    fix = "" if level == "ok" else f"put a new one into {FOLDER}/, then restart the proxy"
    return [Finding(level, "certificate", f"{left.days} days left, until {until:%Y-%m-%d}", fix)]
