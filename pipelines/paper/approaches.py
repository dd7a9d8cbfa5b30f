"""Which approaches can run on this machine, and for the others what to type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.base import library_versions, weights_cache
from pipelines.embed.weights import Weights, install_hint, locate_weights
from pipelines.errors import DenguardError, EncoderError
from pipelines.paper.config import Approach, FrozenApproach, RawApproach, StudyConfig, Wanted
from pipelines.paper.vectors import MODALITIES, encoder_of, specs_of

AGAIN = "the same reproduce command: it goes on with what is missing"


@dataclass(frozen=True)
class NotRun:
    """Something of the paper that was not run here: why, and the command that would run it."""

    what: str
    why: str
    command: str


@dataclass(frozen=True)
class Ready:
    """Approaches whose weights are here and are the pinned ones.

    Attributes:
        spaces: frozen approach -> its vector spaces.
        towers: raw approach -> its image and its text weights.
    """

    spaces: Mapping[str, Mapping[Modality, EncoderSpec]]
    towers: Mapping[str, tuple[Weights, Weights]]
    not_run: tuple[NotRun, ...]


def look(study: StudyConfig, paths: DeploymentPaths) -> Ready:
    """Find what can run; nothing is loaded and nothing is fetched."""
    spaces: dict[str, Mapping[Modality, EncoderSpec]] = {}
    towers: dict[str, tuple[Weights, Weights]] = {}
    absent: list[NotRun] = []
    for approach in study.approaches:
        try:
            _check_pins(approach)
            if isinstance(approach, RawApproach):
                towers[approach.id] = _towers(approach, paths)
            else:
                _check_libraries(approach)
                spaces[approach.id] = specs_of(approach, paths)
        except DenguardError as err:
            why = f"{err.what} ({err.where})" if err.where else err.what
            absent.append(NotRun(approach.title, _here(why), f"{_here(err.fix)}; then {AGAIN}"))
    return Ready(spaces, towers, tuple(absent))


def _here(text: str) -> str:
    """An encoder's words, which know profiles only, for a reader who has a study file."""
    return text.replace("embed.<modality>.folder", "folder").replace(
        "the profile", "the study file"
    )


def _check_pins(approach: Approach) -> None:
    wanted: tuple[Wanted, ...] = (approach.image, approach.text)
    loose = list(dict.fromkeys(f"{w.hub}@<commit>/{w.file}" for w in wanted if not w.pinned))
    if loose:
        raise EncoderError(
            "no commit and sha256 of its weights are pinned in the study file",
            where=", ".join(loose),
            fix=" and ".join(f"`denguard weights {address} --fetch`" for address in loose)
            + (
                ", write commit and printed sha256 into a copy of the study file and pass it with "
                "--study"
            ),
        )


def _check_libraries(approach: FrozenApproach) -> None:
    for modality in MODALITIES:
        config = encoder_of(approach, modality)
        absent = [name for name, found in library_versions(config).items() if found == "absent"]
        if absent:
            raise EncoderError(
                f"{', '.join(absent)} is not installed", fix=f"`{install_hint(config)}`"
            )


def _towers(approach: RawApproach, paths: DeploymentPaths) -> tuple[Weights, Weights]:
    cache = weights_cache(paths)
    image, text = (locate_weights(w.weights(), cache) for w in (approach.image, approach.text))
    return image, text


def folders_of(towers: tuple[Weights, Weights]) -> tuple[Path, Path]:
    """Checkpoint folders of a raw approach's two towers."""
    return towers[0].path.parent, towers[1].path.parent
