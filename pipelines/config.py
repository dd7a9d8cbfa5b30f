"""A profile: every choice of a run as one frozen, extra-forbid pydantic model read from YAML.

Nothing in it depends on the clock or the machine, and secrets come from the environment alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, model_validator

from pipelines.bulletin_config import BulletinConfig
from pipelines.candidate_config import forecaster_kind
from pipelines.code_changes import with_changes
from pipelines.codes import UnitCodes
from pipelines.contracts import LINEAR, HeadKind, Modality
from pipelines.data_config import DataConfig as DataConfig
from pipelines.data_config import Limits as Limits
from pipelines.data_config import Maturity as Maturity
from pipelines.data_config import ScenePolicy as ScenePolicy
from pipelines.data_config import TextWindow as TextWindow
from pipelines.deployment_paths import DeploymentPaths as DeploymentPaths
from pipelines.deployment_paths import at_line as at_line
from pipelines.deployment_paths import deployment_paths as deployment_paths
from pipelines.encoder_config import EmbedConfig as EmbedConfig
from pipelines.encoder_config import EncoderConfig as EncoderConfig
from pipelines.encoder_config import Encoders
from pipelines.encoder_config import Frozen as Frozen
from pipelines.errors import ConfigError
from pipelines.evaluation_config import EvaluateConfig as EvaluateConfig
from pipelines.evaluation_config import GateConfig as GateConfig
from pipelines.evaluation_config import TestYears as TestYears
from pipelines.label_config import LabelConfig
from pipelines.place_config import PlaceConfig, require_week, shipped_prompts
from pipelines.plain_yaml import UnusableYaml, read_plain_yaml, sentence
from pipelines.profile_v1 import translated, where_it_went
from pipelines.recipes import recipe_id, recipe_of
from pipelines.retention_config import RetentionConfig
from pipelines.satellite_config import SatelliteConfig
from pipelines.serving_config import ServingConfig
from pipelines.train_config import TrainConfig as TrainConfig
from pipelines.weeks import Calendar


class Profile(Frozen):
    """One profile file, of pipelines/conf or of the deployment."""

    profile: str
    place: PlaceConfig = PlaceConfig()
    data: DataConfig
    labels: LabelConfig = LabelConfig()
    embed: EmbedConfig | None = Field(
        None, description="none = no scenes and no prompts are embedded"
    )
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    gate: GateConfig = GateConfig()
    serving: ServingConfig = ServingConfig()
    bulletin: BulletinConfig = BulletinConfig()
    retention: RetentionConfig = RetentionConfig()
    satellite: SatelliteConfig | None = Field(None, description="for `denguard fetch scenes`")
    model_name: str = "denguard"
    schedule: str | None = Field(
        None,
        pattern=r"^(\S+ ){4}\S+$",
        description="cron, by the place's clock, of a line of its own beside the main one; "
        "see docs/ops.md",
    )

    @model_validator(mode="before")
    @classmethod
    def _a_line_has_a_model_of_its_own(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("schedule") and "model_name" not in given:
            return {**given, "model_name": f"denguard-{given.get('profile', '')}"}
        return given

    @property
    def calendar(self) -> Calendar:
        """The place's weeks."""
        return self.place.week.calendar

    @property
    def encoders(self) -> Encoders:
        """Image and text encoder, or none at all."""
        return (("image", self.embed.image), ("text", self.embed.text)) if self.embed else ()

    def with_encoders(self, encoders: Mapping[Modality, EncoderConfig]) -> Profile:
        """The same profile with these encoders in place of its own, if it has any."""
        if self.embed is None or not encoders:
            return self
        own = {str(modality): config for modality, config in encoders.items()}
        return self.model_copy(update={"embed": self.embed.model_copy(update=own)})

    @property
    def codes(self) -> UnitCodes:
        """How the place writes its codes."""
        return self.place.codes.system

    @model_validator(mode="before")
    @classmethod
    def _only_linear_without_encoders(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("embed") is None:
            train = given.get("train") or {}
            if isinstance(train, dict) and not {"heads", "candidates"} & set(train):
                return {**given, "train": {**train, "candidates": [LINEAR]}}
        return given

    @model_validator(mode="after")
    def _fusion_has_encoders(self) -> Profile:
        fused = [name for name in self.train.names if forecaster_kind(name).reads_vectors]
        if fused and self.embed is None:
            raise ValueError(
                f"train.candidates names {', '.join(fused)}, which read vectors, and there is no "
                "`embed`; add encoders or leave them out"
            )
        return self

    @model_validator(mode="after")
    def _prompts_exist(self) -> Profile:
        if self.embed is not None and self.place.prompt_file is None:
            raise ValueError(
                f"place.language: there are no prompts in {self.place.language!r}, only in "
                f"{', '.join(shipped_prompts())}; give a template of your own as place.prompt"
            )
        return self

    @model_validator(mode="after")
    def _weeks_exist(self) -> Profile:
        window = self.data.text_window
        named = {
            "data.first_week": self.data.first_week,
            "data.text_window.first_week": window.first_week,
            "data.text_window.last_week": window.last_week,
        }
        named |= {
            f"place.codes.changes: since, of {c.old}": c.since for c in self.place.codes.changes
        }
        for key, label in named.items():
            if label is not None:
                require_week(self.calendar, label, key)
        return self

    @property
    def prompt_file(self) -> Path | None:
        """The template that prompts are made from; None = neither one's own nor a shipped one."""
        return self.place.prompt_file_for(self.data.has_notes)

    def recipe_id(self, head: HeadKind) -> str:
        """Hash of everything that decides a model except the data: what the gate compares."""
        return recipe_id(self.recipe(head))

    def recipe(self, head: HeadKind) -> dict[str, Any]:
        """The JSON-able choices that a head's model follows from; data and judging left out.

        A recipe that reads no vectors names neither encoders nor lambda: it is the same model
        whichever encoders a profile uses, and the gate must see that.
        """
        return recipe_of(self, head)


def lines() -> dict[str, str]:
    """Profiles of the deployment that run beside the main one -> their schedule (cron).

    Each has drops, lock, champion and DAG of its own: two diseases, the nation and a city.

    Raises:
        ConfigError: a profile of the deployment is not valid.
    """
    found = {name: load_profile(name).schedule for name in own_profiles()}
    return {name: schedule for name, schedule in found.items() if schedule is not None}


def time_zone_of(profile: str) -> ZoneInfo:
    """The clock of a profile's place; UTC if it cannot be read, which whoever runs it is told."""
    try:
        return load_profile(profile).place.zone
    except ConfigError:
        return ZoneInfo("UTC")


def profile_names() -> list[str]:
    """Names of the profiles that ship with denguard and of those of the deployment."""
    return sorted({*_shipped(), *own_profiles()})


def own_profiles() -> dict[str, Path]:
    """Profiles of this deployment: the name of a file in profiles/ without its suffix ->
    the file."""
    folder = deployment_paths().profiles
    found = (*folder.glob("*.yaml"), *folder.glob("*.yml")) if folder.is_dir() else ()
    return {path.stem: path for path in sorted(found)}


def _shipped() -> dict[str, Path]:
    folder = Path(str(resources.files("pipelines") / "conf"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_profile(name: str, **overrides: object) -> Profile:
    """Read a profile by name or path; `overrides` are dotted keys such as
    `evaluate.horizons_weeks`.

    A profile of the deployment goes before a shipped one of the same name.

    Raises:
        ConfigError: no such profile, or a key or value that the model refuses (all are named).
    """
    path = profile_file(name)
    try:
        raw = read_plain_yaml(path)
        if not isinstance(raw, dict):
            raise UnusableYaml("it holds no keys and values")
        raw = with_changes(translated(raw, path), path)
        for key, value in overrides.items():
            _set_dotted(raw, key, value)
        return Profile.model_validate(raw, context={"folder": path.resolve().parent})
    except OSError as err:
        raise ConfigError(
            f"the profile cannot be read: {err.strerror}",
            where=name[:200],
            fix="check the path and its permissions",
        ) from err
    except (UnusableYaml, ValidationError) as err:
        raise ConfigError(
            f"profile {path.name} is not valid: {sentence(err)}",
            where=str(path),
            fix="; ".join(["correct the keys named", *where_it_went(sentence(err))]),
        ) from err


def profile_file(name: str) -> Path:
    """The file of a profile, by name or path. Raises ConfigError if there is none, whatever it
    holds.
    """
    path = Path(name.replace("\0", ""))  # the operating system's names have none
    if path.suffix not in {".yaml", ".yml"}:
        known = {**_shipped(), **own_profiles()}
        if name not in known:
            raise ConfigError(
                f"no profile {name!r}",
                fix=(
                    f"use one of {sorted(known)} or a YAML path; profiles of your own lie in "
                    f"{deployment_paths().profiles}"
                ),
            )
        path = known[name]
    try:
        if not path.is_file():  # a folder, a pipe or a device is none either
            raise ConfigError(f"no profile file {path.name}", where=str(path), fix="check the path")
    except OSError as err:
        raise ConfigError(
            f"the profile cannot be read: {err.strerror}",
            where=name[:200],
            fix="check the path and its permissions",
        ) from err
    return path


def _set_dotted(raw: dict[str, object], key: str, value: object) -> None:
    *parents, leaf = key.split(".")
    node = raw
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ConfigError(f"{key} does not name a setting", fix="check the dotted key")
        node = child
    node[leaf] = value
