"""A profile: every choice of a run as one frozen, extra-forbid pydantic model read from YAML.

Belongs here: the shape of a profile, its defaults and its checks. Does not belong here: secrets
(environment only) and anything that depends on the clock or the machine.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from pipelines.contracts import HeadKind, SourceName, content_id
from pipelines.encoder_config import EncoderConfig, Frozen
from pipelines.errors import ConfigError
from pipelines.plain_yaml import UnusableYaml, read_plain_yaml
from pipelines.weeks import WeekLabel

Horizon = Annotated[int, Field(ge=0, le=12)]
# The ten municipalities of the public image inventory, PhysioNet multimodal-satellite-data 1.0.0.
TEN_MUNICIPALITIES = (
    "05001", "05360", "08001", "23001", "41001", "50001", "54001", "68001", "73001", "76001",
)  # fmt: skip


class TextWindow(Frozen):
    """Where prompts are made. Other rows are tabular, with text masked."""

    municipalities: tuple[str, ...] = TEN_MUNICIPALITIES
    first_week: WeekLabel = "2013-w01"
    last_week: WeekLabel = "2018-w52"


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


class DataConfig(Frozen):
    """What is ingested and how samples are made from it."""

    source: SourceName
    first_week: WeekLabel = Field("2009-w01", description="first origin week of the sample table")
    reporting_delay_weeks: int = Field(0, ge=0, le=12)
    language: Literal["en", "es", "pt"] = "es"
    text_window: TextWindow = TextWindow()
    scenes: ScenePolicy = ScenePolicy()
    max_blank_share: float = Field(
        0.5, ge=0, le=1, description="of a drop's scenes, before it is an issue"
    )
    max_weekly_cases: int = Field(
        20_000, ge=1, description="larger counts are absurd and quarantined"
    )


class LabelConfig(Frozen):
    """What counts as an outbreak week; see pipelines/data/labels.py."""

    rule_id: Literal["median_2016_2017"] = "median_2016_2017"
    min_reference_cases: int = Field(
        100, ge=1, description="in the reference period, to be in the pool"
    )


class EmbedConfig(Frozen):
    """Encoders and how the work is cut."""

    image: EncoderConfig
    text: EncoderConfig
    max_shards: int = Field(4, ge=1, le=64, description="mapped tasks a modality")
    min_inputs_per_shard: int = Field(200, ge=1)

    @field_validator("image", "text")
    @classmethod
    def _has_a_source(cls, encoder: EncoderConfig) -> EncoderConfig:
        if not encoder.sources:
            raise ValueError("say where the weights are: package, folder, or hub and revision")
        return encoder


class LoopConfig(Frozen):
    """What the training loop of the fused heads is told."""

    batch_rows: int = Field(64, ge=2, le=1_000_000)
    learning_rate: float = Field(1e-3, gt=0, le=1)
    weight_decay: float = Field(1e-2, ge=0, le=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    noise_sigma: float = Field(0.0, ge=0, description="1.0 is the paper's printed value")
    alignment_weight: float = Field(0.0, ge=0, description="weight of L_reg")
    threads: int = Field(1, ge=1)
    seed: int = 7


class TrainConfig(LoopConfig):
    """Heads and their training. Part of the recipe."""

    heads: tuple[HeadKind, ...] = ("linear", "early", "late_joint")
    linear_c: float = Field(0.05, gt=0, description="inverse L2 strength of the linear head")
    lambda_grid: tuple[float, ...] = Field((0.0,), description="shifts tried; 0 is always in")
    max_epochs: int = Field(30, ge=1, le=10_000)
    inner_origins: int = Field(3, ge=3, description="whole seasons that lambda is chosen on")
    min_paired_rows: int = Field(200, ge=1, description="below it lambda stays 0")
    min_paired_units: int = Field(3, ge=1)

    @field_validator("lambda_grid")
    @classmethod
    def _has_zero(cls, grid: tuple[float, ...]) -> tuple[float, ...]:
        if 0.0 not in grid or any(abs(x) > 1 for x in grid):
            raise ValueError("lambda_grid must hold 0 and stay within -1..1")
        return tuple(sorted(grid))


class EvaluateConfig(Frozen):
    """Rows and folds a recipe is judged on."""

    horizons_weeks: tuple[Horizon, ...] = (1, 4, 8, 12)
    primary_horizon_weeks: Horizon = 4
    test_years: tuple[int, ...] = (2014, 2015, 2016, 2017, 2018)
    municipalities: tuple[str, ...] = TEN_MUNICIPALITIES

    @model_validator(mode="after")
    def _consistent(self) -> EvaluateConfig:
        if self.primary_horizon_weeks not in self.horizons_weeks:
            raise ValueError("primary_horizon_weeks must be one of horizons_weeks")
        if max(self.test_years) >= 2019:
            raise ValueError("2019 stays untouched until a release; test_years must end before it")
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
    """One profile file of pipelines/conf."""

    profile: str
    data: DataConfig
    labels: LabelConfig = LabelConfig()
    embed: EmbedConfig
    train: TrainConfig
    evaluate: EvaluateConfig = EvaluateConfig()
    gate: GateConfig = GateConfig()
    serving: ServingConfig = ServingConfig()
    model_name: str = "denguard"

    def recipe_id(self, head: HeadKind) -> str:
        """Hash of everything that decides a model except the data: what the gate compares."""
        return content_id(self.recipe(head))

    def recipe(self, head: HeadKind) -> dict[str, object]:
        """The JSON-able choices that a head's model follows from; data and judging left out.

        The linear head's recipe names neither encoders nor lambda: it is the same model whichever
        encoders a profile uses, and the gate must see that.
        """
        data = {"first_week", "reporting_delay_weeks"}
        recipe: dict[str, object] = {
            "head": head,
            "labels": self.labels.model_dump(mode="json"),
            "horizons_weeks": list(self.evaluate.horizons_weeks),
            "primary_horizon_weeks": self.evaluate.primary_horizon_weeks,
        }
        if head == "linear":
            recipe["train"] = self.train.model_dump(
                mode="json", include={"linear_c", "inner_origins"}
            )
        else:
            data |= {"language", "text_window", "scenes"}
            recipe["train"] = self.train.model_dump(mode="json", exclude={"heads"})
            recipe["embed"] = {m: getattr(self.embed, m).recipe() for m in ("image", "text")}
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
