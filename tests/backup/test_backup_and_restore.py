"""A deployment after a real run is backed up and put back elsewhere: it is the same one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.homes import Home
from support.killed import dies_at
from support.tabular import next_week, run_tabular

from pipelines.backup.make import Made, Wish, backup
from pipelines.backup.restore import Restored, restore
from pipelines.backup.vault import Vault
from pipelines.config import DeploymentPaths
from pipelines.errors import BusyError, ConfigError, StoreError
from pipelines.registry.audit import audit_file
from pipelines.run.lock import hold
from pipelines.storage import manifest_of

NOW = datetime(2026, 11, 30, 6, tzinfo=UTC)
KEY = bytes(range(32))


def _backup(home: Home, vault: Vault, weeks: int = 0, **wish: object) -> Made:
    at = NOW + timedelta(weeks=weeks)
    return backup(DeploymentPaths(home=home.path), vault, Wish(**wish), at)  # type: ignore[arg-type]


def _restore(to: Path, vault: Vault, name: str = "", over: bool = False) -> Restored:
    to.mkdir(exist_ok=True)
    return restore(DeploymentPaths(home=to), vault, name, over, NOW)


def _records(home: Path) -> dict[str, str]:
    """What must be there again, by its bytes; databases and caches are compared otherwise."""
    return {
        name: content
        for room in ("data", "artifacts")
        for name, content in manifest_of(home / room).items()
        if name.split("/")[0] not in {"backup", "cache", "local", "locks", "refits", "weights"}
        and not name.startswith("mlflow/mlflow.db")
        and "/.dvc/tmp/" not in name
    }


def test_a_deployment_restored_in_another_folder_serves_traces_and_runs_on(
    copied_tabular: Callable[[], Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, vault = copied_tabular(), Vault(str(tmp_path / "vault"))
    made = _backup(home, vault)
    there = _records(home.path)
    home.path.rename(tmp_path / "lost")

    other = Home(tmp_path / "elsewhere" / "home")
    monkeypatch.setenv("DENGUARD_HOME", str(other.path))
    other.path.parent.mkdir()
    done = _restore(other.path, vault)

    assert [row for row in done.proof if not row.same] == []
    assert done.holds and {row.what for row in done.proof} >= {
        "champion's bundle",
        "its bytes",
        "audit",
        "trace of the forecast",
        "mlflow's rows",
    }
    facts = made.record.facts[""]
    assert facts.champion == "1" and facts.forecast_bytes and facts.links > 5
    assert (facts.broken, facts.problem) == (0, "")
    assert _records(other.path) == there
    next_week(other, {})
    run_tabular(other, "second")
    assert "second" in other.denguard_here("decisions")


def test_the_command_says_what_the_backup_holds_and_the_restore_proves_it(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home, vault = copied_tabular(), str(tmp_path / "vault")
    said = home.denguard_here("backup", "--into", vault, "--keep", "2")
    assert "is whole" in said and "mlflow (sqlite)" in said
    assert "is sound" in home.denguard_here("backup", "--verify", vault)
    assert "champion" in home.denguard_here("backup", "--into", vault, "--list")
    code, said = home.tried_here("restore", vault)
    assert code == 2 and "not empty" in said and "--over" in said
    said = home.denguard_here("restore", vault, "--over")
    assert "everything is as it was" in said and ".before-restore-" in said
    assert "everything is as it was" in home.denguard_here("restore", vault, "--prove")


def test_a_backup_of_an_unchanged_deployment_costs_little_more_than_its_database(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home, vault = copied_tabular(), Vault(str(tmp_path / "vault"))
    first, second = _backup(home, vault), _backup(home, vault, weeks=1)
    database = next(one for name, one in first.record.files.items() if "databases/" in name)
    assert first.new_bytes == first.record.bytes > 2 * database.size
    assert second.new_bytes <= database.size
    assert vault.names() == [first.record.name, second.record.name]


def test_old_backups_go_with_what_only_they_hold(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home, vault = copied_tabular(), Vault(str(tmp_path / "vault"))
    note = home.path / "data" / "note.txt"
    for week in range(3):
        note.write_text(f"week {week}")
        made = _backup(home, vault, weeks=week, keep=2)
    assert len(vault.names()) == 2 and made.gone == ("2026-11-30T060000Z",)
    assert _restore(tmp_path / "one", vault, vault.names()[0]).holds
    assert (tmp_path / "one" / "data" / "note.txt").read_text() == "week 1"
    held = {p.name for p in (tmp_path / "vault" / "objects").rglob("*") if p.is_file()}
    needed = {h.sha256 for name in vault.names() for h in vault.read(name)[0].files.values()}
    assert held == needed


def test_nothing_readable_of_an_encrypted_backup_is_in_its_folder_and_the_key_restores_it(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home, vault = copied_tabular(), Vault(str(tmp_path / "vault"), KEY)
    _backup(home, vault)
    with pytest.raises(ConfigError, match="no key is given"):
        _restore(tmp_path / "other", Vault(vault.uri))
    with pytest.raises(StoreError, match="the key is another one"):
        _restore(tmp_path / "other", Vault(vault.uri, bytes(32)))
    audit = audit_file(DeploymentPaths(home=home.path)).read_bytes()
    stored = [p for p in (tmp_path / "vault").rglob("*") if p.is_file()]
    assert stored and not any(audit[:40] in p.read_bytes() for p in stored)
    assert not any("2018" in p.name for p in stored)
    assert _restore(tmp_path / "other", vault).holds


def test_backups_with_and_without_a_key_lie_side_by_side(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home, where = copied_tabular(), str(tmp_path / "vault")
    _backup(home, Vault(where))
    _backup(home, Vault(where, KEY), weeks=1, keep=2)
    _backup(home, Vault(where, KEY), weeks=2, keep=3)
    for name in Vault(where).names():
        assert _restore(tmp_path / name, Vault(where, KEY), name).holds


def test_a_damaged_object_is_named_and_nothing_of_that_backup_is_put_back(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home, vault = copied_tabular(), Vault(str(tmp_path / "vault"))
    record = _backup(home, vault).record
    name = next(n for n in record.files if n.endswith("audit.jsonl"))
    path = tmp_path / "vault" / vault.object_key(record.files[name])
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    code, said = home.tried_here("backup", "--verify", vault.uri)
    assert code == 1 and name in said
    with pytest.raises(StoreError, match="damaged"):
        _restore(tmp_path / "other", vault)
    assert not (tmp_path / "other" / "data").exists()


def test_it_refuses_while_a_run_is_at_work_and_to_copy_into_itself(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home = copied_tabular()
    with hold(DeploymentPaths(home=home.path), "weekly"):
        code, said = home.tried_here("backup", "--into", str(tmp_path / "vault"))
    assert code == 2 and "BusyError" in said
    assert Vault(str(tmp_path / "vault")).names() == []
    with pytest.raises(ConfigError, match="hold itself"):
        _backup(home, Vault(str(home.path / "artifacts" / "copies")))


def test_a_line_of_the_deployment_is_held_too(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home = copied_tabular()
    line = DeploymentPaths(home=home.path / "lines" / "city", root=home.path)
    (line.data / "drops").mkdir(parents=True)
    with hold(line, "weekly"), pytest.raises(BusyError):
        _backup(home, Vault(str(tmp_path / "vault")))


@pytest.mark.parametrize("write", [1, 40, 200, "2026-11-30T060000Z.json"])
def test_kill_9_leaves_no_half_backup_and_the_next_one_is_whole(
    copied_tabular: Callable[[], Home], tmp_path: Path, write: int | str
) -> None:
    home, vault = copied_tabular(), Vault(str(tmp_path / "vault"))
    assert dies_at(write, lambda: _backup(home, vault))
    assert vault.names() == []
    _backup(home, vault, weeks=1)
    assert not list((tmp_path / "vault").rglob(".*"))
    assert not (home.path / "artifacts" / "backup").exists()
    assert _restore(tmp_path / "other", vault).holds


@pytest.mark.parametrize("write", [1, 30, 250, "mlflow.db"])
def test_kill_9_in_a_restore_is_gone_on_with(
    copied_tabular: Callable[[], Home], tmp_path: Path, write: int | str
) -> None:
    home, vault, other = copied_tabular(), Vault(str(tmp_path / "vault")), tmp_path / "other"
    _backup(home, vault)
    assert dies_at(write, lambda: _restore(other, vault))
    assert _restore(other, vault).holds
    assert _records(other) == _records(home.path)


def test_times_of_files_and_hard_links_come_back(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home, vault = copied_tabular(), Vault(str(tmp_path / "vault"))
    file = home.path / "data" / "one.bin"
    file.write_bytes(b"one")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    (home.path / "data" / "two.bin").hardlink_to(file)
    _backup(home, vault)
    _restore(tmp_path / "other", vault)
    one, two = (tmp_path / "other" / "data" / f"{name}.bin" for name in ("one", "two"))
    assert one.stat().st_mtime == 1_000_000_000
    assert one.samefile(two)


def test_what_is_secret_or_made_again_is_not_in_it(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home, vault = copied_tabular(), Vault(str(tmp_path / "vault"))
    for room in ("local", "weights", "cache"):
        (home.path / "artifacts" / room).mkdir(exist_ok=True)
        (home.path / "artifacts" / room / "secrets.json").write_text("{}")
    (home.path / "artifacts" / "events" / ".half.abcdefgh").write_text("begun")
    names = _backup(home, vault).record.files
    assert "home/tabular.yaml" in names
    assert not [n for n in names if "secrets.json" in n or ".half." in n or "mlflow.db" in n]


def test_a_champion_that_is_another_one_is_told_and_ends_with_1(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home, vault = copied_tabular(), Vault(str(tmp_path / "vault"))
    _backup(home, vault)
    forecast = next((home.path / "artifacts" / "forecasts").glob("*/forecast.csv"))
    forecast.write_text(forecast.read_text() + "\n")
    code, said = home.tried_here("restore", vault.uri, "--prove")
    assert code == 1 and "not everything is as it was" in said
    assert [line for line in said.splitlines() if line.startswith("its bytes\tNO")]


def test_a_folder_that_machines_share_comes_back_as_it_was(
    copied_tabular: Callable[[], Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, vault, share = copied_tabular(), Vault(str(tmp_path / "vault")), tmp_path / "share"
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(share))
    next_week(home, {})
    run_tabular(home, "second")
    made, before = _backup(home, vault), manifest_of(share)
    (store,) = made.record.stores
    assert store.copied and set(store.sizes) == set(before)
    shutil.rmtree(share)
    assert _restore(tmp_path / "other", vault).holds
    assert manifest_of(share) == before
