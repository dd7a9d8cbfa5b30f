"""`denguard adopt-encoder` and `reembed`: what they refuse, what they say, what they write down."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support import multilingual, tiny_checkpoints
from support.homes import Home

from pipelines.config import DeploymentPaths
from pipelines.run.adopted import NOTHING, read_adopted

WHO = ("--by", "Ana", "--reason", "Spanish prompts")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "text.yaml").write_text(yaml.safe_dump(multilingual.config().recipe()))
    return Home(tmp_path)


def adopt(home: Home, *options: str) -> tuple[int, str]:
    code, output = home.tried_here("adopt-encoder", "--profile", "ci", *WHO, *options)
    return code, " ".join(output.split())


def test_an_adopted_encoder_is_written_down_and_the_way_on_is_said(home: Home) -> None:
    code, output = adopt(home, "--text", str(home.path / "text.yaml"))
    assert code == 0 and "The champion serves on, with its own vectors." in output
    record = read_adopted(DeploymentPaths(home=home.path), "denguard")
    assert record.encoders == {"text": multilingual.config()}
    assert [(c.action, c.by, c.reason) for c in record.changes] == [("adopt", *WHO[1::2])]
    code, output = adopt(home, "--text", str(home.path / "text.yaml"))
    assert code == 2 and "adopted already" in output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n- b\n", "it holds no keys and values"),
        ("name: nothing\nfile: x\npooling: mean\n", "'nothing' is not one of"),
        ("name: use_text\nfile: x\npooling: projected\n", "sha256"),
        ("name: use_text\nfolder: /nowhere\nfile: x\npooling: projected\n", "/nowhere/x"),
    ],
)
def test_a_file_that_is_no_encoder_is_refused_by_name(home: Home, text: str, expected: str) -> None:
    file = home.path / "other.yaml"
    file.write_text(text)
    code, output = adopt(home, "--text", str(file))
    assert code == 2 and expected in output and str(file) in output.replace(" ", "")
    assert read_adopted(DeploymentPaths(home=home.path), "denguard") == NOTHING


def test_what_to_do_must_be_said_once(home: Home) -> None:
    file = str(home.path / "text.yaml")
    for options in ((), ("--back", "--text", file)):
        code, output = adopt(home, *options)
        assert code == 2 and "--back alone" in output
    code, output = adopt(home, "--back")
    assert code == 2 and "no encoder is adopted" in output


@pytest.mark.parametrize(
    "who", [("--by", " ", "--reason", "better"), ("--by", "Ana", "--reason", "")]
)
def test_nobody_changes_encoders_without_a_name_and_a_reason(
    home: Home, who: tuple[str, ...]
) -> None:
    file = str(home.path / "text.yaml")
    code, output = home.tried_here("adopt-encoder", "--profile", "ci", "--text", file, *who)
    assert code == 2 and "needs a name and a reason" in " ".join(output.split())
    assert read_adopted(DeploymentPaths(home=home.path), "denguard") == NOTHING


def test_weights_that_somebody_brings_are_pinned_when_they_are_taken_up(home: Home) -> None:
    multilingual.in_folder(home.path)
    own = {"name": "use_text", "folder": str(home.path), "file": "weights.npz"}
    (home.path / "own.yaml").write_text(yaml.safe_dump({**own, "pooling": "projected"}))
    code, _ = adopt(home, "--text", str(home.path / "own.yaml"))
    assert code == 0
    record = read_adopted(DeploymentPaths(home=home.path), "denguard")
    assert record.encoders["text"].sha256 == multilingual.config().sha256


def test_there_is_nothing_to_embed_before_an_encoder_is_adopted_or_data_are(home: Home) -> None:
    for _ in range(2):
        code, output = home.tried_here("reembed", "--profile", "ci")
        assert code == 0 and "Nothing to do" in output
        adopt(home, "--text", str(home.path / "text.yaml"))


def test_a_measured_block_is_written_so_that_it_can_be_adopted(home: Home, tmp_path: Path) -> None:
    at = tiny_checkpoints.dinov2(tmp_path / "w")
    config = tiny_checkpoints.config("dinov2", at, "cls")
    (home.path / "image.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    options = ("--image", str(home.path / "image.yaml"), "--out", str(home.path / "out"))
    code, output = home.tried_here("runtimes", "--profile", "ci", *options)
    assert code == 0, output
    assert "image: dinov2, 16 made-up inputs, 1 thread" in output
    assert "openvino, float32" in output and "chosen: " in output
    if "as it is now" not in output:  # which is faster is this machine's affair
        code, output = adopt(home, "--image", str(home.path / "out" / "image.yaml"))
        assert code == 0
        adopted = read_adopted(DeploymentPaths(home=home.path), "denguard").encoders["image"]
        assert adopted.by_torch() == config and adopted.runtime is not None
