"""`denguard vectors`: three commands on two machines, with what they say."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.homes import Home
from support.vector_folders import in_golden, in_table

from pipelines.config import DeploymentPaths, EncoderConfig, Profile, profile_file
from pipelines.embed.lent import make_vectors, today_by
from pipelines.embed.plan import plan_embedding
from pipelines.embed.store import store_root
from pipelines.storage import read_json, write_json


@pytest.fixture
def home(dataset: Path, own: EncoderConfig, paths: DeploymentPaths) -> Home:
    """A deployment of accepted data whose profile `tiny` names the encoder."""
    raw = yaml.safe_load(profile_file("ci").read_text(encoding="utf-8"))
    raw["profile"], raw["embed"]["image"] = "tiny", own.model_dump(mode="json", exclude_none=True)
    paths.profiles.mkdir(parents=True, exist_ok=True)
    (paths.profiles / "tiny.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    write_json(paths.artifacts / "accepted.json", {"dataset_version": dataset.name, "drops": []})
    return Home(paths.home)


def _said(home: Home, *arguments: str) -> str:
    return " ".join(home.denguard_here("vectors", *arguments).split())


def test_inputs_go_to_a_partner_and_come_back_as_vectors(
    home: Home,
    partner: DeploymentPaths,
    dataset: Path,
    chosen: Profile,
    paths: DeploymentPaths,
    tmp_path: Path,
) -> None:
    asked, made = str(tmp_path / "asked"), str(tmp_path / "made")
    given = _said(home, "give", asked, "--profile", "tiny", "--modality", "image")
    assert given.startswith("4 inputs in ") and "vectors make asked OUT --by NAME" in given
    done = _said(Home(partner.home), "make", asked, made, "--by", "Partner", "--note", "one GPU")
    assert done.startswith("4 vectors in ")
    taken = _said(home, "take", made, "--profile", "tiny", "--by", "Ana")
    assert taken.startswith("4 of 4 vectors of dinov2 are new here; golden inputs agree")
    assert plan_embedding(dataset, chosen, paths).counts["image"].missing == 0
    code, again = home.tried_here(
        "vectors", "give", str(tmp_path / "b"), "--profile", "tiny", "--modality", "image"
    )
    assert code == 2 and "every input has a vector" in again


def test_vectors_that_only_their_golden_inputs_speak_for_are_refused(
    home: Home, made: Path, paths: DeploymentPaths
) -> None:
    """The sender made three inputs' vectors up, and names the true one as golden."""
    in_table(made, lambda names, vectors: (names, [vectors[0], *np.roll(vectors[1:], 1, axis=0)]))
    true_one = read_json(made / "golden.json")
    first = {name: true_one[name][:1] for name in ("inputs", "vectors")}  # type: ignore[index]
    in_golden(made, lambda raw: raw.update(first))
    code, output = home.tried_here("vectors", "take", str(made), "--profile", "tiny", "--by", "Ana")
    assert code == 2 and "an input comes out otherwise here" in " ".join(output.split())
    assert not store_root(paths).exists()


def test_vectors_that_could_not_be_checked_are_said_to_be_unchecked(
    home: Home, made: Path, own: EncoderConfig
) -> None:
    shutil.rmtree(str(own.folder))
    asked = ("vectors", "take", str(made), "--profile", "tiny", "--by", "Ana")
    code, refused = home.tried_here(*asked)
    assert code == 2 and "--unchecked" in refused
    assert "NOT CHECKED: the weights are not here" in home.denguard_here(*asked, "--unchecked")


def test_nothing_is_given_before_data_are_accepted_or_by_a_profile_without_encoders(
    home: Home, paths: DeploymentPaths, tmp_path: Path
) -> None:
    (paths.artifacts / "accepted.json").unlink()
    asked = ("vectors", "give", str(tmp_path / "asked"), "--modality", "image", "--profile")
    code, output = home.tried_here(*asked, "tiny")
    assert code == 2 and "no data are accepted yet" in output
    file = paths.profiles / "tiny.yaml"
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    del raw["embed"]
    raw["train"] = {"candidates": ["linear"]}
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")
    code, output = home.tried_here(*asked, "tiny")
    assert code == 2 and "the profile has no encoders" in output


def test_a_folder_that_is_there_is_not_written_over(
    home: Home, partner: DeploymentPaths, made: Path
) -> None:
    for where, arguments in (
        (home, ("give", str(made), "--profile", "tiny", "--modality", "image")),
        (Home(partner.home), ("make", str(made), str(made), "--by", "x")),
    ):
        code, output = where.tried_here("vectors", *arguments)
        assert code == 2 and "there already" in output


def test_the_next_command_can_be_typed_as_it_is_printed(home: Home, tmp_path: Path) -> None:
    asked = str(tmp_path / "asked of them")
    given = _said(home, "give", asked, "--profile", "tiny", "--modality", "image")
    assert "denguard vectors make 'asked of them' OUT --by NAME" in given


@pytest.mark.parametrize("said", [("--by", ""), ("--by", "Partner", "--note", "two\nlines")])
def test_a_maker_whom_no_record_can_hold_is_refused(
    partner: DeploymentPaths, tmp_path: Path, said: tuple[str, ...]
) -> None:
    asked, made = tmp_path / "asked", tmp_path / "not made"
    code, output = Home(partner.home).tried_here("vectors", "make", str(asked), str(made), *said)
    assert code == 2 and "--by with a name" in " ".join(output.split()) and not made.exists()


def test_nobody_takes_vectors_without_a_name(
    home: Home, made: Path, paths: DeploymentPaths
) -> None:
    code, output = home.tried_here("vectors", "take", str(made), "--profile", "tiny", "--by", " ")
    assert code == 2 and "need your name" in " ".join(output.split())
    assert not store_root(paths).exists()


def test_a_file_or_another_folder_is_no_request(
    partner: DeploymentPaths, made: Path, tmp_path: Path
) -> None:
    for wrong in (made, made / "vectors.json"):
        code, output = Home(partner.home).tried_here(
            "vectors", "make", str(wrong), str(tmp_path / "new"), "--by", "Partner"
        )
        said = " ".join(output.split())
        assert code == 2 and "the request is refused: there is no request.json" in said
        assert "`denguard vectors give` wrote" in said


def test_a_place_that_cannot_be_written_is_found_before_the_work_and_not_after_it(
    made: Path, partner: DeploymentPaths, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    where = made / "vectors.json" / "new"  # below a file
    with pytest.raises(OSError, match=r"vectors\.json"):
        make_vectors(tmp_path / "asked", where, today_by("Partner", ""), partner)
    assert "inputs embedded" not in caplog.text
    make_vectors(tmp_path / "asked", tmp_path / "new", today_by("Partner", ""), partner)
    assert "inputs embedded" in caplog.text
