"""Checkpoints of a training, one for each whole epoch: killed at any instant, it goes on from one.

`epoch-0007/state.safetensors` holds the model, AdamW's moments and the watched logits; `epoch.json`
beside it the history and whose checkpoint it is. A checkpoint is written whole before the one
before it is deleted. Random numbers need no place here: they follow from the seed and the epoch
(step.py).

A folder belongs to one training and one process; the caller keeps others out and deletes it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipelines.errors import StoreError
from pipelines.paper.raw.identity import Identity
from pipelines.paper.raw.model import RawModel
from pipelines.paper.raw.rows import RawTrained
from pipelines.storage import new_folder, read_json, sha256_file, write_json

STATE, ABOUT = "state.safetensors", "epoch.json"
_LOGIT = "watched_logit"  # (E, V, C)
_COPIES = 3  # the model and AdamW's two moments
_AT_ONCE = 2  # the newest checkpoint, and the one that is being written


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        identity: of the training that asks; those of another one are refused, never deleted.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder, self._identity = folder, identity
        for cut_off in folder.glob(".epoch-*"):  # writes that were killed
            shutil.rmtree(cut_off, ignore_errors=True)

    def _newest(self) -> Path | None:
        return max(self._folder.glob("epoch-*"), default=None)

    def history(self) -> RawTrained | None:
        """What training showed up to the newest checkpoint; None if there is none.

        Raises:
            StoreError: it is damaged, or another training's.
        """
        if (newest := self._newest()) is None:
            return None
        about: dict[str, Any] = dict(read_json(newest / ABOUT))
        self._refuse_others(about.get("identity"), newest)
        if not (newest / STATE).is_file() or sha256_file(newest / STATE) != about.get("sha256"):
            raise StoreError(
                "a checkpoint is damaged",
                where=str(newest),
                fix=f"delete {self._folder} and train again from the start",
            )
        with safe_open(newest / STATE, framework="pt") as state:
            logit = tuple(state.get_tensor(_LOGIT).clone().numpy())  # a copy, as in restore
        made = {f.name: about[f.name] for f in fields(RawTrained) if f.name != _LOGIT}
        lists = {name: tuple(value) for name, value in made.items() if isinstance(value, list)}
        return RawTrained(watched_logit=logit, **{**made, **lists})

    def _refuse_others(self, theirs: object, newest: Path) -> None:
        known = theirs if isinstance(theirs, dict) else {}
        names = sorted(known.keys() | self._identity.keys())
        if other := [n for n in names if known.get(n) != self._identity.get(n)]:
            raise StoreError(
                f"the checkpoint there was made by another training: {', '.join(other)} differ",
                where=str(newest),
                fix=f"go on with what it was begun with, or delete {self._folder} to start anew",
            )

    def restore(self, model: RawModel, optimizer: torch.optim.Optimizer) -> None:
        """Fill model and optimizer from the newest checkpoint, one tensor at a time.

        Raises:
            StoreError: its tensors are not this model's.
        """
        newest = self._newest()
        if newest is None:
            return
        try:
            with safe_open(newest / STATE, framework="pt") as state, torch.no_grad():
                for name, tensor in model.state_dict().items():
                    tensor.copy_(state.get_tensor(f"model.{name}"))
                for name in state.keys():  # noqa: SIM118  (the file is no dict)
                    if name.startswith("adamw."):
                        _, key, owner = name.split(".", 2)
                        # A copy: the tensor is a view of the file, which would stay on the disk,
                        # deleted or not, for as long as the view lives.
                        value = state.get_tensor(name).clone()
                        optimizer.state[model.get_parameter(owner)][key] = value
        except (SafetensorError, RuntimeError, AttributeError) as err:
            raise StoreError(
                f"a checkpoint does not fit the model: {err}",
                where=str(newest),
                fix=f"delete {self._folder} and train again from the start",
            ) from err

    def check_room(self, model: RawModel) -> None:
        """Raises StoreError if the disk cannot hold the checkpoints, before hours are spent."""
        self._folder.mkdir(parents=True, exist_ok=True)
        have = sum(path.stat().st_size for path in self._folder.glob("epoch-*/*"))
        need = _AT_ONCE * _COPIES * model.parameters_bytes - have
        if (free := shutil.disk_usage(self._folder).free) < need:
            raise StoreError(
                f"checkpoints need {need / 1e9:.1f} GB more, {free / 1e9:.1f} GB are free",
                where=str(self._folder),
                fix="free some space or name a folder on another disk",
            )

    def save(self, model: RawModel, optimizer: torch.optim.Optimizer, trained: RawTrained) -> None:
        """Write the checkpoint of the epoch that just ended, then delete the one before.

        Raises:
            StoreError: the disk did not take it; the one before is whole.
        """
        final = self._folder / f"epoch-{trained.epochs:04d}"
        tensors = dict(_tensors(model, optimizer))
        tensors[_LOGIT] = torch.stack([torch.from_numpy(logit) for logit in trained.watched_logit])
        try:
            with new_folder(final) as temp:
                save_file(tensors, temp / STATE)
                _to_disk(temp / STATE)
                write_json(temp / ABOUT, self._about(trained, sha256_file(temp / STATE)))
        except (OSError, SafetensorError) as err:
            raise StoreError(
                f"a checkpoint could not be written: {err}",
                where=str(final),
                fix="free some space and run again: it goes on after the epoch before",
            ) from err
        for older in self._folder.glob("epoch-*"):
            if older.name < final.name:
                shutil.rmtree(older, ignore_errors=True)

    def _about(self, trained: RawTrained, sha256: str) -> dict[str, object]:
        history = {name: value for name, value in vars(trained).items() if name != _LOGIT}
        return {"identity": self._identity, "sha256": sha256, "epoch": trained.epochs, **history}


def _tensors(model: RawModel, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """Model and moments by name; no copies, so that a checkpoint costs no memory."""
    for name, tensor in model.state_dict().items():
        yield f"model.{name}", tensor.contiguous()
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            yield f"adamw.{key}.{name}", value.contiguous()


def _to_disk(path: Path) -> None:
    """Wait until a file's bytes are on the disk: its name must not survive a power cut alone."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())
