"""An encoder takes the bands that its profile names; where a scene has not these, the image is
missing there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from pydantic import ValidationError
from support import tiny_checkpoints
from support.encoder_here import encode_here

from pipelines.arrays import UInt8s
from pipelines.config import DeploymentPaths, Profile
from pipelines.contracts import BANDS
from pipelines.embed.base import Encoder, describe_encoder, library_versions, load_encoder
from pipelines.embed.plan import plan_embedding
from pipelines.embed.run import embed_shard
from pipelines.embed.store import EmbeddingStore, input_key, store_root
from pipelines.embed.work import ShardWork, read_work
from pipelines.encoder_config import EmbedConfig, EncoderConfig
from pipelines.errors import EncoderError, StoreError
from pipelines.features.build import build_features
from pipelines.run import start_run
from pipelines.run.outputs import PlanOutput, ShardOutput, ToEmbed
from pipelines.steps.report_inputs import embedding
from pipelines.steps.summary import _plan, _shard
from pipelines.storage import read_json

FIRST_SPACE = "b896e788ee8bae0a"  # as it was named before bands had names
FALSE_COLOUR = ("B12", "B8A", "B04")
PICTURES = [np.random.default_rng(i).integers(1, 256, (12, 40, 50), dtype=np.uint8) for i in (0, 1)]


def _named(encoder: EncoderConfig, bands: object) -> EncoderConfig:
    return EncoderConfig.model_validate({**encoder.model_dump(), "bands": bands})


def _with(profile: Profile, bands: tuple[str, ...]) -> Profile:
    return profile.with_encoders({"image": _named(profile.embed.image, bands)})


def _picked(picture: UInt8s, bands: tuple[str, ...]) -> UInt8s:
    """(H, W, len(bands)) of a picture (12, H, W)."""
    return np.stack([picture[BANDS.index(name)] for name in bands], axis=-1)


@pytest.fixture
def mixed(make_dataset: Callable[..., Path], paths: DeploymentPaths) -> Path:
    """A dataset whose first two scenes have twelve bands, and whose third has three."""
    dataset = make_dataset(weeks=4, scenes=3)
    changed: dict[str, tuple[str, str]] = {}
    for number, picture in enumerate(PICTURES, start=1):
        old = f"drops/2018-12-04/images/05001/image_2018-{number:02d}-01.png"
        uri = old.replace(".png", ".tiff")
        tifffile.imwrite(paths.data / uri, picture, photometric="minisblack")
        changed[old] = (uri, hashlib.sha256((paths.data / uri).read_bytes()).hexdigest())
    for part in dataset.glob("samples/*/part.parquet"):
        rows = pd.read_parquet(part)
        of_scene = rows["image_uri"].map(changed)
        seen = of_scene.notna()
        rows.loc[seen, "image_sha256"] = of_scene[seen].str[1]
        rows.loc[seen, "image_uri"] = of_scene[seen].str[0]
        rows.to_parquet(part, index=False)
    return dataset


@pytest.fixture
def embedded_mix(
    mixed: Path, profile: Profile, paths: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> tuple[ShardWork, ShardOutput]:
    """What embedding its images in false colour did."""
    encode_here(monkeypatch)
    chosen = _with(profile, FALSE_COLOUR)
    files = plan_embedding(mixed, chosen, paths).work_files
    done = [(read_work(file), embed_shard(file, chosen, paths)) for file in files]
    return next(one for one in done if one[0].modality == "image")


# --- What a profile may say ---------------------------------------------------------------------
def test_red_green_and_blue_by_name_are_the_encoder_of_before(
    profile: Profile, paths: DeploymentPaths
) -> None:
    plain = profile.embed.image
    named = _named(plain, ["B04", "B03", "B02"])
    assert named == plain
    assert named.model_dump_json() == plain.model_dump_json()
    assert "bands" not in plain.model_dump() and "bands" not in plain.recipe()
    assert "RGB" in describe_encoder(named, paths).preprocessing


def test_the_space_of_the_first_encoder_keeps_its_name(
    profile: Profile, paths: DeploymentPaths
) -> None:
    spec = describe_encoder(profile.embed.image, paths)
    assert spec.space_id == FIRST_SPACE


@pytest.mark.parametrize(
    ("bands", "why"),
    [
        (["B13", "B04", "B03"], "there is no band 'B13'; a scene has B01, B02"),
        (["red", "green", "blue"], "there is no band 'red'"),
        (["B04", "B03"], "name 3 bands, or all 12"),
        (["B04", "B04", "B03"], "each once"),
    ],
)
def test_a_choice_that_is_none_is_refused_with_words(
    profile: Profile, bands: list[str], why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        _named(profile.embed.image, bands)


def test_a_text_encoder_is_given_no_bands(profile: Profile, paths: DeploymentPaths) -> None:
    text = _named(profile.embed.text, FALSE_COLOUR)
    with pytest.raises(ValidationError, match=r"name them under embed\.image"):
        EmbedConfig.model_validate({"image": profile.embed.image, "text": text})
    with pytest.raises(EncoderError, match="reads texts, and is given bands"):
        describe_encoder(text, paths)


def test_other_bands_are_another_space_and_another_recipe(
    profile: Profile, paths: DeploymentPaths
) -> None:
    ways = [profile.embed.image, _named(profile.embed.image, FALSE_COLOUR)]
    ways += [_named(profile.embed.image, FALSE_COLOUR[::-1])]
    specs = [describe_encoder(way, paths) for way in ways]
    assert len({spec.space_id for spec in specs}) == 3
    assert json.loads(specs[1].preprocessing)["scene"].startswith("uint8 B12, B8A, B04 of ")
    assert EncoderConfig.model_validate(ways[1].recipe()).bands == FALSE_COLOUR


def test_twelve_bands_are_refused_by_weights_that_take_three(
    profile: Profile, paths: DeploymentPaths
) -> None:
    with pytest.raises(EncoderError, match="timm_image takes 3 channels, the profile gives it B01"):
        describe_encoder(_named(profile.embed.image, BANDS), paths)


# --- What is embedded ---------------------------------------------------------------------------
def test_a_vector_is_that_of_the_bands_in_their_order(
    embedded_mix: tuple[ShardWork, ShardOutput], paths: DeploymentPaths, lite0: Encoder
) -> None:
    work, done = embedded_mix
    assert done.embedded == 2
    keys = [i.key for i in work.inputs if str(i.uri).endswith(".tiff")]
    found = EmbeddingStore(store_root(paths), work.encoder_spec).load(keys)
    expected = lite0.encode([_picked(picture, FALSE_COLOUR) for picture in PICTURES])
    assert np.array_equal(found, expected)


def test_a_scene_of_three_bands_is_said_once_and_never_tried_again(
    embedded_mix: tuple[ShardWork, ShardOutput],
    mixed: Path,
    profile: Profile,
    paths: DeploymentPaths,
) -> None:
    done = embedded_mix[1]
    assert done.lacking == 1
    assert "where the image is missing: 1" in _shard(done)
    again = plan_embedding(mixed, _with(profile, FALSE_COLOUR), paths)
    assert again.counts["image"] == ToEmbed(distinct=3, missing=0, lacking=1)


def test_its_image_is_missing_and_the_features_say_why(
    embedded_mix: tuple[ShardWork, ShardOutput],
    mixed: Path,
    profile: Profile,
    paths: DeploymentPaths,
) -> None:
    features = build_features(mixed, _with(profile, FALSE_COLOUR), paths)
    rows = pd.read_parquet(features / "rows.parquet")
    seen = rows[rows["image_uri"].notna()]
    of_three = seen["image_uri"].str.endswith(".png")
    assert of_three.any() and not of_three.all()
    assert seen["image_key"].isna().equals(of_three)
    assert (seen["image_quality"] == "other-bands").equals(of_three)


def test_an_encoder_of_red_green_and_blue_reads_both_kinds_of_files(
    mixed: Path, profile: Profile, paths: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_here(monkeypatch)
    for file in plan_embedding(mixed, profile, paths).work_files:
        assert embed_shard(file, profile, paths).lacking is None
    rows = pd.read_parquet(build_features(mixed, profile, paths) / "rows.parquet")
    assert rows.loc[rows["image_uri"].notna(), "image_key"].notna().all()


def test_golden_inputs_are_those_that_the_encoder_reads_and_are_read_in_its_bands(
    embedded_mix: tuple[ShardWork, ShardOutput],
    mixed: Path,
    profile: Profile,
    paths: DeploymentPaths,
    lite0: Encoder,
) -> None:
    work, chosen = embedded_mix[0], _with(profile, FALSE_COLOUR)
    store = EmbeddingStore(store_root(paths), work.encoder_spec)
    golden = read_json(store.folder / "golden.json")
    expected = lite0.encode([_picked(picture, FALSE_COLOUR) for picture in PICTURES])
    assert np.array_equal(np.array(golden["vectors"], np.float32), expected)

    store.record_versions({**library_versions(profile.embed.image), "timm": "0.0"})
    for file in plan_embedding(mixed, chosen, paths).work_files:
        embed_shard(file, chosen, paths)  # checks them again, and would raise
    assert store.checked_versions() == library_versions(profile.embed.image)


def test_weights_of_twelve_channels_read_all_twelve(tmp_path: Path) -> None:
    folder = tiny_checkpoints.dinov2(tmp_path / "twelve", channels=12)
    paths, scene = DeploymentPaths(home=tmp_path), np.moveaxis(PICTURES[0], 0, -1)
    plain = tiny_checkpoints.config("dinov2", folder, "cls")
    with pytest.raises(EncoderError, match="takes 12 channels, the profile gives it B04, B03, B02"):
        describe_encoder(plain, paths)
    encoder = load_encoder(_named(plain, BANDS), paths)
    vector = encoder.encode([scene])[0]
    assert vector.shape == (24,)
    for channel in range(12):
        other = scene.copy()
        other[..., channel] = 255 - other[..., channel]
        assert not np.array_equal(encoder.encode([other])[0], vector), BANDS[channel]


def test_a_mean_of_other_channels_than_the_weights_is_refused(tmp_path: Path) -> None:
    folder = tiny_checkpoints.dinov2(tmp_path / "twelve", channels=12)
    (folder / "preprocessor_config.json").write_text(json.dumps(tiny_checkpoints.PREPROCESSOR))
    with pytest.raises(EncoderError, match="takes 12 channels, its mean has 3"):
        describe_encoder(
            _named(tiny_checkpoints.config("dinov2", folder, "cls"), BANDS),
            DeploymentPaths(home=tmp_path),
        )


# --- The store ----------------------------------------------------------------------------------
def test_what_can_have_no_vector_is_known_and_has_none(
    profile: Profile, paths: DeploymentPaths
) -> None:
    spec = describe_encoder(profile.embed.image, paths)
    key, other = (input_key(spec.space_id, sha * 64) for sha in "ab")
    EmbeddingStore(store_root(paths), spec).note_without({key: "other-bands"})
    store = EmbeddingStore(store_root(paths), spec)
    assert store.missing([key, other]) == [other]
    assert store.without([key, other]) == {key: "other-bands"}
    with pytest.raises(StoreError, match="1 of 1 vectors are not in the embedding store"):
        store.load([key])


def test_the_plan_says_in_words_which_scenes_cannot_be_read() -> None:
    counts = {"image": ToEmbed(distinct=3, missing=0, lacking=1)}
    plan = PlanOutput(shards=(0,), titles=("",), work_files=("",), counts=counts, new_inputs="")
    assert _plan(plan).endswith("scenes without the encoder's bands, where the image is missing: 1")


def test_the_report_counts_the_scenes_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_HOME", str(tmp_path))
    run, known = start_run("week", {"profile": "ci"}), ToEmbed(distinct=5, missing=3, lacking=1)
    run.finish(
        PlanOutput(
            shards=(0,), titles=("",), work_files=("",), counts={"image": known}, new_inputs=""
        )
    )
    done = {"inputs": 3, "encoder_started": True, "embedded": 1, "truncated": 0, "seconds": 1.0}
    run.finish(ShardOutput(modality="image", lacking=2, **done), 0)
    assert embedding(run)["image"]["scenes without the encoder's bands"] == 3
