"""A small data set in the layout `folder`, and a study of tiny checkpoints in the real formats.

`python tests/support/tiny_study.py DIR` writes DIR/data, DIR/weights and DIR/study.yaml.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from support import tiny_checkpoints, tiny_raw
from support.study_data import Row, picture, write_csv

N = 60
WORDS = ("dry and cool", "rain and heat")  # tell the label without naming it
CLIP = ("openclip", "open_clip_model.safetensors", "projected")
# What another run of the same training measures otherwise.
MEASURED = (
    "train_seconds_per_epoch",
    "inference_seconds_per_epoch",
    "peak_rss_bytes",
    "peak_above_start_bytes",
    "energy_j",
)
DINO = ("dinov2", "model.safetensors", "cls")


def rows() -> list[Row]:
    """Two classes; some rows lack image or text, two share an image, one has a name in capitals."""
    made = [
        {
            "image": f"pictures/{i}.png",
            "text": f"{WORDS[i % 2]}, week {i}",
            "label": ("calm", "outbreak")[i % 2],
            "group": f"g{i // 2}",
        }
        for i in range(N)
    ]
    for i in range(4, N, 12):
        made[i]["image"] = ""
    for i in range(7, N, 15):
        made[i]["text"] = ""
    made[3]["image"], made[1]["image"] = made[1]["image"], "pictures/1.PNG"
    return made


def data(folder: Path, of: list[Row] | None = None) -> Path:
    """Writes rows.csv and its images: the brighter, the more of the second class."""
    made = of or rows()
    write_csv(folder / "rows.csv", list(made[0]), made)
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for i in range(N):
        shade = np.random.default_rng(i).integers(0, 150, (30, 40, 3)) + 90 * (i % 2)
        Image.fromarray(shade.astype(np.uint8)).save(folder / "pictures" / f"{i}.png")
    return folder


def raw_approach(weights: Path) -> dict[str, Any]:
    """Writes a ViT and a BERT; returns the approach that fine-tunes them."""
    tiny_raw.main(weights)
    image, text = (
        {"name": name, **_at(weights, name, "model.safetensors")} for name in ("vit", "bert")
    )
    return {
        "id": "tiny_raw",
        "kind": "raw",
        "title": "Tiny ViT + BERT",
        "image": image,
        "text": text,
        "epochs": 2,
    }


def pair(about: dict[str, Any]) -> dict[str, Any]:
    """A further approach, whose text encoder is the one of `mixed`."""
    text = about["approaches"][0]["text"]
    image = {**text, "name": "openclip_image"}
    return {
        "id": "pair",
        "kind": "frozen",
        "title": "Tiny CLIP",
        "beside": "clip",
        "image": image,
        "text": text,
    }


def general(folder: Path) -> Path:
    """Writes everyday images and texts for the cone-effect experiment."""
    made = [
        {"image": f"{i}.png", "text": f"a cup on a table, number {i}", "label": "xy"[i % 2]}
        for i in range(10)
    ]
    write_csv(folder / "rows.csv", list(made[0]), made)
    for i in range(10):
        picture(folder / f"{i}.png", seed=i)
    return folder


def study(folder: Path) -> dict[str, Any]:
    """Writes the checkpoints; returns a study of them, quick, with every kind of approach."""
    weights = folder / "weights"
    weights.mkdir(parents=True)
    tiny_checkpoints.openclip(weights / "openclip")
    tiny_checkpoints.dinov2(weights / "dinov2")
    clip_text = {"name": "openclip_text", **_at(weights, *CLIP)}
    dino = {"name": "dinov2", **_at(weights, *DINO)}
    raw = raw_approach(weights)
    loose = {
        "name": "dinov2",
        "hub": "nobody/nothing",
        "file": "model.safetensors",
        "pooling": "cls",
    }
    return {
        "approaches": [
            {
                "id": "mixed",
                "kind": "frozen",
                "title": "Tiny DINOv2 + CLIP text",
                "beside": "unimodal",
                "image": dino,
                "text": clip_text,
            },
            raw,
            {
                "id": "unpinned",
                "kind": "frozen",
                "title": "No pin",
                "beside": "clip",
                "image": loose,
                "text": loose,
            },
            {
                "id": "altered",
                "kind": "frozen",
                "title": "Other bytes",
                "beside": "clip",
                "image": {**dino, "sha256": "0" * 64},
                "text": clip_text,
            },
            {
                **raw,
                "id": "absent",
                "title": "No file",
                "image": {**raw["image"], "folder": str(weights / "nowhere")},
            },
        ],
        "epochs": 3,
        "seeds": [7, 8],
        "lambda_grid": [-0.5, 0.0, 0.5],
        "resamples": 100,
        "cone_seeds": [1, 2],
        "cone_rows": 4,
    }


def write(folder: Path, about: dict[str, Any]) -> Path:
    """Writes a study as study.yaml."""
    path = folder / "study.yaml"
    path.write_text(json.dumps(about, indent=1))  # JSON is YAML
    return path


def unmeasured(value: Any) -> Any:
    """A record without what depends on the machine's mood."""
    if isinstance(value, dict):
        return {k: unmeasured(v) for k, v in value.items() if k not in MEASURED}
    return [unmeasured(v) for v in value] if isinstance(value, list) else value


def _at(weights: Path, folder: str, file: str, pooling: str | None = None) -> dict[str, Any]:
    sha256 = hashlib.sha256((weights / folder / file).read_bytes()).hexdigest()
    where = {"folder": str(weights / folder), "file": file, "sha256": sha256}
    return {**where, "pooling": pooling} if pooling else where


def main(folder: Path) -> None:
    """Everything of a reproduction's input."""
    data(folder / "data")
    general(folder / "general")
    write(folder, study(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
