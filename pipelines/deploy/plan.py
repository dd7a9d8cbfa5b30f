"""What `denguard init` would write, worked out before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.deploy import env_file
from pipelines.deploy.problems import Problem
from pipelines.deploy.secret_files import read_secrets, wrong_secrets
from pipelines.deploy.secret_table import BY_FIRST_VERSION, ENDPOINT_KEYS, FOLDER, SECRETS, Secret
from pipelines.deploy.setting_table import (
    FIRST_VERSIONS_DEFAULTS,
    FIRST_VERSIONS_OVERLAYS,
    NAME_VARIABLE,
    OVERLAYS,
    OVERLAYS_VARIABLE,
    PAGES_PORT,
    PAGES_VARIABLE,
    PROFILE_VARIABLE,
    implied,
    overlays_of,
)
from pipelines.deploy.wrong_values import wrong_values
from pipelines.errors import ConfigError

ENV, TEMPLATE = ".env", ".env.example"


@dataclass(frozen=True)
class Wanted:
    """What the command was asked for; nothing of it means "as it is", or one server at first.

    Attributes:
        name: of the server, as its users and its certificate know it.
    """

    overlays: Sequence[str] = ()
    profile: str | None = None
    name: str | None = None

    def settings(self, port: str) -> dict[str, str]:
        """Settings that follow from it; `port` is that of Airflow's pages."""
        named = {PROFILE_VARIABLE: self.profile} if self.profile else {}
        page = f"https://{self.name}:{port}"
        return named | ({NAME_VARIABLE: self.name, PAGES_VARIABLE: page} if self.name else {})


@dataclass
class Plan:
    """What is to be written, and what stands in its way.

    Attributes:
        folder: of the deployment: docker-compose.yml lies there.
        secrets: name -> value of the files that are to be written.
        env: text of `.env` if it is to be written.
        before: text of the first version's `.env`, which is kept under another name.
        new_key: the endpoint has no key yet, so one is to be made and shown.
        settings: what `.env` holds in the end.
        notes: what a person should know of the choices made.
    """

    folder: Path
    secrets: dict[str, str] = field(default_factory=dict)
    env: str | None = None
    before: str | None = None
    new_key: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def plan_of(folder: Path, wanted: Wanted) -> Plan:
    """Look at what is there and work out what is missing; nothing is written.

    Raises:
        ConfigError: the folder is no deployment, or its files may not be read.
    """
    template, text = _read(folder / TEMPLATE), _read(folder / ENV)
    if template is None:
        raise ConfigError(
            f"this folder holds no {TEMPLATE}, so it is no deployment",
            where=str(folder),
            fix="name the folder with docker-compose.yml by --into",
        )
    if unknown := [name for name in wanted.overlays if name not in OVERLAYS]:
        raise ConfigError(
            f"there is no overlay {unknown[0]!r}", where="--with", fix=f"use {', '.join(OVERLAYS)}"
        )
    plan, before = Plan(folder), env_file.read_env(text or "")
    _plan_secrets(plan, before)
    _plan_settings(plan, template, text, wanted)
    plan.problems += wrong_values(folder, plan.settings, {**read_secrets(folder), **plan.secrets})
    return plan


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else None
    except (UnicodeDecodeError, PermissionError) as err:
        raise ConfigError(
            "this file cannot be read", where=path.name, fix="run it as root, or correct the file"
        ) from err


def _plan_secrets(plan: Plan, before: Mapping[str, str]) -> None:
    here = read_secrets(plan.folder)
    for secret in SECRETS:
        old = before.get(secret.first_version, "")
        if secret.name in here:
            _same_in_both(plan, secret, old, here[secret.name])
        elif old and not (secret.new_if_bad and secret.wrong(old)):
            plan.secrets[secret.name] = old
        elif secret.make:
            plan.secrets[secret.name] = secret.make()
            if old:
                plan.notes.append(f"{secret.name}: {secret.wrong(old)}, so another was made")
        elif secret.may_be_empty:
            plan.secrets[secret.name] = ""
    plan.new_key = ENDPOINT_KEYS not in {**here, **plan.secrets}
    taken = {s.name: s.first_version for s in SECRETS if before.get(s.first_version)}
    lines = {name: line for name, line in taken.items() if name not in here}
    plan.problems += wrong_secrets({**here, **plan.secrets}, lines)


def _same_in_both(plan: Plan, secret: Secret, old: str, here: str) -> None:
    if old and old != here and not secret.wrong(old):
        name = secret.first_version
        fix = f"remove the line of {name} from {ENV} if the file is right, else delete the file"
        what = f"it is another value than that of {FOLDER}/{secret.name}"
        plan.problems.append(Problem(f"{ENV}, {name}", what, fix))


def _plan_settings(plan: Plan, template: str, text: str | None, wanted: Wanted) -> None:
    port = {**env_file.read_env(template), **env_file.read_env(text or "")}.get(PAGES_PORT, "8443")
    asked = wanted.settings(port)
    if text is None:
        values = {**implied(_in_order(wanted.overlays)), **asked}
        plan.env = env_file.filled(template, values, BY_FIRST_VERSION)
    elif BY_FIRST_VERSION.keys() & env_file.read_env(text).keys():
        plan.env, plan.before = _taken_over(plan, template, text, wanted, asked), text
    else:
        grown = _grown(plan, template, text, wanted, asked)
        plan.env = grown if grown != text else None
        text = _with_what_is_new(plan, grown, template)
        plan.env = text if text != grown else plan.env
    plan.settings = env_file.read_env(plan.env or text or "")


def _taken_over(
    plan: Plan, template: str, text: str, wanted: Wanted, asked: Mapping[str, str]
) -> str:
    """A new `.env` with the settings of the first version's, whose every stack had two overlays."""
    before = env_file.read_env(text)
    own = {n: v for n, v in before.items() if v and v != FIRST_VERSIONS_DEFAULTS.get(n)}
    kept = {n: v for n, v in own.items() if n not in BY_FIRST_VERSION}
    ran = any(before.get(name) for name in BY_FIRST_VERSION)  # else a copy that nobody filled
    overlays = _in_order(
        (*wanted.overlays, *(overlays_of(kept) or (FIRST_VERSIONS_OVERLAYS if ran else ())))
    )
    plan.notes.append(
        f"the first version's {ENV} was taken over: its secrets are files of {FOLDER}/ now, and it "
        f"goes on with {', '.join(overlays) or 'one server'}"
    )
    values = {**implied(overlays), **kept, **asked, OVERLAYS_VARIABLE: ",".join(overlays)}
    return env_file.filled(template, values, BY_FIRST_VERSION)


def _grown(plan: Plan, template: str, text: str, wanted: Wanted, asked: Mapping[str, str]) -> str:
    """The `.env` with what was asked for, a setting of one's own kept."""
    here = env_file.read_env(text)
    before, after = overlays_of(here), _in_order((*overlays_of(here), *wanted.overlays))
    values = dict(asked)
    if set(after) != set(before):
        was, becomes = {**env_file.read_env(template), **implied(before)}, implied(after)
        own = {n for n in becomes if here.get(n, "") not in {"", was.get(n, "")}}
        values |= {n: v for n, v in becomes.items() if n not in own or n == OVERLAYS_VARIABLE}
        plan.notes += [
            f"{n} stays {here[n]}; for {', '.join(after)} alone it would be {becomes[n]}"
            for n in sorted(own - {OVERLAYS_VARIABLE})
            if here[n] != becomes[n]
        ]
    values = {n: v for n, v in values.items() if here.get(n) != v}
    plan.notes += [f"{n} is {v} now" for n, v in values.items()]
    text = env_file.changed(text, {n: v for n, v in values.items() if n in here})
    return env_file.added(text, {n: v for n, v in values.items() if n not in here}, "")


def _with_what_is_new(plan: Plan, text: str, template: str) -> str:
    """The `.env` with the settings that this version has and it does not."""
    new = env_file.missing(text, template, BY_FIRST_VERSION)
    by_overlay = implied(overlays_of(env_file.read_env(text)))
    new |= {n: v for n, v in by_overlay.items() if n in new}
    if not new:
        return text
    plan.notes.append(f"settings that this version added to {ENV}: {', '.join(new)}")
    return env_file.added(text, new, template)


def _in_order(overlays: Sequence[str]) -> list[str]:
    """Each once; a name that nobody knows stays, to be refused."""
    return list(dict.fromkeys((*(name for name in OVERLAYS if name in overlays), *overlays)))
