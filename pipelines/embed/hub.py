"""Weights from the Hugging Face hub: what this machine has of it, and the one place that fetches.

A run never reaches the hub; `denguard weights --fetch` does, for a pinned commit, into
artifacts/weights/hub/<owner>/<name>/<commit>/. What other tools left in the hub's own cache is used
as well.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from pipelines.embed.locks import held
from pipelines.encoder_config import WeightsConfig
from pipelines.errors import EncoderError
from pipelines.storage import sha256_file
from pipelines.storage.resumable import here, move_into_place

log = logging.getLogger(__name__)

_ADDRESS = re.compile(r"^([\w.-]+/[\w.-]+)@([0-9a-f]{40})/([^\\]+)$")
_COMPANIONS = (".json", ".txt")  # configuration, tokenizer and vocabulary beside the weights
_TIMEOUT_S = 30.0
_SPARE_BYTES = 1 << 28  # left free on the disk after a download
_LOCK_LIMIT_S = 3600.0


@dataclass(frozen=True)
class HubFile:
    """A weights file in a commit of a hub repository; its small companions lie beside it."""

    hub: str
    revision: str
    file: str
    sha256: str | None = None

    def __str__(self) -> str:
        return f"{self.hub}@{self.revision}/{self.file}"

    @property
    def command(self) -> str:
        """What to type to get it."""
        return f"denguard weights {self} --fetch"


def hub_file(config: WeightsConfig) -> HubFile | None:
    """Address of an encoder's weights, None if they are not from the hub."""
    if config.hub is None or config.revision is None:
        return None
    return HubFile(config.hub, config.revision, config.file, config.sha256)


def read_address(text: str) -> HubFile | None:
    """The file that `owner/name@<commit>/file` names, None if the text is no such address."""
    found = _ADDRESS.match(text)
    return HubFile(*found.groups()) if found else None


def cached(file: HubFile, cache: Path) -> Path | None:
    """The file on this machine, fetched by denguard or by another tool; the hub is never asked."""
    own = _place(cache, file, file.file)
    if own.is_file():
        return own
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(file.hub, file.file, revision=file.revision)
    return Path(path) if isinstance(path, str) and Path(path).is_file() else None


def _place(cache: Path, file: HubFile, name: str) -> Path:
    return cache / "hub" / file.hub / file.revision / name


def fetch(file: HubFile, cache: Path) -> Path:
    """Download a file and its companions; an interrupted one goes on where it stopped.

    Raises:
        EncoderError: no network, no such file, no leave to read it, another hash, or too small a
            disk.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    # httpx's or httpx2's, as the library has it: a broken line raises others of its kind.
    http_error = cast(type[Exception], HfHubHTTPError.__bases__[0])
    if found := cached(file, cache):
        return found
    again = f"`{file.command}`; it goes on where it stopped"
    lock = cache / "hub" / file.hub / "fetch.lock"
    with held(lock, "another download of these weights", _LOCK_LIMIT_S):
        try:
            info = HfApi().model_info(
                file.hub, revision=file.revision, files_metadata=True, timeout=_TIMEOUT_S
            )
            wanted = _wanted(file, info.siblings or [])
            _check_disk(file, wanted, cache)
            for item in wanted:
                _download(file, item, _place(cache, file, item.rfilename))
        except GatedRepoError as err:
            raise EncoderError(
                "the hub gives these weights only to those who accepted their terms",
                where=str(file),
                fix=f"accept them at https://huggingface.co/{file.hub}, set HF_TOKEN, then {again}",
            ) from err
        except (http_error, OSError) as err:  # the hub's own errors are among these
            reason = (str(err).splitlines() or [type(err).__name__])[0]
            raise EncoderError(
                f"the hub did not give the weights: {reason}",
                where=str(file),
                fix=f"check the network and the address, then {again}",
            ) from err
    return _place(cache, file, file.file)


def _download(file: HubFile, item: Any, final: Path) -> None:
    """One file: `.part` grows and is kept, and gets its name when it is whole.

    huggingface_hub's own hf_hub_download throws an unfinished file away, which a line that breaks
    every hour never outruns.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    if final.is_file():
        return
    partial = final.with_name(final.name + ".part")
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("ab") as out:
        if out.tell() > item.size:
            out.truncate(0)
        url = hf_hub_url(file.hub, item.rfilename, revision=file.revision)
        http_get(
            url,
            out,
            resume_size=out.tell(),
            headers=build_hf_headers(),
            expected_size=item.size,
            displayed_filename=final.name,
        )
    wanted = file.sha256 if item.rfilename == file.file else None
    wanted = wanted or (item.lfs.sha256 if item.lfs else None)
    found = sha256_file(partial)
    if wanted not in (None, found):
        partial.unlink()
        raise EncoderError(
            f"{final.name} arrived with sha256 {found}, not {wanted}",
            where=str(file),
            fix=f"it was thrown away; `{file.command}` starts anew",
        )
    move_into_place(partial, final)


def _wanted(file: HubFile, siblings: Sequence[Any]) -> list[Any]:
    """The weights file and what lies beside it, small files first; sizes in bytes are in `size`."""
    siblings = [s for s in siblings if s.size is not None]
    own = next((s for s in siblings if s.rfilename == file.file), None)
    if own is None:
        raise EncoderError(
            "the hub's commit holds no such file",
            where=str(file),
            fix="correct file or revision in the profile",
        )
    promised = own.lfs.sha256 if own.lfs else None
    if promised and file.sha256 and promised != file.sha256:
        raise _other_hash(file, promised)
    folder = PurePosixPath(file.file).parent
    beside = [s for s in siblings if s is not own and PurePosixPath(s.rfilename).parent == folder]
    return [s for s in beside if s.rfilename.endswith(_COMPANIONS)] + [own]


def _other_hash(file: HubFile, found: str) -> EncoderError:
    return EncoderError(
        f"the hub's file has sha256 {found}, the profile says {file.sha256}",
        where=str(file),
        fix="correct sha256 or revision in the profile, if this file is the one you mean",
    )


def _check_disk(file: HubFile, wanted: Sequence[Any], cache: Path) -> None:
    needed = 0
    for item in wanted:
        final = _place(cache, file, item.rfilename)
        arrived = here(final) + here(final.with_name(final.name + ".part"))
        needed += max(item.size - arrived, 0)
    free = shutil.disk_usage(cache).free
    if needed + _SPARE_BYTES > free:
        raise EncoderError(
            f"the disk has {free / 1e9:.1f} GB free, the weights need {needed / 1e9:.1f} GB and "
            "some room",
            where=str(cache),
            fix="free some, or let DENGUARD_HOME name a larger disk",
        )
    log.info("%s: %.1f MB to fetch", file, needed / 1e6)
