"""`denguard prune`: the vectors of an encoder that was given up go, and its converted network, and
no others."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support import multilingual
from support.five_runs import NOW, SHORT, age, copied, plant, share
from support.planted_lineage import Store

from pipelines.config import load_profile
from pipelines.embed.base import installed_versions
from pipelines.errors import StoreError
from pipelines.ops.prune.plan import plan
from pipelines.ops.prune.removal import prune
from pipelines.run.adopted import NOTHING, write_adopted
from pipelines.storage import read_json, write_atomic, write_json
from pipelines.storage.objects import object_key

ROOM = "embeddings/store"
CONVERTED = "weights/converted"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home = tmp_path_factory.mktemp("five-runs")
    with pytest.MonkeyPatch.context() as patch:
        at_home(patch, home)
        yield plant(home)


@pytest.fixture
def store(planted: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    at_home(monkeypatch, tmp_path / "home")
    return copied(planted, tmp_path / "home")


def at_home(patch: pytest.MonkeyPatch, home: Path) -> None:
    patch.setenv("DENGUARD_HOME", str(home))
    for variable in ("MLFLOW_TRACKING_URI", "DENGUARD_DVC_REMOTE", "DENGUARD_ARTIFACTS_URI"):
        patch.delenv(variable, raising=False)


def space(store: Store, name: str, weights: str, weeks: float = 30) -> dict[str, str]:
    """A space with one shard, last written to so many weeks ago."""
    spec = {"encoder": "hf_text", "weights_sha256": weights}
    folder = store.paths.artifacts / ROOM / name
    write_json(folder / "space.json", {"spec": spec, "library_versions": {}})
    write_atomic(folder / f"{name}.parquet", "vectors")
    age(store.paths.home, f"artifacts/{ROOM}/{name}", weeks)
    return spec


def converted(
    store: Store, name: str, weights: str, weeks: float = 30, numpy: str | None = None
) -> dict[str, str]:
    """A converted network, by the libraries that are here unless another version is said."""
    made_of = {
        "weights_sha256": weights,
        "library_versions": {"numpy": numpy} if numpy else installed_versions(["numpy"]),
    }
    folder = store.paths.artifacts / CONVERTED / name
    write_json(folder / "made_of.json", made_of)
    write_atomic(folder / "network.bin", "values")
    write_atomic(folder.with_suffix(".lock"), "")
    age(store.paths.home, f"artifacts/{CONVERTED}/{name}", weeks)
    return {"encoder": "hf_text", "weights_sha256": weights}


def goes(store: Store, room: str = "spaces") -> set[str]:
    """Spaces, or networks of the room "converted", that a prune would delete."""
    found = plan(store.paths, SHORT, NOW).rooms().get(room, [])
    return {one.name.rsplit("/", 1)[-1] for one in found}


def holds(store: Store, run: str, spec: dict[str, str]) -> None:
    """Let the rows of a run hold vectors of a space, and lie there as long as before."""
    name = f"artifacts/features/{store.features[run]}"
    about = store.paths.home / name / "features.json"
    written = (NOW.timestamp() - about.stat().st_mtime) / timedelta(weeks=1).total_seconds()
    write_json(about, {**read_json(about), "text": spec})
    age(store.paths.home, name, written)


def test_a_space_that_nothing_names_goes_once_it_is_old(store: Store) -> None:
    space(store, "abandoned", "a" * 64)
    space(store, "lately", "b" * 64, weeks=9)
    assert goes(store) == {"abandoned"}
    prune(store.paths, SHORT, NOW)
    left = {path.name for path in (store.paths.artifacts / ROOM).iterdir()}
    assert left == {"lately"}


def test_a_space_whose_vectors_are_in_rows_that_are_kept_stays(store: Store) -> None:
    holds(store, "before", space(store, "previous", "a" * 64))
    holds(store, "refused", space(store, "refused", "b" * 64))
    assert goes(store) == {"refused"}


def test_a_space_of_a_profiles_encoder_stays(store: Store) -> None:
    embed = load_profile("ci").embed  # the runs' profile
    assert embed is not None
    space(store, "theirs", embed.text.sha256)
    assert goes(store) == set()


def test_a_profile_that_is_not_valid_lets_no_space_go(store: Store) -> None:
    space(store, "abandoned", "a" * 64)
    write_atomic(store.paths.profiles / "own.yaml", "profile: own\nnothing: such\n")
    with pytest.raises(StoreError, match="which encoders the profile own names"):
        plan(store.paths, SHORT, NOW)


def test_a_space_that_is_being_embedded_for_an_adopted_encoder_stays(store: Store) -> None:
    space(store, "adopted", multilingual.config().sha256)
    assert goes(store) == {"adopted"}
    record = NOTHING.model_copy(update={"encoders": {"text": multilingual.config()}})
    write_adopted(store.paths, load_profile("ci").model_name, record)
    assert goes(store) == set()


def test_where_rows_that_are_needed_are_not_here_no_space_goes(store: Store) -> None:
    space(store, "abandoned", "a" * 64)
    shutil.rmtree(store.paths.artifacts / "features" / store.features["newest"])
    assert goes(store) == set()


def test_a_folder_that_is_no_space_is_left_alone(store: Store) -> None:
    write_atomic(store.paths.artifacts / ROOM / "notes" / "read.me", "by hand")
    age(store.paths.home, f"artifacts/{ROOM}/notes", 60)
    assert goes(store) == set()


def test_a_space_goes_in_the_shared_store_with_its_marks_and_shards(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = tmp_path / "shared"
    share(store, monkeypatch, uri)
    space(store, "abandoned", "a" * 64)
    space(store, "lately", "b" * 64, weeks=1)
    for name in ("abandoned", "lately"):
        write_atomic(uri / "vectors" / name / f"{name}.parquet", "")
        write_atomic(uri / object_key(name), "vectors")
    prune(store.paths, SHORT, NOW)
    assert {path.parent.name for path in (uri / "vectors").rglob("*.parquet")} == {"lately"}
    assert (uri / object_key("lately")).exists()
    assert not (uri / object_key("abandoned")).exists()


def test_a_converted_network_that_nothing_names_goes_once_it_is_old(store: Store) -> None:
    converted(store, "abandoned", "a" * 64)
    converted(store, "lately", "b" * 64, weeks=9)
    assert goes(store, "converted") == {"abandoned"}
    prune(store.paths, SHORT, NOW)
    left = {path.name for path in (store.paths.artifacts / CONVERTED).iterdir() if path.is_dir()}
    assert left == {"lately"}


def test_a_converted_network_of_weights_that_are_in_use_stays(store: Store) -> None:
    embed = load_profile("ci").embed
    assert embed is not None
    converted(store, "profiles", embed.text.sha256)
    holds(store, "before", converted(store, "rows", "a" * 64))
    converted(store, "adopted", multilingual.config().sha256)
    assert goes(store, "converted") == {"adopted"}
    record = NOTHING.model_copy(update={"encoders": {"text": multilingual.config()}})
    write_adopted(store.paths, load_profile("ci").model_name, record)
    assert goes(store, "converted") == set()


def test_a_converted_network_of_libraries_that_are_gone_goes(store: Store) -> None:
    embed = load_profile("ci").embed
    assert embed is not None
    converted(store, "before", embed.text.sha256, numpy="1.0")
    converted(store, "now", embed.text.sha256)
    assert goes(store, "converted") == {"before"}


def test_where_rows_that_are_needed_are_not_here_no_converted_network_goes(store: Store) -> None:
    converted(store, "abandoned", "a" * 64)
    shutil.rmtree(store.paths.artifacts / "features" / store.features["newest"])
    assert goes(store, "converted") == set()


def test_a_converted_network_without_a_record_is_left_alone(store: Store) -> None:
    converted(store, "older", "a" * 64)
    (store.paths.artifacts / CONVERTED / "older" / "made_of.json").unlink()
    age(store.paths.home, f"artifacts/{CONVERTED}/older", 60)
    assert goes(store, "converted") == set()


def test_halves_of_networks_that_a_killed_process_left_go(store: Store) -> None:
    begun = store.paths.artifacts / CONVERTED / ".abc.k3_x9a2b"
    write_atomic(begun / "network.bin", "values")
    age(store.paths.home, f"artifacts/{CONVERTED}/.abc.k3_x9a2b", 1)
    prune(store.paths, SHORT, NOW)
    assert not begun.exists()
