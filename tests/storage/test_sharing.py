"""Machines with homes of their own and one store: what each finds of the others."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from support.drops import table_drop
from support.outputs import leave

from pipelines.config import DeploymentPaths
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import drop_hash, read_drop
from pipelines.data.intake import accept, file_cache
from pipelines.data.sync import exchange_drops, share_accepted
from pipelines.errors import DropError, StoreError
from pipelines.run import Run, open_run, start_run
from pipelines.run.outputs import EvaluateOutput, FeaturesOutput, TrainOutput
from pipelines.storage import manifest_of, shared, write_atomic, write_json

TABLE = "Municipality code,2018/w01\n05001,{cases}\n"


class Machine:
    """A home of its own; `here` makes it this process's."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths = DeploymentPaths(home=home)
        self._monkeypatch = monkeypatch

    def here(self) -> None:
        self._monkeypatch.setenv("DENGUARD_HOME", str(self.paths.home))

    def run(self, run_id: str = "r") -> Run:
        self.here()
        return open_run(run_id)

    def drop(self, cases: int) -> Path:
        table = write_atomic(self.paths.home / "in" / "metadata.csv", TABLE.format(cases=cases))
        info = DropInfo(received_date=date(2018, 1, 9), scene_period="week")
        return table_drop(table, None, self.paths.drops, info)

    def drop_text(self) -> str:
        return (self.paths.drops / "2018-01-09" / "metadata.csv").read_text(encoding="utf-8")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def one(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path / "one", monkeypatch)
    machine.here()
    start_run("r", {"profile": "ci"})
    return machine


@pytest.fixture
def two(tmp_path: Path, one: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path / "two", monkeypatch)


def test_what_a_step_names_on_one_machine_is_found_on_the_other(one: Machine, two: Machine) -> None:
    run = one.run()
    made = run.folder / "made"
    write_atomic(made / "a.txt", "a")
    leave(run, FeaturesOutput, features=run.name(made))
    other = two.run()
    assert other.params == run.params
    assert manifest_of(other.path(other.output(FeaturesOutput).features)) == manifest_of(made)


def test_a_step_that_ran_again_elsewhere_replaces_what_is_here(one: Machine, two: Machine) -> None:
    for number, machine in enumerate((one, two, one), start=1):
        run = machine.run()
        path = write_json(run.folder / "metrics.json", {"walk": number})
        leave(run, EvaluateOutput, metrics=run.name(path), predictions=[str(number)])
    late = two.run()
    assert late.output(EvaluateOutput).predictions == ("3",)
    assert late.path(late.output(EvaluateOutput).metrics).read_text() == path.read_text()


def test_a_local_copy_that_lost_a_file_is_made_whole(one: Machine, two: Machine) -> None:
    run = one.run()
    write_atomic(run.folder / "made" / "a.txt", "a")
    name = run.name(run.folder / "made")
    copy = two.run().path(name)
    (copy / "a.txt").unlink()
    assert (two.run().path(name) / "a.txt").read_text() == "a"


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "data/drops/.."])
def test_a_name_from_the_store_cannot_lead_out_of_home(name: str, one: Machine) -> None:
    with pytest.raises(StoreError, match="leads out"):
        one.run().path(name)


def test_a_step_that_ran_nowhere_is_named(one: Machine, two: Machine) -> None:
    with pytest.raises(StoreError, match=r"not in the store.*runs/r/train\.json.*earlier step"):
        two.run().output(TrainOutput)


def test_without_the_variable_everything_stays_at_home(
    one: Machine, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = manifest_of(store)
    monkeypatch.delenv("DENGUARD_ARTIFACTS_URI")
    run = one.run()
    path = write_json(run.folder / "metrics.json", {})
    leave(run, EvaluateOutput, metrics=run.name(path))
    assert run.path(run.output(EvaluateOutput).metrics) == path
    assert shared(one.paths) is None
    assert manifest_of(store) == before


def test_a_drop_of_one_machine_reaches_the_other(one: Machine, two: Machine) -> None:
    drop = one.drop(cases=1)
    exchange_drops(one.paths)
    exchange_drops(two.paths)
    assert manifest_of(two.paths.drops / drop.name) == manifest_of(drop)


def test_a_rejected_drop_that_was_made_anew_wins_over_copies(one: Machine, two: Machine) -> None:
    import shutil

    drop = one.drop(cases=1)
    exchange_drops(one.paths)
    exchange_drops(two.paths)
    shutil.rmtree(drop)
    one.drop(cases=2)
    for machine in (one, two, one):
        exchange_drops(machine.paths)
    assert one.drop_text() == two.drop_text() == TABLE.format(cases=2)


def test_an_accepted_drop_is_never_replaced(one: Machine, two: Machine) -> None:
    drop = one.drop(cases=1)
    exchange_drops(one.paths)
    sha = drop_hash(read_drop(drop), file_cache(one.paths))
    accept(one.paths, "v1", "2018-w48", [{"received_date": drop.name, "sha256": sha}])
    share_accepted(one.paths)
    two.drop(cases=2)
    with pytest.raises(DropError, match="differs from the accepted drop"):
        exchange_drops(two.paths)
    exchange_drops(one.paths)
    assert one.drop_text() == TABLE.format(cases=1)
