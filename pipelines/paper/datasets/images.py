"""A data set's images: joined to rows by id, every file decoded once before it is counted on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.config import ScenePolicy
from pipelines.contracts import Issue, Level
from pipelines.data.drops import shown
from pipelines.data.filecache import FileCache
from pipelines.data.pixels import SceneError, UnknownFormat, read_scene
from pipelines.data.raw import issue
from pipelines.errors import DropError
from pipelines.paper.datasets.files import how_to_get, some
from pipelines.run.progress import Progress
from pipelines.storage import sha256_file

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
_KIND = "paper-image-v1"
_SAVE_EVERY = 1000  # files; a killed check of thousands begins again from there


def join_images(
    data: Path, files: Sequence[Path], ids: Sequence[str], dataset: str, cache: Path | None
) -> tuple[list[str | None], list[Issue]]:
    """For each id the path of `<id>.jpg`, .jpeg or .png, in any case and folder, relative to
    `data`.

    None where there is no such file or it cannot be decoded whole.

    Raises:
        DropError: two files of one id differ.
    """
    by_id, foreign = _by_id(files, ids)
    chosen, issues = _single(by_id)
    whole, broken = checked(data, list(chosen.values()), dataset, cache)
    good = {key: path for key, path in chosen.items() if path in whole}
    alien = sorted(path.name for key, path in foreign.items() if key not in chosen)
    if alien:
        issues.append(
            issue(
                Level.WARNING,
                "wrong-type-image",
                f"{len(alien)} files bear an image's name but are not .jpg or .png: {some(alien)}",
                shown(str(data)),
                how_to_get(dataset, data),
                rows=len(alien),
            )
        )
    out = [_relative(good.get(name.lower()), data) for name in ids]
    return out, [*issues, *broken, *lacking(data, out, dataset)]


def _by_id(
    files: Sequence[Path], ids: Sequence[str]
) -> tuple[dict[str, list[Path]], dict[str, Path]]:
    """Lower-case id -> its image files; lower-case id -> a file of its name of another type."""
    wanted = {name.lower() for name in ids}
    images, foreign = defaultdict(list), {}
    for path in files:
        if (key := path.stem.lower()) in wanted:
            if path.suffix.lower() in SUFFIXES:
                images[key].append(path)
            else:
                foreign[key] = path
    return images, foreign


def _single(by_id: Mapping[str, Sequence[Path]]) -> tuple[dict[str, Path], list[Issue]]:
    copies = 0
    for paths in by_id.values():
        if len(paths) > 1:
            same_bytes(paths)
            copies += 1
    found = (
        [
            issue(
                Level.INFO,
                "repeated-image",
                f"{copies} images lie in several folders with equal bytes; one copy each is used",
                "",
                "nothing to do",
                rows=copies,
            )
        ]
        if copies
        else []
    )
    return {key: paths[0] for key, paths in by_id.items()}, found


def same_bytes(paths: Sequence[Path]) -> None:
    """Raise DropError naming two files that should be copies of one image and are not."""
    first, *rest = paths
    for path in rest:
        if path.stat().st_size != first.stat().st_size or sha256_file(path) != sha256_file(first):
            raise DropError(
                "two files of one image id differ",
                where=f"{shown(str(first))} and {shown(str(path))}",
                fix="keep the right one and move the other away",
            )


def checked(
    data: Path, paths: Sequence[Path], dataset: str, cache: Path | None
) -> tuple[set[Path], list[Issue]]:
    """The files that decode whole, and issues that count and name the others."""
    memory, policy = FileCache(cache) if cache else None, ScenePolicy()
    progress = Progress("images checked", len(paths))
    broken: dict[str, list[str]] = defaultdict(list)
    whole = set()
    for at, path in enumerate(paths, start=1):
        problem = _problem(path, policy, memory)
        if problem:
            broken[problem].append(path.name)
        else:
            whole.add(path)
        progress.advance()
        if memory and (at % _SAVE_EVERY == 0 or at == len(paths)):
            memory.save()
    return whole, [_broken(code, names, data, dataset) for code, names in sorted(broken.items())]


def _problem(path: Path, policy: ScenePolicy, memory: FileCache | None) -> str:
    known = memory.get(path, _KIND) if memory else None
    if known is None:
        known = {"problem": _decoded(path, policy)}
        if memory:
            memory.put(path, _KIND, known)
    return str(known["problem"])


def _decoded(path: Path, policy: ScenePolicy) -> str:
    try:
        read_scene(path, policy)
    except UnknownFormat:
        return "wrong-type-image" if path.stat().st_size else "damaged-image"
    except SceneError as err:
        return "damaged-image" if err.code == "damaged-scene" else err.code
    return ""


_MEANING = {
    "damaged-image": "are truncated, damaged or empty, as after a download that broke off",
    "wrong-type-image": "are named like images and are something else, such as an error page",
    "pixel-bomb": "declare more pixels than are read",
    "wrong-bands": "are not 8-bit colour or grey",
}


def _broken(code: str, names: Sequence[str], data: Path, dataset: str) -> Issue:
    again = (
        "replace them" if dataset == "folder" else f"delete them and {how_to_get(dataset, data)}"
    )
    return issue(
        Level.ERROR,
        code,
        f"{len(names)} image files {_MEANING.get(code, code)}; their rows are without image: "
        f"{some(sorted(names))}",
        shown(str(data)),
        again,
        rows=len(names),
    )


def lacking(data: Path, images: Sequence[str | None], dataset: str) -> list[Issue]:
    """An issue that counts the rows whose image is not here; critical if none is."""
    n = sum(image is None for image in images)
    if not n:
        return []
    level = Level.CRITICAL if n == len(images) else Level.WARNING
    return [
        issue(
            level,
            "images-not-here",
            f"{n:,} of {len(images):,} rows have no usable image below the data folder; the split "
            "is made on all rows, training and judging on those with one",
            shown(str(data)),
            how_to_get(dataset, data),
            rows=n,
        )
    ]


def _relative(path: Path | None, data: Path) -> str | None:
    return None if path is None else path.relative_to(data).as_posix()
