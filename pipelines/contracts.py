"""Names with units that every room agrees on: columns, covariates, issues, encoder identity.

Nothing here reads a file or computes a value.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pipelines.plugins import Registry, one_of

# --- Samples -----------------------------------------------------------------------------------
# One row = one unit (a municipality, a district), one origin week, one horizon. No label and no
# split in it: labels
# follow from a rule and splits from a protocol, and both change without the sample changing.
SAMPLE_KEYS = (
    "sample_id",  # "05001-2018-w48-h04"
    "unit_id",  # code of the place, as its code system writes it
    "group_id",  # never torn by a split (a municipality is torn only along time)
    "origin_week",  # "2018-w48": when the prediction is made
    "target_week",
    "origin_week_no",  # ordinals of pipelines.weeks
    "target_week_no",
    "horizon_weeks",
)
SAMPLE_INPUTS = (
    "image_uri",  # path relative to the data folder, or null
    "image_sha256",  # hash of the file's bytes, or null
    "image_date",  # first day of the scene's compositing period, or null
    "image_quality",  # SceneQuality of the newest scene that was available
    "image_age_weeks",  # from its content's first appearance, or from the newest day it shows
    "text",  # prompt, or null outside the text window
    "text_sha256",
)
SAMPLE_TARGET = (
    "cases"  # of the target week; null if not known at as_of, never 0 for a missing week
)
# Of a features folder, beside keys, inputs and covariates; no covariate may be called so.
FEATURE_COLUMNS = (SAMPLE_TARGET, "threshold_cases", "label", "image_key", "text_key")


# Bands of a scene file with twelve of them, in its order; the names are Sentinel-2's.
BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
RGB_BANDS = ("B04", "B03", "B02")  # what a file of three bands holds, and what is seen of twelve


class SceneQuality(StrEnum):
    """What a scene is good for; only OK scenes are embedded for a model."""

    OK = "ok"
    BLANK = "blank"
    SATURATED = "saturated"
    UNREADABLE = "unreadable"
    STALE = "stale"
    OTHER_BANDS = "other-bands"  # good, but without the bands that the image encoder reads
    NONE = "none"


# --- Forecasts ---------------------------------------------------------------------------------
# What a forecast knows of the week it is published in; anything but CURRENT is a fallback.
DataState = Literal["current", "without this week's data", "this week's data, run not finished"]
CURRENT: DataState = "current"  # of a run that went through the whole pipeline
WITHOUT: DataState = "without this week's data"
UNFINISHED: DataState = "this week's data, run not finished"

CovariateKind = Literal["log_cases", "season", "climate", "demographic", "scene"]


@dataclass(frozen=True)
class Covariate:
    """One column of the sample table that the linear head reads.

    `log_cases` columns are log1p of weekly cases; a head reads them relative to log1p of the
    label rule's threshold, so that one coefficient serves towns of every size.
    """

    name: str
    kind: CovariateKind
    unit: str


COVARIATES: tuple[Covariate, ...] = (
    *(Covariate(f"log1p_cases_lag{k:02d}", "log_cases", "log1p(cases)") for k in range(4)),
    Covariate("log1p_cases_mean_lag04_07", "log_cases", "log1p(mean cases)"),
    Covariate("log1p_cases_mean_lag08_11", "log_cases", "log1p(mean cases)"),
    Covariate("log1p_cases_mean_lag00_51", "log_cases", "log1p(mean cases)"),
    Covariate("log1p_cases_last_year", "log_cases", "log1p(mean cases, target week -52 +-1)"),
    Covariate("season_sin1", "season", "1"),
    Covariate("season_cos1", "season", "1"),
    Covariate("season_sin2", "season", "1"),
    Covariate("season_cos2", "season", "1"),
    *(Covariate(f"temp_mean_c_lag{k}", "climate", "degree Celsius") for k in range(1, 4)),
    *(Covariate(f"log1p_rainfall_mm_lag{k}", "climate", "log1p(mm/month)") for k in range(1, 4)),
    Covariate("log10_population", "demographic", "log10(persons)"),
    Covariate("households_without_water_pct", "demographic", "percent"),
    Covariate("log1p_houses_per_km2", "demographic", "log1p(1/km2)"),
)
COVARIATE_NAMES: tuple[str, ...] = tuple(c.name for c in COVARIATES)
# Of the scene that the origin sees, where `data.scenes.indices` asks for any; the last two stand
# beside those that it names.
IndexName = Literal["ndvi", "ndwi", "ndmi", "brightness"]
SCENE_COVARIATES: tuple[Covariate, ...] = (
    *(Covariate(f"scene_{name}", "scene", "-1..1") for name in ("ndvi", "ndwi", "ndmi")),
    Covariate("scene_brightness", "scene", "reflectance"),
    Covariate("scene_clear_share", "scene", "share of the picture"),
    Covariate("scene_age_weeks", "scene", "weeks"),
)
SCENE_BESIDE = tuple(c.name for c in SCENE_COVARIATES[-2:])


# --- Issues ------------------------------------------------------------------------------------
class Level(StrEnum):
    """How bad a data issue is. CRITICAL stops the run before anything downstream."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"  # the rows concerned are quarantined, the run goes on
    CRITICAL = "critical"


@dataclass(frozen=True)
class Issue:
    """One finding about incoming data, for a person who has to act on it."""

    level: Level
    code: str  # stable kebab-case name, such as "duplicate-row"
    message: str  # what was found
    place: str  # municipality code or file (and row), "" if it concerns the whole drop
    period: str  # week, month or range, "" if it concerns all of it
    fix: str  # what to do
    rows: int = 0  # how many rows or files it concerns


# --- Encoders ----------------------------------------------------------------------------------
Modality = Literal["image", "text"]


@dataclass(frozen=True)
class EncoderSpec:
    """Everything that decides an encoder's vectors. Library versions are recorded, not keyed."""

    encoder: str  # "timm_image"
    modality: Modality
    width: int  # of the vector
    weights_sha256: str
    preprocessing: str  # canonical text of the preprocessing, with the processor's class
    pooling: str
    dtype: str
    threads: int
    code_id: str  # changes when the encoder's own code changes its vectors

    @property
    def space_id(self) -> str:
        """Short hash that names the vector space."""
        return hashlib.sha256(canonical_json(asdict(self)).encode()).hexdigest()[:16]


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def content_id(value: object) -> str:
    """Short hash of a JSON-able value, for recipe and version ids."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


# --- Plug-ins ----------------------------------------------------------------------------------
# A new one is one new file and one line here, or an entry point of another distribution.
SOURCES = Registry(
    "denguard.sources",
    "source",
    {
        "files": "pipelines.data.sources.files",  # the profile's data.inputs, each with its adapter
        "satellitebench": "pipelines.data.sources.satellitebench",
        "sample": "pipelines.data.sources.satellitebench",  # made in PhysioNet's layout on purpose
    },
)
ADAPTERS = Registry(
    "denguard.adapters",
    "adapter",
    {
        "long": "pipelines.data.adapters.long",
        "line_list": "pipelines.data.adapters.line_list",
        "dhis2": "pipelines.data.adapters.dhis2",
        "wide": "pipelines.data.adapters.wide",
        "series": "pipelines.data.adapters.series",
        "tabnet": "pipelines.data.adapters.tabnet",
        "infodengue": "pipelines.data.adapters.infodengue",
        "opendengue": "pipelines.data.adapters.opendengue",
        "chapcore": "pipelines.data.adapters.chapcore",
        "ewars": "pipelines.data.adapters.ewars",
        "hubverse_target": "pipelines.data.adapters.hubverse_target",
    },
)
UNIT_CODES = Registry(
    "denguard.unit_codes",
    "code system",
    {
        "text": "pipelines.codes:TextCodes",
        "dane": "pipelines.data.sources.dane:DaneCodes",
    },
)
CALENDARS = Registry(
    "denguard.calendars",
    "week numbering",
    {
        "cdc": "pipelines.weeks:cdc",
        "iso": "pipelines.weeks:iso",
    },
)
LABEL_RULES = Registry(
    "denguard.label_rules",
    "label rule",
    {
        "quantile": "pipelines.label_rules:QuantileRule",
        "rolling_quantile": "pipelines.label_rules:RollingQuantileRule",
        "endemic_channel": "pipelines.label_rules:EndemicChannelRule",
        "incidence": "pipelines.label_rules:IncidenceRule",
    },
)
ENCODERS = Registry(
    "denguard.encoders",
    "encoder",
    {
        "timm_image": "pipelines.embed.timm_image",
        "hf_text": "pipelines.embed.hf_text",
        "use_text": "pipelines.embed.use_text",
        "llama": "pipelines.embed.llama",
        "dinov2": "pipelines.embed.dinov2",
        "openclip_image": "pipelines.embed.openclip_image",
        "openclip_text": "pipelines.embed.openclip_text",
    },
)
# Append only: a bundle of FORMAT 1 stores a head by its position here.
FUSED_HEADS = Registry(
    "denguard.fused_heads",
    "fused head",
    {
        "early": "pipelines.fusion.heads.early",
        "late_joint": "pipelines.fusion.heads.late_joint",
    },
)
# What can be trained and can serve; a fused head is one by its name above. Each entry is a
# ForecasterKind of pipelines/candidate_config.py, so that reading a profile imports no library.
FORECASTERS = Registry(
    "denguard.forecasters",
    "forecaster",
    {
        "linear": "pipelines.models.kinds:LINEAR",
        "boosting": "pipelines.models.kinds:BOOSTING",
        "prevalence": "pipelines.models.kinds:PREVALENCE",
        "persistence": "pipelines.models.kinds:PERSISTENCE",
        "persistence_calibrated": "pipelines.models.kinds:PERSISTENCE_CALIBRATED",
        "climatology": "pipelines.models.kinds:CLIMATOLOGY",
    },
)
# The paper's data sets; see pipelines/paper.
PAPER_DATASETS = Registry(
    "denguard.paper_datasets",
    "data set of the paper",
    {
        "satellitebench": "pipelines.paper.datasets.satellitebench",
        "satellitebench81": "pipelines.paper.datasets.satellitebench81",
        "ham10000": "pipelines.paper.datasets.ham10000",
        "brset": "pipelines.paper.datasets.brset",
        "folder": "pipelines.paper.datasets.folder",
    },
)
LINEAR = "linear"  # logistic regression on the covariates, which others have to beat

SourceName = Annotated[str, one_of(SOURCES)]
AdapterName = Annotated[str, one_of(ADAPTERS)]
CodesName = Annotated[str, one_of(UNIT_CODES)]
CalendarName = Annotated[str, one_of(CALENDARS)]
EncoderName = Annotated[str, one_of(ENCODERS)]
FusedKind = Annotated[str, one_of(FUSED_HEADS)]
GapKind = Literal["vector", "scalar"]  # of the modality gap
HeadKind = Annotated[str, one_of(FORECASTERS, FUSED_HEADS)]  # the name of a forecaster

# --- Registry aliases --------------------------------------------------------------------------
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
# Was champion until another label rule was adopted; answers until the new line has a champion.
SUPERSEDED = "superseded"
