"""Vectors of elsewhere that are not what they say: refused, and nothing written."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.vector_folders import in_golden, in_header, in_spec, in_table, sha_of

from pipelines.config import DeploymentPaths, EncoderConfig, Profile
from pipelines.embed.brought import Taken
from pipelines.embed.lent import give_inputs
from pipelines.embed.store import store_root
from pipelines.errors import ConfigError, DenguardError, StoreError
from pipelines.storage import manifest_of

OTHER = "not an encoder of the profile"
Spoil = Callable[[Path], None]


def _with_nan(names: list[str], vectors: np.ndarray) -> tuple[list[str], Any]:
    spoiled = vectors.copy()
    spoiled[3, 5] = np.nan
    return names, spoiled


def _turned(raw: dict[str, Any]) -> None:
    raw["vectors"] = [[-x for x in vector] for vector in raw["vectors"]]


def _turned_everywhere(folder: Path) -> None:
    in_table(folder, lambda names, vectors: (names, -vectors))
    in_golden(folder, _turned)


def _linked(folder: Path) -> None:
    (folder / "vectors.parquet").rename(folder.parent / "outside.parquet")
    (folder / "vectors.parquet").symlink_to(folder.parent / "outside.parquet")


def _leading_out(uri: str) -> Spoil:
    def spoil(folder: Path) -> None:
        inside = next((folder / "golden").iterdir())
        shutil.copyfile(inside, folder.parent / "secret.png")
        sha = sha_of(inside)
        in_golden(
            folder, lambda raw: [i.update(uri=uri) for i in raw["inputs"] if i["sha256"] == sha]
        )  # type: ignore[func-returns-value]

    return spoil


def _changed_file(folder: Path) -> None:
    file = next((folder / "golden").iterdir())
    file.write_bytes(file.read_bytes() + b"x")


HOSTILE: dict[str, tuple[Spoil, str]] = {
    "another width": (lambda f: in_table(f, lambda n, v: (n, v[:, :20])), "not 24 wide"),
    "a value that is no number": (lambda f: in_table(f, _with_nan), "a value is not finite"),
    "an input twice": (lambda f: in_table(f, lambda n, v: ([n[0], *n[:3]], v)), "comes twice"),
    "a name that is no hash": (
        lambda f: in_table(f, lambda n, v: (["../../x", *n[1:]], v)),
        "not 64 hex digits",
    ),
    "another hash": (lambda f: in_header(f, file_sha256="0" * 64), "not the hash"),
    "another file's name": (lambda f: in_header(f, file="../secret.parquet"), "cannot be used"),
    "another pooling": (lambda f: in_spec(f, pooling="patch_mean"), OTHER),
    "other weights": (lambda f: in_spec(f, weights_sha256="0" * 64), OTHER),
    "a width of its own": (lambda f: in_spec(f, width=20), OTHER),
    "scenes read otherwise": (lambda f: in_header(f, reading="(None, 1000, 'None')"), "other data"),
    "terminal codes in its name": (
        lambda f: in_header(f, origin={"by": "\x1b[2J", "made_on": "2026-11-30"}),
        "cannot be used",
    ),
    "no header": (lambda f: (f / "vectors.json").unlink(), "there is no vectors.json"),
    "a header that is no JSON": (
        lambda f: (f / "vectors.json").write_text("[" * 100_000) and None,
        "no JSON",
    ),
    "no golden inputs": (
        lambda f: in_golden(f, lambda r: r.update(inputs=[], vectors=[])),
        "cannot",
    ),
    "golden vectors of another width": (
        lambda f: in_golden(f, lambda r: r.update(vectors=[v[:9] for v in r["vectors"]])),
        "24 wide",
    ),
    "golden vectors that the table contradicts": (
        lambda f: in_golden(f, _turned),
        "another vector in the table",
    ),
    "vectors of another model": (_turned_everywhere, "its cosine is -1.000000"),
    "a link in the table's place": (_linked, "there is no vectors.parquet"),
    "a golden input outside": (_leading_out("../secret.png"), "leads out of the data folder"),
    "a golden input by its whole path": (_leading_out("/etc/hostname"), "leads out of the data"),
    "a golden input that was changed": (_changed_file, "was changed since"),
    "a table that is none": (
        lambda f: (
            (f / "vectors.parquet").write_bytes(b"x")
            and in_header(f, file_sha256=sha_of(f / "vectors.parquet"))
        ),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_folder_that_is_not_what_it_says_is_refused_and_nothing_is_written(
    what: str, made: Path, taking: Callable[..., Taken], paths: DeploymentPaths
) -> None:
    spoil, why = HOSTILE[what]
    spoil(made)
    with pytest.raises(DenguardError, match=why):
        taking(made)
    assert not store_root(paths).exists()


def test_a_csv_of_words_is_refused(
    made: Path, taking: Callable[..., Taken], paths: DeploymentPaths
) -> None:
    with (made / "vectors.csv").open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["input_sha256", *(f"embedding_{j}" for j in range(24))])
        rows.writerow(["a" * 64, "=cmd()", *range(23)])
    in_header(made, file="vectors.csv", file_sha256=sha_of(made / "vectors.csv"))
    with pytest.raises(StoreError, match="vectors are no numbers"):
        taking(made)
    assert not store_root(paths).exists()


def test_a_folder_that_is_there_is_not_written_over(
    made: Path, dataset: Path, chosen: Profile, own: EncoderConfig, paths: DeploymentPaths
) -> None:
    before = manifest_of(made)
    with pytest.raises(ConfigError, match="there already"):
        give_inputs(dataset, chosen, "image", own, paths, made)
    assert manifest_of(made) == before
