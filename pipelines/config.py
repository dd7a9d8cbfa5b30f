"""A profile: every choice of a run as one frozen, extra-forbid pydantic model read from YAML.

Belongs here: the shape of a profile, its defaults and its checks. Does not belong here: secrets
(environment only), anything that depends on the clock or the machine, and how recipes of earlier
versions are read (recipes.py).
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from pipelines.candidate_config import forecaster_kind
from pipelines.codes import UnitCodes
from pipelines.contracts import LINEAR, HeadKind, Modality, SourceName
from pipelines.encoder_config import EncoderConfig, Frozen
from pipelines.errors import ConfigError
from pipelines.label_config import LabelConfig
from pipelines.place_config import InputConfig, PlaceConfig, require_week
from pipelines.plain_yaml import UnusableYaml, read_plain_yaml
from pipelines.train_config import TrainConfig
from pipelines.weeks import Calendar, WeekLabel

Horizon = Annotated[int, Field(ge=0, le=12)]


class TextWindow(Frozen):
    """Where prompts are made. Other rows are tabular, with text masked."""

    municipalities: tuple[str, ...] | None = Field(None, description="none = every unit")
    first_week: WeekLabel | None = Field(None, description="none = from the first")
    last_week: WeekLabel | None = Field(None, description="none = to the newest")


class ScenePolicy(Frozen):
    """When a scene counts as an image and when as a missing one."""

    blank_max_std: float = Field(
        2.0, ge=0, description="grey levels (0-255); flatter scenes are blank"
    )
    blank_max_dark_share: float = Field(0.98, ge=0, le=1, description="share of pure black pixels")
    max_saturated_share: float = Field(
        0.8, ge=0, le=1, description="of non-black pixels, all channels >= 250"
    )
    max_age_weeks: int = Field(13, ge=0, le=520, description="older content is stale and masked")
    max_pixels: int = Field(
        50_000_000, ge=1, le=1_000_000_000, description="per band; larger files are refused unread"
    )


class Maturity(Frozen):
    """What is done about newest weeks whose reports are still coming in."""

    method: Literal["none", "drop"] = "none"
    weeks: int = Field(0, ge=0, le=26, description="newest weeks that are taken as unknown")

    @model_validator(mode="after")
    def _weeks_go_with_drop(self) -> Maturity:
        if (self.method == "drop") != (self.weeks > 0):
            raise ValueError("`drop` needs weeks of 1 or more, `none` has none")
        return self


class DataConfig(Frozen):
    """What is ingested and how samples are made from it."""

    source: SourceName = "files"
    inputs: tuple[InputConfig, ...] = Field(
        (), description="files of a drop, for the source `files`"
    )
    updates: Literal["increment", "full"] = Field("increment", description="what a drop leaves out was not sent, or was withdrawn")  # fmt: skip
    maturity: Maturity = Maturity()
    first_week: WeekLabel | None = Field(None, description="first origin week of the sample table; none = a year after the first count")  # fmt: skip
    reporting_delay_weeks: int = Field(0, ge=0, le=12)
    text_window: TextWindow = TextWindow()
    scenes: ScenePolicy = ScenePolicy()
    max_blank_share: float = Field(
        0.5, ge=0, le=1, description="of a drop's scenes, before it is an issue"
    )
    max_weekly_cases: int = Field(
        20_000, ge=1, description="larger counts are absurd and quarantined"
    )


class EmbedConfig(Frozen):
    """Encoders and how the work is cut."""

    image: EncoderConfig
    text: EncoderConfig
    max_shards: int = Field(4, ge=1, le=64, description="mapped tasks a modality")
    min_inputs_per_shard: int = Field(200, ge=1)

    def recipe(self) -> dict[str, Any]:
        """What a fused model follows from."""
        return {"image": self.image.recipe(), "text": self.text.recipe()}

    @field_validator("image", "text")
    @classmethod
    def _has_a_source(cls, encoder: EncoderConfig) -> EncoderConfig:
        if not encoder.sources:
            raise ValueError("say where the weights are: package, folder, or hub and revision")
        return encoder


class TestYears(Frozen):
    """The newest complete years of the place's calendar; the running year is never one of them."""

    __test__ = False  # not a pytest test, by its name

    last: int = Field(5, ge=1, le=50, description="at most so many; fewer where history is short")
    hold_back: int = Field(0, ge=0, le=10, description="newest years that nobody looks at before a release")  # fmt: skip


class EvaluateConfig(Frozen):
    """Rows and folds a recipe is judged on."""

    horizons_weeks: tuple[Horizon, ...] = (1, 4, 8, 12)
    primary_horizon_weeks: Horizon = 4
    test_years: TestYears | tuple[int, ...] = TestYears()
    municipalities: tuple[str, ...] | None = Field(None, description="units that are judged; none = all of the pool")  # fmt: skip

    @model_validator(mode="after")
    def _consistent(self) -> EvaluateConfig:
        if self.primary_horizon_weeks not in self.horizons_weeks:
            raise ValueError("primary_horizon_weeks must be one of horizons_weeks")
        return self


class GateConfig(Frozen):
    """When a challenger may replace the champion."""

    margin_brier: float = Field(0.005, gt=0, le=0.05, description="non-inferiority margin")
    block_weeks: int = Field(13, ge=13, le=52, description="shorter blocks share an epidemic")
    min_origins: int = Field(4, ge=4)
    min_blocks: int = Field(16, ge=8)
    resamples: int = Field(2000, ge=200, le=100_000)
    confidence: float = Field(0.95, gt=0.5, lt=1)
    max_worse_than_prevalence: float = Field(0.01, ge=0, le=0.1)
    max_mean_bias: float = Field(0.1, gt=0, le=0.5)
    seed: int = 13


class ServingConfig(Frozen):
    """How long to wait for the endpoint to take a bundle. Its address comes from the environment."""

    take_over_timeout_s: float = Field(30.0, gt=0, le=3600)


class Profile(Frozen):
    """One profile file, of pipelines/conf or of the deployment."""

    profile: str
    place: PlaceConfig = PlaceConfig()
    data: DataConfig
    labels: LabelConfig
    embed: EmbedConfig | None = Field(
        None, description="none = no scenes and no prompts are embedded"
    )
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    gate: GateConfig = GateConfig()
    serving: ServingConfig = ServingConfig()
    model_name: str = "denguard"

    @property
    def calendar(self) -> Calendar:
        """The place's weeks."""
        return self.place.week.calendar

    @property
    def encoders(self) -> tuple[tuple[Modality, EncoderConfig], ...]:
        """Image and text encoder, or none at all."""
        return (("image", self.embed.image), ("text", self.embed.text)) if self.embed else ()

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
            raise ValueError(f"train.candidates names {', '.join(fused)}, which read vectors, and there is no `embed`; add encoders or leave them out")  # fmt: skip
        return self

    @model_validator(mode="after")
    def _weeks_exist(self) -> Profile:
        window = self.data.text_window
        named = {"data.first_week": self.data.first_week, "data.text_window.first_week": window.first_week, "data.text_window.last_week": window.last_week}  # fmt: skip
        for key, label in named.items():
            if label is not None:
                require_week(self.calendar, label, key)
        return self

    def recipe_id(self, head: HeadKind) -> str:
        """Hash of everything that decides a model except the data: what the gate compares."""
        from pipelines.recipes import recipe_id

        return recipe_id(self.recipe(head))

    def recipe(self, head: HeadKind) -> dict[str, Any]:
        """The JSON-able choices that a head's model follows from; data and judging left out.

        A recipe that reads no vectors names neither encoders nor lambda: it is the same model
        whichever encoders a profile uses, and the gate must see that.
        """
        data = {"first_week", "reporting_delay_weeks", "maturity"}
        recipe: dict[str, Any] = {
            "head": head,
            "week": self.place.week.model_dump(mode="json"),
            "labels": self.labels.model_dump(mode="json"),
            "horizons_weeks": list(self.evaluate.horizons_weeks),
            "primary_horizon_weeks": self.evaluate.primary_horizon_weeks,
        }
        if forecaster_kind(head).reads_vectors:
            data |= {"text_window", "scenes"}
            recipe["train"] = self.train.model_dump(mode="json", exclude={"candidates"})
            recipe["language"] = self.place.language
            recipe["embed"] = self.embed.recipe() if self.embed else None
        else:
            keys = {"linear_c", "inner_origins"} if head == LINEAR else {"inner_origins"}
            recipe["train"] = self.train.model_dump(mode="json", include=keys)
        settings = self.train.candidate(head).spoken()
        if settings:
            recipe["settings"] = settings
        recipe["data"] = self.data.model_dump(mode="json", include=data)
        return recipe


class Places(Frozen):
    """Where a deployment keeps things; from DENGUARD_HOME, else the current folder."""

    home: Path

    @property
    def data(self) -> Path:
        """Everything a run is given."""
        return self.home / "data"

    @property
    def drops(self) -> Path:
        return self.data / "drops"

    @property
    def artifacts(self) -> Path:
        """Everything a run makes."""
        return self.home / "artifacts"

    @property
    def artifacts_uri(self) -> str | None:
        """Store that several machines share, DENGUARD_ARTIFACTS_URI; None = artifacts/ alone."""
        return os.environ.get("DENGUARD_ARTIFACTS_URI") or None

    @property
    def tracking_uri(self) -> str:
        """MLflow's address: MLFLOW_TRACKING_URI, else one SQLite file under artifacts/."""
        default = f"sqlite:///{self.artifacts / 'mlflow' / 'mlflow.db'}"
        return os.environ.get("MLFLOW_TRACKING_URI", default)


def places() -> Places:
    """Folders of this deployment."""
    return Places(home=Path(os.environ.get("DENGUARD_HOME", ".")).resolve())


def profile_names() -> list[str]:
    """Names of the profiles that ship with denguard."""
    folder = resources.files("pipelines") / "conf"
    return sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".yaml"))


def load_profile(name: str, **overrides: object) -> Profile:
    """Read a profile by name or path; `overrides` are dotted keys such as `evaluate.horizons_weeks`.

    Raises:
        ConfigError: no such profile, or a key or value that the model refuses (all are named).
    """
    path = Path(name.replace("\0", ""))  # the operating system's names have none
    if path.suffix not in {".yaml", ".yml"}:
        if name not in profile_names():
            raise ConfigError(
                f"no profile {name!r}", fix=f"use one of {profile_names()} or a YAML path"
            )
        path = Path(str(resources.files("pipelines") / "conf" / f"{name}.yaml"))
    try:
        if not path.is_file():  # a folder, a pipe or a device is none either
            raise ConfigError(f"no profile file {path.name}", where=str(path), fix="check the path")
        raw = read_plain_yaml(path)
        if not isinstance(raw, dict):
            raise UnusableYaml("it holds no keys and values")
        for key, value in overrides.items():
            _set_dotted(raw, key, value)
        return Profile.model_validate(raw)
    except OSError as err:
        raise ConfigError(f"the profile cannot be read: {err.strerror}", where=name[:200], fix="check the path and its permissions") from err  # fmt: skip
    except (UnusableYaml, ValidationError) as err:
        raise ConfigError(f"profile {path.name} is not valid: {_readable(err)}", where=str(path), fix="correct the keys named") from err  # fmt: skip


def _set_dotted(raw: dict[str, object], key: str, value: object) -> None:
    *parents, leaf = key.split(".")
    node = raw
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ConfigError(f"{key} does not name a setting", fix="check the dotted key")
        node = child
    node[leaf] = value


def _readable(err: UnusableYaml | ValidationError) -> str:
    if isinstance(err, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors())
    return str(err)
