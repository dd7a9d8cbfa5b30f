"""A study made ready: its rows with parts and hashed inputs, in files that later steps read.

Layout of one study's output folder:

    <out>/<dataset>/images/       central crops, named by the hash of the image they are cut from
    <out>/<dataset>/embeddings/   the study's own vectors: none enters the deployment's store
    <out>/<dataset>/<protocol>/   rows.parquet, study.json, plan.json, results.json, tables,
                                  cells/, groups/
    <out>/<dataset>/report.html   both protocols side by side
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from pipelines.arrays import Texts
from pipelines.config import ScenePolicy
from pipelines.contracts import Modality, content_id
from pipelines.data.pixels import read_scene
from pipelines.errors import DropError
from pipelines.paper.study import STUDY_COLUMNS, Study
from pipelines.run.progress import Progress
from pipelines.storage import read_json, sha256_file, write_atomic, write_json
from pipelines.storage.parquet import write_frame

ROWS, ABOUT = "rows.parquet", "study.json"
SCENES = ScenePolicy()


@dataclass(frozen=True)
class Prepared:
    """What one protocol trains on and judges, without the data set's own files.

    Attributes:
        folder: of the protocol.
        rows: STUDY_COLUMNS plus part, usable, image_file (absolute path as text, crops included),
            image_sha256, text_sha256, persistence, and the covariates as `x_<name>`.
        about: name, protocol, classes, needs_image, crop_px, notes, issues, data.
    """

    folder: Path
    rows: pd.DataFrame
    about: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.about["classes"])

    @property
    def outputs(self) -> int:
        """Width of the heads' output: 1 for two classes."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    @property
    def protocol(self) -> str:
        return str(self.about["protocol"])

    @cached_property
    def usable(self) -> pd.DataFrame:
        """Rows that can be trained on or judged here, in order."""
        return self.rows[self.rows["usable"]].reset_index(drop=True)

    @cached_property
    def rows_id(self) -> str:
        """Content id of everything that a training sees of the rows besides vectors."""
        seen = self.usable[
            ["sample_id", "group_id", "label", "part", "image_sha256", "text_sha256"]
        ]
        return content_id([self.protocol, list(self.classes), seen.astype(str).to_numpy().tolist()])

    def hashes(self, modality: Modality) -> Texts:
        """(N,) SHA-256 of each usable row's input, None where it has none."""
        column = self.usable[f"{modality}_sha256"]
        return np.array([h if isinstance(h, str) else None for h in column], dtype=object)


def protocol_folder(out: Path, dataset: str, protocol: str) -> Path:
    """Where one protocol's files are."""
    return out / dataset / protocol


def prepare(study: Study, parts: Texts, folder: Path) -> Prepared:
    """Hash every usable row's inputs, cut crops, and write rows.parquet and study.json.

    Args:
        parts: (N,) train, validation, test or unused, on all rows.
        folder: of the protocol; crops go to `../images`.
    """
    rows = study.rows.assign(part=parts, usable=study.usable & (parts != "unused"))
    files = _image_files(study, rows, folder.parent / "images")
    rows["image_file"] = [str(f) if f else None for f in files]
    rows["image_sha256"] = [sha256_file(f) if f else None for f in files]
    rows["text_sha256"] = [_text_hash(t) for t in rows["text"]]
    rows["persistence"] = np.nan if study.persistence is None else study.persistence
    if study.covariates is not None:
        named = study.covariates.add_prefix("x_").set_index(rows.index)
        rows = pd.concat([rows, named.astype(np.float64)], axis=1)
    about = {
        "name": study.name,
        "protocol": study.protocol,
        "classes": list(study.classes),
        "needs_image": study.needs_image,
        "crop_px": study.crop_px,
        "has_persistence": study.persistence is not None,
        "notes": list(study.notes),
        "issues": [
            {
                "level": str(i.level),
                "code": i.code,
                "message": i.message,
                "place": i.place,
                "fix": i.fix,
                "rows": i.rows,
            }
            for i in study.issues
        ],
        "data": str(study.data),
    }
    write_frame(folder / ROWS, rows)
    write_json(folder / ABOUT, about)
    return Prepared(folder, rows, about)


def load_prepared(folder: Path) -> Prepared:
    """Rows that `prepare` wrote. Raises StoreError if they are absent."""
    about = read_json(folder / ABOUT)
    return Prepared(folder, pd.read_parquet(folder / ROWS), about)


def covariates_of(rows: pd.DataFrame) -> pd.DataFrame | None:
    """(N, K) covariates of prepared rows under their own names, None without any."""
    names = [c for c in rows.columns if c.startswith("x_")]
    return rows[names].rename(columns=lambda c: c[2:]) if names else None


def study_of(prepared: Prepared) -> Study:
    """The usable rows as a Study again, for whoever judges them without vectors."""
    rows, about = prepared.usable, prepared.about
    return Study(
        name=about["name"],
        protocol=about["protocol"],
        data=Path(about["data"]),
        rows=rows[list(STUDY_COLUMNS)],
        classes=prepared.classes,
        needs_image=about["needs_image"],
        crop_px=about["crop_px"],
        persistence=rows["persistence"].to_numpy(np.float64) if about["has_persistence"] else None,
        covariates=covariates_of(rows),
    )


def _text_hash(text: object) -> str | None:
    return hashlib.sha256(text.encode()).hexdigest() if isinstance(text, str) else None


def _image_files(study: Study, rows: pd.DataFrame, crops: Path) -> list[Path | None]:
    """(N,) file that an encoder reads of each usable row; None without an image."""
    wanted = rows["usable"] & rows["image"].notna()
    progress = Progress("images read", int(wanted.sum()))
    cut: dict[str, Path] = {}  # many rows may share one scene
    files: list[Path | None] = []
    for image, wants in zip(rows["image"], wanted, strict=True):
        if not wants:
            files.append(None)
            continue
        if image not in cut:
            path = study.data / image
            cut[image] = path if study.crop_px is None else _crop(path, study.crop_px, crops)
        files.append(cut[image])
        progress.advance()
    return files


def _crop(path: Path, side_px: int, crops: Path) -> Path:
    """PNG of the central square of an image; cut once."""
    out = crops / f"{sha256_file(path)[:32]}-{side_px}.png"
    if out.is_file():
        return out
    rgb = read_scene(path, SCENES)
    height, width = rgb.shape[:2]
    if min(height, width) < side_px:
        raise DropError(
            f"the image is {width} x {height} px, the crop {side_px}",
            where=str(path),
            fix="deliver the image in its original size",
        )
    top, left = (height - side_px) // 2, (width - side_px) // 2
    buffer = io.BytesIO()
    Image.fromarray(rgb[top : top + side_px, left : left + side_px]).save(buffer, format="PNG")
    return write_atomic(out, buffer.getvalue())
