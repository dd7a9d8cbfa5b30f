"""The worked examples of CONTRIBUTING.md do what they say, and each is under 40 lines."""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import contracts
from pipelines.config import DeploymentPaths, EncoderConfig, load_profile
from pipelines.plugins import Registry

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACK = tomllib.loads(re.findall(r"<!-- example: pack -->\n```toml\n(.*?)```", TEXT, re.S)[0])
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```python\n(.*?)```", TEXT, re.S))


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put an example into a module of its own and its one line into contracts."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def place(example: str, registry: dict[str, str], name: str) -> None:
        module = f"contributed_{example}_{tmp_path.name.replace('-', '_')}"
        (site / f"{module}.py").write_text(EXAMPLES[example], encoding="utf-8")
        monkeypatch.setitem(registry, name, module)

    return place


@pytest.mark.parametrize("example", sorted(EXAMPLES))
def test_an_example_is_under_forty_lines_of_code(example: str) -> None:
    assert len([line for line in EXAMPLES[example].splitlines() if line.strip()]) < 40


def test_a_contributed_source_gives_the_same_tables_as_the_layout_it_renames(
    plug_in, home: Path
) -> None:
    from support.desk import INFO, table_rows, write_csv
    from support.drops import table_drop

    from pipelines.data.sources import context_of
    from pipelines.data.validate import validate_all

    plug_in("source", contracts.SOURCES, "ministry")
    rows = table_rows()
    theirs = [["Codigo DANE", "Municipio", *(_in_spanish(name) for name in rows[0][2:])], *rows[1:]]
    assert sum(a != b for a, b in zip(rows[0], theirs[0], strict=True)) > 70
    found = {}
    for source, grid in (("satellitebench", rows), ("ministry", theirs)):
        table_drop(write_csv(home / f"{source}.csv", grid), None, home / source, INFO)
        context = context_of(load_profile("ci", **{"data.source": source}))
        result = validate_all(
            home / source, context, None, home / f"out-{source}", home / f"{source}.json"
        )
        assert not [i for i in result.issues if i.level in {"critical", "error"}]
        found[source] = result.tables.cases
    assert len(found["ministry"]) > 400
    assert found["ministry"].equals(found["satellitebench"])


def _in_spanish(name: str) -> str:
    name = re.sub(r"^(\d{4})/w(\d{2})$", r"\1-SE\2", name)
    name = name.replace("PRECIPITATION_", "LLUVIA_").replace("TEMPERATURE_", "TEMPERATURA_")
    return re.sub(r"^Population", "Poblacion", name)


def test_a_contributed_encoder_gives_the_vectors_of_its_own_weights(
    plug_in, tmp_path: Path
) -> None:
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    import torch
    from transformers import ViTConfig, ViTModel

    from support.installed import install

    from pipelines.embed.base import load_encoder

    plug_in("encoder", contracts.ENCODERS, "vit")
    torch.manual_seed(0)
    tiny = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
    )
    model = ViTModel(tiny, add_pooling_layer=False).eval()
    model.save_pretrained(tmp_path / "saved")
    files = {f"tiny_vit/{p.name}": p.read_bytes() for p in (tmp_path / "saved").iterdir()}
    install(tmp_path / "site", "tiny-vit", files)
    sha256 = hashlib.sha256(files["tiny_vit/model.safetensors"]).hexdigest()
    config = EncoderConfig(
        name="vit",
        package="tiny-vit",
        file="tiny_vit/model.safetensors",
        sha256=sha256,
        pooling="cls",
    )
    scene = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)

    vector = load_encoder(config, DeploymentPaths(home=tmp_path)).encode([scene])

    pixels = torch.from_numpy(scene.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = model(pixels).last_hidden_state[:, 0].numpy()
    assert vector.shape == (1, 16)
    assert np.allclose(vector, expected, atol=1e-5)


def test_a_contributed_head_trains_is_stored_and_answers(plug_in, tmp_path: Path) -> None:
    from support.synthetic_bundle import make_bundle

    from pipelines.fusion.bundle import load_bundle, write_bundle
    from pipelines.inference.predict import predict_proba
    from pipelines.testing.rows import make_examples
    from pipelines.training.recipe import train_recipe
    from pipelines.weeks import CDC

    plug_in("head", contracts.FUSED_HEADS, "gated")
    rows = make_examples(4, units=6, planted=3.0)
    changes = {
        "train.lambda_grid": (0.0,),
        "train.max_epochs": 3,
        "train.heads": ("linear", "gated"),
        "evaluate.horizons_weeks": (4,),
    }
    fitted = train_recipe(
        {4: rows}, "gated", load_profile("sample", **changes), {4: CDC.week_no("2018-w01")}
    )
    model = fitted.models[4]
    assert model.vector_widths is not None, fitted.lambda_reason
    alone = ~(rows.image.mask | rows.text.mask)
    assert np.array_equal(model.logit(rows)[alone], model.forecaster.base.logit(rows)[alone])

    meta = {"horizons_weeks": (4,), "decision_thresholds": {4: model.decision_threshold}}
    bundle = make_bundle(rows, "early", head="gated", **meta)
    write_bundle(bundle.__class__(bundle.meta, {4: model}, bundle.golden), tmp_path / "bundle")
    again = load_bundle(tmp_path / "bundle").models[4]
    assert np.array_equal(predict_proba(again, rows), predict_proba(model, rows))


def test_a_contributed_forecaster_passes_the_kit_trains_beside_the_linear_one_and_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from support.synthetic_bundle import make_bundle

    from denguard.testing import check_forecaster
    from pipelines.fusion.bundle import load_verified_bundle, write_bundle
    from pipelines.testing.rows import make_examples
    from pipelines.training.recipe import train_recipe
    from pipelines.weeks import CDC

    for name in ("forecaster", "forecaster_kind"):
        (tmp_path / f"{name}.py").write_text(EXAMPLES[name], encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(contracts.FORECASTERS, "recent", "forecaster_kind:RECENT")
    rows = make_examples(4, units=6)
    check_forecaster("recent", rows, {"weeks": 3})

    changes = {
        "train.candidates": ("linear", {"kind": "recent", "weeks": 2}),
        "evaluate.horizons_weeks": (4,),
    }
    profile = load_profile("sample", **changes)
    model = train_recipe({4: rows}, "recent", profile, {4: CDC.week_no("2018-w01")}).models[4]
    assert model.forecaster.columns == ("log1p_cases_lag00", "log1p_cases_lag01", "threshold_cases")
    assert profile.recipe("recent")["settings"] == {"weeks": 2}

    meta = {"horizons_weeks": (4,), "decision_thresholds": {4: model.decision_threshold}}
    bundle = make_bundle(rows, head="recent", **meta)
    write_bundle(bundle.__class__(bundle.meta, {4: model}), tmp_path / "bundle")
    again = load_verified_bundle(tmp_path / "bundle").models[4]
    assert np.array_equal(again.probability(rows), model.probability(rows))


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, dict[str, str]]]:
    """The plug-ins that the pack's example declares, by group; found as if it were installed."""
    groups: dict[str, dict[str, str]] = PACK["project"]["entry-points"]
    registries = {r.group: r for r in vars(contracts).values() if isinstance(r, Registry)}
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = ("adapter", "unit_codes", "label_rule", "forecaster_kind", "forecaster")
    for module in modules:
        (tmp_path / f"{module}.py").write_text(EXAMPLES[module], encoding="utf-8")
        sys.modules.pop(module, None)
    for group, entries in groups.items():
        for name, target in entries.items():
            monkeypatch.setitem(registries[group], name, target)
    yield groups
    for module in modules:
        sys.modules.pop(module, None)


def test_the_example_of_a_pack_declares_what_the_examples_are(
    pack: dict[str, dict[str, str]],
) -> None:
    declared = {
        target.partition(":")[0] for entries in pack.values() for target in entries.values()
    }
    assert declared == {"adapter", "unit_codes", "label_rule", "forecaster_kind"}


def _tests_of(code: str) -> dict[str, Callable[[], None]]:
    names: dict[str, Any] = {}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)  # noqa: S102  (the example itself)
    return {name: made for name, made in names.items() if name.startswith("test_")}


def test_the_example_of_a_packs_own_tests_passes(pack: dict[str, dict[str, str]]) -> None:
    own = _tests_of(EXAMPLES["kit"])
    assert len(own) == len(pack)
    for test in own.values():
        test()
