"""A reproduction in five steps: start, embed, train, measure, report.

Each step reads the protocol's folder and writes into it; done work is found and not repeated, so a
killed run goes on. The command runs them in one process, the DAG in a task each.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import ValidationError

from pipelines.config import DeploymentPaths
from pipelines.contracts import PAPER_DATASETS, one_of
from pipelines.embed.run import run_work
from pipelines.encoder_config import Frozen
from pipelines.errors import ConfigError, StoreError, validation_sentence
from pipelines.paper.approaches import Ready, look
from pipelines.paper.cells import find_or_make
from pipelines.paper.config import Approach, FrozenApproach, RawApproach, StudyConfig, load_study
from pipelines.paper.datasets import read_study
from pipelines.paper.groups import train_group
from pipelines.paper.lock import at_work
from pipelines.paper.measure import measure_baselines, measure_cone, measure_gap, some_inputs
from pipelines.paper.page.report import write_report
from pipelines.paper.prepared import (
    Prepared,
    load_prepared,
    prepare,
    protocol_folder,
)
from pipelines.paper.protocols import check_turns, guard_text, split
from pipelines.paper.raw_group import train_raw_group
from pipelines.paper.result_rows import mean_of
from pipelines.paper.results import RESULTS, build_results
from pipelines.paper.study import Protocol
from pipelines.paper.tables import write_tables
from pipelines.paper.tuned.train import train_tuned
from pipelines.paper.vectors import MODALITIES, encoder_of, modality_vectors, plan_work
from pipelines.storage import read_json, write_json

log = logging.getLogger(__name__)
PLAN, MEASURES, CHECKED = "plan.json", "measures.json", "images-checked.json"
Output = dict[str, Any]


class Request(Frozen):
    """What a reproduction is asked.

    Attributes:
        data: the data set's folder.
        out: where everything is written.
        study: a study file; the shipped one if absent.
        general: a folder in the layout of data set `folder` with everyday images and texts, for the
            cone-effect experiment.
    """

    dataset: Annotated[str, one_of(PAPER_DATASETS)]
    protocol: Protocol
    data: Path
    out: Path
    study: Path | None = None
    general: Path | None = None

    @property
    def folder(self) -> Path:
        return protocol_folder(self.out, self.dataset, self.protocol)


def ask(parameters: Mapping[str, Any], base: Path) -> Request:
    """Check what was asked; relative paths start from `base`.

    Raises:
        ConfigError: naming every key or value that is refused.
    """
    try:
        request = Request.model_validate(parameters)
    except ValidationError as err:
        raise ConfigError(
            f"what to reproduce is not valid: {validation_sentence(err)}",
            fix=f"known parameters are {', '.join(Request.model_fields)}",
        ) from err
    found = {k: base.resolve() / v if isinstance(v, Path) else v for k, v in request}
    return Request.model_validate(found)


def run_all(request: Request, paths: DeploymentPaths) -> tuple[Output, Output]:
    """All five steps in this process, alone in the folder; returns the plan and the report's
    output.

    Raises:
        BusyError: another reproduction is at work in the folder.
    """
    with at_work(request.folder):
        plan = start(request, paths)
        for index in range(len(plan["work"])):
            embed(request.folder, index, paths)
        for index in range(len(plan["groups"])):
            train(request.folder, index, paths)
        measure(request.folder, paths)
        return plan, report(request.folder)


def start(request: Request, paths: DeploymentPaths, shards: int = 1) -> Output:
    """Read, check, split and hash the data; find what can run and what has to be embedded.

    Args:
        shards: most embedding tasks a vector space.

    Returns:
        The plan, also in plan.json: work (files with titles), groups, not_run, rows by part.
    """
    study = load_study(request.study)
    dataset = read_study(
        request.dataset, request.data.resolve(), request.protocol, request.folder.parent / CHECKED
    )
    guard_text(dataset)
    if study.tuned is not None and request.protocol == "safe":
        check_turns(dataset, study.tuned.turns)
    if request.general is not None:  # its faults are told now, not after hours of training
        read_study("folder", request.general.resolve(), request.protocol)
    prepared = prepare(dataset, split(dataset), request.folder)
    ready = look(study, paths)
    approaches = [a for a in study.approaches if a.id in ready.spaces or a.id in ready.towers]
    work = list(_work(prepared, approaches, ready, shards))
    plan = {
        "request": request.model_dump(mode="json"),
        "work": work,
        "groups": [[a.id, fusion] for a in approaches for fusion in study.fusions],
        "not_run": [asdict(item) for item in ready.not_run],
    }
    write_json(request.folder / PLAN, plan)
    usable = prepared.usable["part"].value_counts().to_dict()
    log.info(
        "%s, %s protocol: %d rows, usable %s; %d approaches run, %d cannot",
        request.dataset,
        request.protocol,
        len(dataset),
        usable,
        len(approaches),
        len(ready.not_run),
    )
    return plan


def _work(
    prepared: Prepared, approaches: list[Approach], ready: Ready, shards: int
) -> Iterator[Output]:
    """Each vector space once, though approaches may share one."""
    seen = set()
    for approach in approaches:
        if isinstance(approach, RawApproach):
            continue
        for modality in MODALITIES:
            spec = ready.spaces[approach.id][modality]
            if spec.space_id in seen:
                continue
            seen.add(spec.space_id)
            files = plan_work(prepared, approach, modality, spec, shards)
            for number, file in enumerate(files, start=1):
                title = f"{spec.encoder} {modality}, shard {number} of {len(files)}"
                yield {"file": str(file), "space_id": spec.space_id, "title": title}


def embed(folder: Path, index: int, paths: DeploymentPaths) -> Output:
    """Embed one work file of the plan; how long it took is kept for the tables."""
    item = read_plan(folder)["work"][index]
    file = Path(item["file"])
    counts = run_work(file, paths).to_json()
    if counts["embedded"]:
        timing = {name: counts[name] for name in ("embedded", "seconds", "truncated")}
        write_json(
            folder.parent / "timing" / item["space_id"] / f"{folder.name}-{file.stem}.json", timing
        )
    return counts


def train(folder: Path, index: int, paths: DeploymentPaths) -> Output:
    """Train, or find, every cell of one approach and fusion, and write
    groups/<approach>-<fusion>.json.
    """
    plan = read_plan(folder)
    name, fusion = plan["groups"][index]
    study, prepared, ready = _opened(plan, folder, paths)
    approach = next(a for a in study.approaches if a.id == name)
    if isinstance(approach, RawApproach):
        record = train_raw_group(approach, fusion, _found(ready.towers, name), prepared, study)
    else:
        spaces = _found(ready.spaces, name)
        vectors = tuple(modality_vectors(prepared, m, spaces[m]) for m in MODALITIES)
        ids = (spaces["image"].space_id, spaces["text"].space_id)
        both = (vectors[0], vectors[1])
        record = train_group(approach, fusion, ids, both, prepared, study)
        record["tuned"] = train_tuned(fusion, ids, both, prepared, study)
    write_json(folder / "groups" / f"{name}-{fusion}.json", record)
    return {"approach": name, "fusion": fusion, "f1": mean_of(record["printed"], "macro_f1")}


def measure(folder: Path, paths: DeploymentPaths) -> Output:
    """Gap of every approach, baselines, and the cone effect; written to measures.json."""
    plan = read_plan(folder)
    study, prepared, ready = _opened(plan, folder, paths)
    frozen = [a for a in study.approaches if isinstance(a, FrozenApproach) and a.id in ready.spaces]
    general = _general(Request.model_validate(plan["request"]))
    gaps = {a.id: measure_gap(prepared, ready.spaces[a.id], study) for a in frozen}
    cones = _cone(ready, frozen, prepared, general, study, paths)
    measures = {
        "baselines": measure_baselines(prepared, study),
        "gap": gaps,
        "cone": cones,
    }
    write_json(folder / MEASURES, measures)
    return {"gaps": sum(g is not None for g in gaps.values()), "cones": len(cones)}


def report(folder: Path) -> Output:
    """Write results.json, the tables, and the page that shows both protocols."""
    plan = read_plan(folder)
    request = Request.model_validate(plan["request"])
    results = build_results(folder, load_prepared(folder), load_study(request.study), plan)
    write_json(folder / RESULTS, results)
    tables = write_tables(results, folder)
    page = write_report(folder.parent)
    return {
        "first_line": results["first_line"],
        "tables": [str(t) for t in tables],
        "report": str(page),
    }


def _cone(
    ready: Ready,
    frozen: list[FrozenApproach],
    prepared: Prepared,
    general: Prepared | None,
    study: StudyConfig,
    paths: DeploymentPaths,
) -> list[Output]:
    """Records by encoder, each vector space once though approaches may share it; found if made
    before.
    """
    encoders = {
        ready.spaces[a.id][m].space_id: (encoder_of(a, m), m) for a in frozen for m in MODALITIES
    }
    versioned = [study.cone_seeds, study.cone_rows, general.rows_id if general else None]
    records = []
    for space, (encoder, modality) in encoders.items():
        others = some_inputs(general, modality, study.cone_rows) if general else []
        records.append(
            find_or_make(
                prepared.folder,
                [space, prepared.rows_id, *versioned],
                partial(measure_cone, prepared, encoder, modality, others, study, paths),
                "cones",
            )
        )
    return records


def _general(request: Request) -> Prepared | None:
    if request.general is None:
        return None
    everyday = read_study("folder", request.general.resolve(), request.protocol)
    return prepare(everyday, split(everyday), request.folder.parent / "general")


def read_plan(folder: Path) -> Output:
    """The plan of a protocol's folder. Raises StoreError if `start` has not run."""
    return dict(read_json(folder / PLAN))


def _opened(
    plan: Output, folder: Path, paths: DeploymentPaths
) -> tuple[StudyConfig, Prepared, Ready]:
    request = Request.model_validate(plan["request"])
    study = load_study(request.study)
    return study, load_prepared(folder), look(study, paths)


def _found(ready: Any, name: str) -> Any:
    if name not in ready:
        raise StoreError(
            f"approach {name} could run when the plan was made and cannot now",
            fix="start the reproduction again: it lists what is missing",
        )
    return ready[name]
