"""Data sets in their published layouts, from rows that tests make; no real record is in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.paper.datasets.ham10000 import CLASSES, COLUMNS

BRSET_COLUMNS = (
    "image_id", "patient_id", "camera", "patient_age", "comorbidities", "diabetes_time_y", "insuline",
    "patient_sex", "exam_eye", "diabetes", "nationality", "optic_disc", "vessels", "macula", "DR_SDRG",
    "DR_ICDR", "focus", "Illuminaton", "image_field", "artifacts", "diabetic_retinopathy",
    "macular_edema", "scar", "nevus", "amd", "vascular_occlusion", "hypertensive_retinopathy", "drusens",
    "hemorrhage", "retinal_detachment", "myopic_fundus", "increased_cup_disc", "other", "quality",
)  # fmt: skip
Row = dict[str, str]


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(columns), lineterminator="\n", delimiter="\t" if path.suffix == ".tab" else ","
    )
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (24, 16), kind: str = "") -> Path:
    """A noisy image; JPEG unless the name or `kind` says otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    form = kind or ("PNG" if path.suffix.lower() == ".png" else "JPEG")
    Image.fromarray(pixels).save(path, format=form)
    return path


def ham_rows(n: int, lesions: int | None = None, seed: int = 0) -> list[Row]:
    """Rows whose lesions are of one class each, in the table's columns."""
    draw = np.random.default_rng(seed)
    lesion = draw.integers(0, lesions or n, n)
    return [
        {
            "lesion_id": f"HAM_{lesion[i]:07d}",
            "image_id": f"ISIC_{i:07d}",
            "dx": CLASSES[lesion[i] % len(CLASSES)],
            "dx_type": ("histo", "follow_up", "consensus")[lesion[i] % 3],
            "age": "" if i % 50 == 3 else f"{5 * draw.integers(1, 17)}.0",
            "sex": "unknown" if i % 60 == 5 else ("male", "female")[int(draw.integers(2))],
            "localization": ("back", "face", "lower extremity")[int(draw.integers(3))],
        }
        for i in range(n)
    ]


def make_ham(
    data: Path, rows: Sequence[Row], with_images: int = 0, name: str = "HAM10000_metadata.csv"
) -> Path:
    """HAM10000's table, and images of its first rows, in two folders as published."""
    write_csv(data / name, COLUMNS, rows)
    for i, row in enumerate(rows[:with_images]):
        picture(data / f"HAM10000_images_part_{1 + i % 2}" / f"{row['image_id']}.jpg", seed=i)
    return data


def brset_rows(n: int, patients: int, seed: int = 0) -> list[Row]:
    """Rows of both eyes of patients; findings go with the grade, as they do in life."""
    draw = np.random.default_rng(seed)
    patient = draw.integers(0, patients, n)
    rows = []
    for i in range(n):
        grade = int(patient[i] % 8 == 0) * int(1 + patient[i] % 4)
        sick = str(int(grade > 0))
        rows.append(
            dict.fromkeys(BRSET_COLUMNS, "0")
            | {
                "image_id": f"img{i:05d}",
                "patient_id": str(patient[i]),
                "patient_age": ("", "57", "6O", "61,5")[i % 4],
                "comorbidities": (
                    "",
                    "diabetes1",
                    "hypertension, diabetic retinopathy",
                    "Retinopatia diabética",
                )[i % 4],
                "diabetes_time_y": ("", "Não", "12", "7")[i % 4],
                "insuline": ("no", "yes", "")[i % 3],
                "patient_sex": str(1 + i % 2),
                "exam_eye": str(1 + i // 2 % 2),
                "DR_SDRG": str(grade),
                "DR_ICDR": str(grade),
                "diabetic_retinopathy": sick,
                "macular_edema": sick,
                "hemorrhage": sick,
                "optic_disc": "1",
                "vessels": "1",
                "macula": str(1 + int(grade > 0)),
                "focus": "1",
                "quality": "Adequate",
            }
        )
    return rows


def make_brset(
    data: Path, rows: Sequence[Row], with_images: int = 0, columns: Sequence[str] = BRSET_COLUMNS
) -> Path:
    write_csv(data / "labels_brset.csv", columns, rows)
    for i, row in enumerate(rows[:with_images]):
        picture(data / "fundus_photos" / f"{row['image_id']}.jpg", seed=i)
    return data
