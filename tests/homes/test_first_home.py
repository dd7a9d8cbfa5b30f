"""What the first version left in a deployment is read by today's code: models, records,
look-ups."""

from __future__ import annotations

import json
import re
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
from support.first_home import ARCHIVE, denguard

from pipelines.config import DeploymentPaths, load_profile
from pipelines.data.drops import list_drops
from pipelines.data.sources.dane import DaneCodes
from pipelines.errors import StoreError
from pipelines.evaluate.decision_log import decisions
from pipelines.fusion.bundle import Bundle, check_golden, load_verified_bundle
from pipelines.ops.watch import check_lateness
from pipelines.registry.audit import append, read_trail
from pipelines.registry.champion import describe_champion
from pipelines.registry.lookup import BUNDLE_ID_TAG, connect, fetch_bundle, lookup
from pipelines.run.success import last_success
from pipelines.storage import folder_id, manifest_of, read_json, sha256_file, write_json
from pipelines.weeks import CDC


@pytest.fixture
def paths(first_home: Path) -> DeploymentPaths:
    return DeploymentPaths(home=first_home)


def _champion(paths: DeploymentPaths) -> Bundle:
    found = lookup("champion", paths)
    assert found is not None
    return load_verified_bundle(fetch_bundle(found.version, paths=paths))


def test_the_champions_bundle_is_sound_and_of_the_first_place(paths: DeploymentPaths) -> None:
    bundle = _champion(paths)
    check_golden(bundle)
    assert (bundle.meta.head, bundle.meta.as_of_week) == ("linear", "2018-w48")
    assert bundle.calendar.week_label(bundle.calendar.week_no("2014-w53")) == "2014-w53"
    assert bundle.calendar == CDC
    assert isinstance(bundle.codes, DaneCodes)
    assert bundle.codes.normalise("5001.0") == "05001"


def test_the_champions_bundle_comes_from_the_registry_where_its_copy_is_gone(
    paths: DeploymentPaths,
) -> None:
    found = lookup("champion", paths)
    assert found is not None
    copy = paths.artifacts / "bundles" / found.bundle_id
    (copy / "head.safetensors").unlink()
    with pytest.raises(StoreError):
        load_verified_bundle(copy)
    assert load_verified_bundle(fetch_bundle(found.version, paths=paths)).meta.head == "linear"


def test_the_champion_has_the_recipe_of_the_profile_it_was_trained_with(
    paths: DeploymentPaths,
) -> None:
    found = describe_champion(paths, "denguard")
    assert found.problem is None
    assert found.champion.recipe_id == load_profile("profile.yaml").recipe_id("linear")
    assert found.champion.recipe_id != _champion(paths).meta.recipe_id  # other keys, other hash


def test_a_champion_of_a_recipe_that_no_version_wrote_is_a_problem_and_not_a_crash(
    paths: DeploymentPaths,
) -> None:
    found = lookup("champion", paths)
    assert found is not None
    folder = next(
        (paths.artifacts / "mlflow" / "artifacts").glob("*/artifacts/model/artifacts/bundle")
    )
    about = json.loads((folder / "bundle.json").read_text())
    about["meta"]["recipe"]["train"]["of_a_later_version"] = 1
    write_json(folder / "bundle.json", about)
    identity = folder_id(manifest_of(folder))
    connect(paths).set_model_version_tag("denguard", "1", BUNDLE_ID_TAG, identity)
    newest = read_trail(paths).entries[-1]
    facts = {
        name: newest[name] for name in newest if name not in ("seq", "at", "prev_sha256", "sha256")
    }
    append(paths, **{**facts, "bundle_id": identity})  # as the version that wrote the recipe did
    output = describe_champion(paths, "denguard")
    assert output.champion is None
    assert "a recipe cannot be read: of_a_later_version" in output.problem


def test_drops_dataset_and_what_was_accepted_are_read(paths: DeploymentPaths) -> None:
    assert [drop.name for drop in list_drops(paths.drops)] == ["2018-12-04"]
    accepted = read_json(paths.artifacts / "accepted.json")
    dataset = paths.artifacts / "datasets" / str(accepted["dataset_version"])
    assert folder_id(manifest_of(dataset)) == dataset.name


def test_the_newest_success_and_its_week_are_read(paths: DeploymentPaths) -> None:
    made = last_success(paths)
    assert made is not None
    assert (made.run_id, made.origin_week) == ("first", "2018-w48")
    assert made.known_until.isoformat() == "2018-12-01"
    assert not check_lateness(paths, made.when + timedelta(days=1)).late
    assert check_lateness(paths, made.when + timedelta(days=9)).late


def test_the_chain_of_the_audit_holds(paths: DeploymentPaths) -> None:
    trail = read_trail(paths)
    assert (trail.broken, trail.torn) == ("", "")
    assert [(e["action"], e["to_version"]) for e in trail.entries] == [("promote", "1")]


def test_the_decision_is_listed_with_its_reason(paths: DeploymentPaths) -> None:
    (found,) = decisions(paths)
    assert (found["run_id"], found["decision"], found["champion"]) == ("first", "promote", None)
    assert "First champion: the linear head beats calibrated persistence" in denguard("decisions")
    assert "calibrated persistence" in denguard("decisions", "first")


def test_status_shows_the_finished_run_and_every_year_that_it_replayed(
    paths: DeploymentPaths,
) -> None:
    output = " ".join(denguard("status").split())
    assert "run first: finished" in output
    assert "backtest 4 of 4 years" in output
    assert "version 1 of origin week 2018-w48" in output
    assert "not yet" not in output


def test_watch_and_audit_and_list_and_services_speak(paths: DeploymentPaths) -> None:
    made = last_success(paths)
    assert made is not None
    now = (made.when + timedelta(days=2)).isoformat()
    assert "on time" in denguard("watch", "--now", now)
    assert "1 entries" in denguard("audit")
    assert {line.split("\t")[0].split("-")[0] for line in denguard("list").splitlines()[1:]} == {
        "bundle",
        "data",
        "embeddings",
        "features",
        "forecasts",
        "report",
        "samples",
    }
    assert "none open" in denguard("alerts")


def test_a_number_of_the_bulletin_is_traced_to_its_drop_and_every_content_verified(
    paths: DeploymentPaths,
) -> None:
    output = " ".join(denguard("trace", "2018-w48/05001/4", "--verify").split())
    assert "drop 2018-12-04" in output
    assert "profile profile.yaml" in output
    assert "Every link of these 12 holds" in output


def test_a_version_is_pulled_from_the_old_remote(paths: DeploymentPaths, tmp_path: Path) -> None:
    denguard("pull", "forecasts", "--version", "2018-w48", "--to", str(tmp_path / "work"))
    (pulled,) = (tmp_path / "work").rglob("forecast.csv")
    (published,) = (paths.artifacts / "forecasts").glob("*/forecast.csv")
    assert sha256_file(pulled) == sha256_file(published)


def test_the_archive_holds_no_path_of_the_machine_that_made_it() -> None:
    with tarfile.open(ARCHIVE) as packed:
        for member in packed:
            handle = packed.extractfile(member) if member.isfile() else None
            content = handle.read() if handle else b""
            found = re.search(
                rb"/(root|home|tmp|work|Users|usr)/|site-packages",
                content.replace(b"/srv/denguard/tmp/", b""),
            )
            assert not found, (member.name, found)
