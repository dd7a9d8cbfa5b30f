"""How changed codes are declared, in the profile or in a CSV beside it; what is refused,
and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.ministry import changes

from pipelines.code_changes import CodeChange
from pipelines.config import load_profile
from pipelines.data.sources import context_of
from pipelines.errors import ConfigError
from pipelines.place_config import CodesConfig


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([("A", "N"), ("A", "M")], "split cannot be reckoned"),
        ([("A", "B"), ("B", "A")], "circle: A -> B -> A"),
        ([("A", "A"), ("B", "A")], "`since`"),
        ([("A", "A", "2018-w01")], "takes no other code in"),
        ([("A", "\n")], "not a unit code"),
    ],
)
def test_what_cannot_be_reckoned_is_refused_with_its_reason(pairs, says):
    with pytest.raises(ValueError, match=says):
        changes(*pairs)


def test_old_codes_need_not_have_the_shape_of_today_s():
    codes = CodesConfig(
        name="IBGE code", pattern="[0-9]{7}", changes=(CodeChange(old="330455", new="3304557"),)
    )
    assert codes.delivered.normalise(" 330455 ") == "330455"
    assert codes.system.normalise("330455") == codes.system.normalise("3304557") == "3304557"
    assert codes.system.normalise("330456") is None


def profile(folder: Path, csv: str | None, **codes: Any) -> Path:
    if csv is not None:
        (folder / "changes.csv").write_text(csv, encoding="utf-8")
    path = folder / "place.yaml"
    options = "".join(f", {k}: {v}" for k, v in codes.items())
    path.write_text(
        f"profile: place\nplace: {{codes: {{changes: changes.csv{options}}}}}\ndata: {{inputs: "
        "[{file: cases.csv}]}\n"
    )
    return path


def test_changes_lie_in_a_csv_beside_the_profile(tmp_path):
    path = profile(
        tmp_path,
        "old,new,since,why\n5001,5002,,renamed\n5003,5003,2018-w05,took 5004 in\n5004,5003,,\n",
        pad_to=5,
    )
    loaded = load_profile(str(path))
    assert loaded.codes.normalise("5001") == "05002" and loaded.codes.normalise("5004") == "05003"
    plain = load_profile(str(path), **{"place.codes.changes": ()})
    assert loaded.recipe_id("linear") == plain.recipe_id("linear")
    context = context_of(loaded)
    assert context.codes.normalise("5001") == "05001" and context.changes


@pytest.mark.parametrize(
    ("csv", "says"),
    [
        (None, "No such file"),
        ("from,to\nA,B\n", "columns old and new"),
        ("old,new\nA,B\nA,C\n", "split cannot be reckoned"),
        ("old,new,since\nA,A,2018-w53\nB,A,\n", "2018-w53"),
        ("old,new\nA,\n", "new"),
    ],
)
def test_a_csv_of_changes_that_cannot_be_used_is_refused_by_name(tmp_path, csv, says):
    with pytest.raises(ConfigError, match=says) as err:
        load_profile(str(profile(tmp_path, csv)))
    assert "place.codes" in err.value.what and err.value.fix
