"""A run's folder and the outputs that its steps leave there.

A step reads what earlier steps wrote and leaves one small JSON file, written last and atomically,
so that a killed run can be run again and a finished step can be read by anyone. With
DENGUARD_ARTIFACTS_URI the steps of one run may run on different machines: name, path, output and
finish are where one hands over to the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipelines.config import DeploymentPaths, Profile, deployment_paths
from pipelines.errors import ConfigError, StoreError
from pipelines.run.adopted import read_adopted
from pipelines.run.outputs import StepOutput
from pipelines.run.params import (
    RecordedParams,
    RunParams,
    parse_params,
    profile_of,
    recorded_params,
)
from pipelines.storage import read_json, shared, write_json

Output = TypeVar("Output", bound=StepOutput)
_SAFE_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+\-]{0,199}")


@dataclass(frozen=True)
class Run:
    """A run that was started: where it keeps its files and what it was asked to do."""

    run_id: str
    params: RunParams
    profile: Profile
    paths: DeploymentPaths

    @property
    def folder(self) -> Path:
        """artifacts/runs/<run_id>"""
        return run_folder(self.paths, self.run_id)

    def output(self, kind: type[Output], *part: int) -> Output:
        """What an earlier step of this run wrote, or one shard or year of it.

        Raises:
            StoreError: it has not run, or its output is not valid.
        """
        path = self.folder / kind.file(*part)
        return kind.parse(_read_record(self.paths, path), str(path))

    def name(self, path: Path) -> str:
        """How step outputs name a file or folder: relative to home, so that they hold no host.

        What is named is handed over: it is published if machines share a store.
        """
        if store := shared(self.paths):
            store.share(path)
        return path.resolve().relative_to(self.paths.home).as_posix()

    def path(self, name: str) -> Path:
        """The file or folder that a step output names; fetched if another machine made it."""
        store = shared(self.paths)
        return store.bring(name) if store else self.paths.home / name

    def finish(self, output: Output, *part: int) -> Output:
        """Record a step's output, last thing a step does, and hand it back."""
        self.keep(output.file(*part), output.to_json())
        return output

    def keep(self, file: str, value: dict[str, Any]) -> None:
        """Record JSON that no step reads."""
        _write_record(self.paths, self.folder / file, value)


def run_folder(paths: DeploymentPaths, run_id: str) -> Path:
    """Folder of a run; a run id that could leave it is refused."""
    if not _SAFE_RUN_ID.fullmatch(run_id) or ".." in run_id:
        raise ConfigError(f"{run_id!r} is not a usable run id", fix="use letters, digits and _.:+-")
    return paths.artifacts / "runs" / run_id


def start_run(run_id: str, conf: dict[str, Any]) -> Run:
    """Check the parameters and record them, with the encoders that are adopted now.

    Starting the same run again changes nothing.
    """
    asked, paths = parse_params(conf), deployment_paths()
    name = profile_of(RecordedParams(**dict(asked))).model_name
    before = _begun(paths, run_id)
    encoders = before.encoders if before else read_adopted(paths, name).used or None
    params = RecordedParams(**dict(asked), encoders=encoders)
    _write_record(paths, run_folder(paths, run_id) / "run.json", params.to_json())
    return Run(run_id, params, profile_of(params), paths)


def _begun(paths: DeploymentPaths, run_id: str) -> RecordedParams | None:
    """What was recorded when a run of this name began; None if none did."""
    path, store = run_folder(paths, run_id) / "run.json", shared(paths)
    name = path.relative_to(paths.home).as_posix()
    raw = store.read_record(name) if store else read_json(path) if path.is_file() else None
    return None if raw is None else recorded_params(raw)


def open_run(run_id: str) -> Run:
    """A run that start_run recorded."""
    paths = deployment_paths()
    params = recorded_params(_read_record(paths, run_folder(paths, run_id) / "run.json"))
    return Run(run_id, params, profile_of(params), paths)


def _write_record(paths: DeploymentPaths, path: Path, value: dict[str, Any]) -> None:
    write_json(path, value)
    if store := shared(paths):
        store.write_record(path.relative_to(paths.home).as_posix(), value)


def _read_record(paths: DeploymentPaths, path: Path) -> dict[str, Any]:
    """A record as this machine has it; of a shared run as the store has it, because a step may have
    run again elsewhere since."""
    if store := shared(paths):
        value = store.read_record(path.relative_to(paths.home).as_posix())
        if value is None:
            raise StoreError(
                "what an earlier step writes is not in the store",
                where=store.address(path),
                fix="run the earlier step again",
            )
        write_json(path, value)  # for people and commands that look into this home
    return read_json(path)
