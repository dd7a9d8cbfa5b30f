"""The encoders of a profile: their settings, the hash of their weights, and where those lie."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from pipelines.contracts import BANDS, RGB_BANDS, EncoderName, Modality

_SOURCES = ("package", "folder", "hub")
# Where weights lie on one machine; a model trained on them is the same model elsewhere.
_LOCAL = {"folder"}


class Frozen(BaseModel):
    """Base of every part of a profile."""

    # A margin of .inf would let every challenger pass.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _stays_inside(file: str) -> str:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise ValueError("it must be a file's path inside the package, folder or hub repository")
    return file


def _known_bands(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Red, green and blue are None: as before bands had names."""
    unknown = [name for name in names or () if name not in BANDS]
    if unknown:
        raise ValueError(f"there is no band {unknown[0]!r}; a scene has {', '.join(BANDS)}")
    if names is not None and (len(names) not in (3, len(BANDS)) or len(set(names)) < len(names)):
        raise ValueError(f"name 3 bands, or all {len(BANDS)} for weights that take them, each once")
    return None if names == RGB_BANDS else names


class WeightsConfig(Frozen):
    """Where a model's weights are: in a package, a local folder or a pinned hub revision.

    A configuration without any of the three is what a bundle keeps of weights from a local folder:
    the hash alone says which they are.
    """

    name: str
    package: str | None = Field(None, description="distribution that carries the weights")
    folder: Path | None = Field(None, description="absolute path of a local folder that holds them")
    hub: str | None = Field(
        None,
        pattern=r"^[\w.-]+/[\w.-]+$",
        description="Hugging Face repository, fetched by `denguard weights` alone",
    )
    revision: str | None = Field(
        None, pattern=r"^[0-9a-f]{40}$", description="commit of the hub repository"
    )
    file: Annotated[str, AfterValidator(_stays_inside)] = Field(
        description="weights file; its tokenizer and configuration lie beside it"
    )
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _one_source(self) -> WeightsConfig:
        if len(self.sources) > 1:
            raise ValueError(f"weights come from one place, not from {' and '.join(self.sources)}")
        if (self.hub is None) != (self.revision is None):
            raise ValueError("hub and revision (40 hex digits) go together")
        if self.folder is not None and not self.folder.is_absolute():
            raise ValueError("folder must be an absolute path: tasks run in other folders")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the places that are given: none or one."""
        return tuple(name for name in _SOURCES if getattr(self, name) is not None)


class RuntimeConfig(Frozen):
    """What computes an encoder's network in place of torch: another runtime is another space."""

    engine: Literal["openvino"] = "openvino"
    dtype: Literal["float32", "bfloat16"] = Field(
        description="of the arithmetic; vectors are float32. `denguard runtimes` measures both"
    )


class EncoderConfig(WeightsConfig):
    """One encoder of a profile and where its weights are."""

    name: EncoderName
    pooling: Literal["mean", "last", "cls", "avg", "patch_mean", "projected"]
    threads: int = Field(1, ge=1, description="fixed: other thread counts give other bits")
    bands: Annotated[tuple[str, ...] | None, AfterValidator(_known_bands)] = Field(
        None,
        exclude_if=lambda bands: bands is None,  # what was recorded before stays as it was
        description=(
            "of an image encoder: the bands that become its channels, in this order, such as "
            "[B12, B8A, B04]; none = B04, B03, B02 (red, green, blue)"
        ),
    )
    runtime: RuntimeConfig | None = Field(
        None,
        exclude_if=lambda runtime: runtime is None,  # as with bands
        description="what computes the network; none = torch in float32",
    )

    @property
    def reads_bands(self) -> tuple[str, ...]:
        """Names of the bands that an image encoder's channels are."""
        return self.bands or RGB_BANDS

    def by_torch(self) -> EncoderConfig:
        """The same encoder as torch computes it in float32."""
        return self.model_copy(update={"runtime": None})

    def recipe(self) -> dict[str, object]:
        """What a model follows from: everything but where one machine keeps the weights."""
        return self.model_dump(mode="json", exclude=_LOCAL, exclude_none=True)


class EmbedConfig(Frozen):
    """Encoders and how the work is cut."""

    image: EncoderConfig
    text: EncoderConfig
    max_shards: int = Field(4, ge=1, le=64, description="mapped tasks a modality")
    min_inputs_per_shard: int = Field(200, ge=1)
    nightly_minutes: int = Field(
        120, ge=1, le=1440, description="that `denguard reembed` may take for adopted encoders"
    )

    def recipe(self) -> dict[str, object]:
        """What a fused model follows from."""
        return {"image": self.image.recipe(), "text": self.text.recipe()}

    @field_validator("text")
    @classmethod
    def _texts_have_no_bands(cls, encoder: EncoderConfig) -> EncoderConfig:
        if encoder.bands is not None:
            raise ValueError("a text encoder reads no bands: name them under embed.image")
        return encoder

    @field_validator("image", "text")
    @classmethod
    def _has_a_source(cls, encoder: EncoderConfig) -> EncoderConfig:
        if not encoder.sources:
            raise ValueError("say where the weights are: package, folder, or hub and revision")
        return encoder


Encoders = tuple[tuple[Modality, EncoderConfig], ...]  # of one profile or one champion
