"""Settings judged with what they name: a profile, mail and webhook together with their secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from pipelines.config import load_profile
from pipelines.deploy.problems import Problem
from pipelines.deploy.secret_table import FOLDER
from pipelines.deploy.setting_table import PROFILE_VARIABLE, wrong_settings
from pipelines.errors import ConfigError, validation_sentence
from pipelines.ops.settings import AlertSettings

_ENV = ".env"
_ALERT_SECRETS = ("smtp_url", "alert_webhook_url", "alert_webhook_bearer", "alert_webhook_secret")
_ALERT_SETTINGS = {
    "alert_email_to": "DENGUARD_ALERT_EMAIL_TO",
    "alert_email_from": "DENGUARD_ALERT_EMAIL_FROM",
    "alert_language": "DENGUARD_ALERT_LANGUAGE",
}


def wrong_values(
    folder: Path, settings: Mapping[str, str], secrets: Mapping[str, str]
) -> list[Problem]:
    """What would fail later of the settings of the deployment in a folder."""
    found = [
        Problem(f"{_ENV}, {name}", why, "correct that line")
        for name, why in wrong_settings(settings).items()
    ]
    return [*found, *_wrong_profile(folder, settings), *_wrong_alerts(settings, secrets)]


def _wrong_profile(folder: Path, settings: Mapping[str, str]) -> list[Problem]:
    """The weekly DAG reads the profile; a name that is wrong there is an import error."""
    name = settings.get(PROFILE_VARIABLE) or "sample"
    own = folder / (settings.get("DENGUARD_PROFILES") or "profiles")
    files = [path for end in ("yaml", "yml") if (path := own / f"{name}.{end}").is_file()]
    try:
        load_profile(str(files[0]) if files else name)
    except ConfigError as err:
        return [Problem(f"{_ENV}, {PROFILE_VARIABLE}", err.what, err.fix)]
    return []


def alert_settings_of(settings: Mapping[str, str], secrets: Mapping[str, str]) -> AlertSettings:
    """Who is told, by the files of a deployment. Raises ValidationError, which shows no value."""
    given = {name: secrets.get(name) or None for name in _ALERT_SECRETS}
    told = {field: settings.get(name) or None for field, name in _ALERT_SETTINGS.items()}
    told["alert_email_to"] = told["alert_email_to"] or ""  # a list: none is empty
    return AlertSettings.model_validate({**given, **told})


def _wrong_alerts(settings: Mapping[str, str], secrets: Mapping[str, str]) -> list[Problem]:
    try:
        alert_settings_of(settings, secrets)
    except ValidationError as err:
        where = f"{_ENV} and {FOLDER}/, who is told"
        fix = f"correct it in {_ENV}, or in {FOLDER}/smtp_url and {FOLDER}/alert_webhook_*"
        return [Problem(where, validation_sentence(err), fix)]
    return []
