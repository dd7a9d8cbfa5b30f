"""The study file: the shipped one, a reader's own, and what is refused in it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ConfigError
from pipelines.paper.config import FrozenApproach, load_study, shipped_study

ROOT = Path(__file__).parents[2]
SHIPPED = load_study()


def own(folder: Path, **changed: Any) -> Path:
    path = folder / "study.yaml"
    path.write_text(json.dumps(SHIPPED.model_dump(mode="json") | changed))
    return path


def test_the_shipped_study_has_the_papers_approaches_and_those_whose_weights_are_packages() -> None:
    printed = [a for a in SHIPPED.approaches if a.as_printed]
    assert [a.beside for a in printed] == ["unimodal", "clip", "raw"]
    assert not any(w.pinned for a in printed for w in (a.image, a.text)), (
        "no pin that nobody checked"
    )
    others = [a for a in SHIPPED.approaches if not a.as_printed]
    assert {a.id for a in others} == {"lite0_gemma", "lite0_minilm"}
    for approach in others:
        assert isinstance(approach, FrozenApproach)
        assert (approach.image.encoder().name, approach.image.pinned) == ("timm_image", True)
    assert (SHIPPED.lambda_grid[0], SHIPPED.lambda_grid[-1], len(SHIPPED.lambda_grid)) == (
        -1,
        1,
        21,
    )
    assert (SHIPPED.epochs, SHIPPED.loop.batch_rows, SHIPPED.fusions) == (
        30,
        64,
        ("early", "late_joint"),
    )


def test_the_study_and_the_printed_figures_travel_with_the_package() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "package-data"
    ]["pipelines"]
    travels = {path for pattern in package for path in (ROOT / "pipelines").glob(pattern)}
    assert shipped_study() in travels
    room = ROOT / "pipelines" / "paper"
    assert {p for p in room.rglob("*") if p.suffix in (".yaml", ".csv", ".j2")} <= travels


def test_a_study_of_ones_own_is_read_and_its_grid_sorted(tmp_path: Path) -> None:
    study = load_study(own(tmp_path, lambda_grid=[0.5, 0, -0.5, 0.5], seeds=[1]))
    assert (study.lambda_grid, study.seeds) == ((-0.5, 0.0, 0.5), (1,))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lambda_grid": [0.5]}, "lambda_grid must hold 0"),
        ({"lambda_grid": [0, 1.5]}, "within -1..1"),
        ({"approaches": [SHIPPED.model_dump(mode="json")["approaches"][0]] * 2}, "the same id"),
        ({"epoch": 3}, "epoch: Extra inputs"),
        ({"fusions": ["middle"]}, "fusions"),
        ({"seeds": []}, "seeds"),
    ],
)
def test_what_is_wrong_in_a_study_file_is_named(tmp_path: Path, changed: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as err:
        load_study(own(tmp_path, **changed))
    assert err.value.where == str(tmp_path / "study.yaml")


def test_a_study_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_study(tmp_path / "study.yaml")
