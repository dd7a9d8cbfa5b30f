"""Pulling versions with only the remote's address: whole, verified, resumed, never led astray."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.planted_versions import WEEKS, Planted
from support.s3 import Bucket
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.client import KINDS, Client
from pipelines.config import deployment_paths
from pipelines.contracts import WITHOUT
from pipelines.errors import VersioningError
from pipelines.storage import manifest_of
from pipelines.versioning import Draft, add_versions
from pipelines.versioning.catalogue import read_sidecar
from pipelines.versioning.entry import Sidecar, Version, manifest_hash
from pipelines.versioning.source import Source, object_key
from pipelines.versioning.tables import write_csv


def object_of(remote: Path, kind: str, file: str, week: str = "2018-w46") -> Path:
    """Where a file of a version lies in a remote."""
    folder = Client(str(remote)).find(kind, week)  # type: ignore[arg-type]
    listed = json.loads((remote / object_key(folder.md5)).read_bytes())
    return remote / object_key(next(f["md5"] for f in listed if f["relpath"].endswith(file)))


def overwrite(path: Path, raw: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(raw)


@pytest.mark.parametrize("kind", KINDS)
def test_after_two_later_runs_the_first_version_is_still_byte_equal(
    planted: Planted, kind: str, tmp_path: Path
) -> None:
    folder = Client(planted.remote).pull(kind, WEEKS["first"], tmp_path)  # type: ignore[arg-type]
    assert manifest_of(folder) == planted.originals["first"][kind]


def test_what_a_run_published_is_what_its_folders_held(planted: Planted, tmp_path: Path) -> None:
    artifacts = planted.home / "artifacts"
    denguard = Client(planted.remote)
    for kind, where in (
        ("samples", "datasets"),
        ("features", "features"),
        ("forecasts", "forecasts"),
    ):
        version = denguard.find(kind, "second")  # type: ignore[arg-type]
        pulled = denguard.pull(kind, version.id, tmp_path)  # type: ignore[arg-type]
        assert manifest_of(pulled) == manifest_of(artifacts / where / version.version)
    drops = denguard.pull("data", "second", tmp_path)
    received = manifest_of(planted.home / "data" / "drops")
    assert manifest_of(drops) == {
        n: s for n, s in received.items() if not n.startswith("2018-11-23")
    }


@pytest.mark.parametrize("facts", [{"data_state": WITHOUT}, {}])
def test_who_pulls_a_fallback_forecast_is_told_so(
    facts: dict[str, str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", str(home / "remote"))
    add_versions(
        deployment_paths(),
        [Draft("forecasts", "made", {"forecast.csv": b"a\n"}, "2018-w48", "run", facts=facts)],
    )
    done = CliRunner().invoke(app, ["pull", "forecasts", "--to", str(tmp_path)])
    assert done.exit_code == 0, done.output
    told = "fallback forecast, which no finished run made: without this week's data" in done.output
    assert told == bool(facts)


def test_a_killed_pull_goes_on_where_it_stopped(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(200_000)) * 12  # 77 MB
    remote, to = home / "remote", tmp_path / "to"
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", str(remote))
    made = add_versions(
        deployment_paths(),
        [Draft("report", "big", {"a.bin": b"small", "b.bin": big}, "2018-w48", "run")],
    )
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "pull",
        "report",
        "--to",
        str(to),
        "--remote",
        str(remote),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    part = to / ".report-big.part" / "parts" / hashlib.md5(big).hexdigest()  # noqa: S324 (DVC's name)
    deadline = time.monotonic() + 60
    while not (part.is_file() and part.stat().st_size):
        assert process.poll() is None and time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert process.returncode == -signal.SIGKILL
    arrived = part.stat().st_size
    assert 0 < arrived < len(big)
    assert [p.name for p in to.iterdir() if not p.name.startswith(".")] == []

    seen: list[int] = []
    folder = Client(str(remote)).pull(
        "report", "latest", to, progress=lambda done, _of: seen.append(done)
    )
    assert seen[0] == len(b"small"), "the finished file is not fetched again"
    assert seen[1] > arrived, "the begun file is not begun again"
    assert manifest_of(folder) == {n: f.sha256 for n, f in _manifest(remote, made[0].id).items()}
    assert [p.name for p in to.iterdir()] == ["report-big"]


def _manifest(remote: Path, version_id: str) -> Any:
    sidecar = read_sidecar(Source(str(remote)), version_id)
    assert sidecar is not None
    return sidecar.manifest


def test_leftovers_that_are_wrong_are_fetched_again(planted: Planted, tmp_path: Path) -> None:
    version = Client(planted.remote).find("forecasts", "first")
    stale = object_of(Path(planted.remote), "forecasts", "forecast.csv")
    part = tmp_path / f".{version.id}.part" / "parts" / f"{stale.parent.name}{stale.name}"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"not what the object begins with")
    folder = Client(planted.remote).pull("forecasts", "first", tmp_path)
    assert manifest_of(folder) == planted.originals["first"]["forecasts"]


def test_a_pull_again_mends_what_differs_and_leaves_the_rest(
    planted: Planted, tmp_path: Path
) -> None:
    denguard = Client(planted.remote)
    folder = denguard.pull("forecasts", "first", tmp_path)
    (folder / "forecast.csv").write_text("edited")
    (folder / "notes.txt").write_text("mine")
    before = (folder / "forecast.parquet").stat().st_mtime_ns
    denguard.pull("forecasts", "first", tmp_path)
    assert (folder / "notes.txt").read_text() == "mine"
    (folder / "notes.txt").unlink()
    assert manifest_of(folder) == planted.originals["first"]["forecasts"]
    assert (folder / "forecast.parquet").stat().st_mtime_ns == before


@pytest.mark.parametrize("spoil", [b"x" * 9, None], ids=["damaged", "lost"])
def test_a_damaged_or_lost_object_is_named_and_nothing_appears(
    spoilt: Path, tmp_path: Path, spoil: bytes | None
) -> None:
    path = object_of(spoilt, "forecasts", "forecast.csv")
    overwrite(path, spoil or b"")
    if spoil is None:
        path.unlink()
    with pytest.raises(VersioningError, match=r"forecast\.csv") as caught:
        Client(str(spoilt)).pull("forecasts", "first", tmp_path / "to")
    assert str(path) in caught.value.where
    assert "dvc push" in caught.value.fix
    assert not list((tmp_path / "to").glob("forecasts-*"))


def test_an_object_with_another_content_of_the_same_size_is_not_taken(
    spoilt: Path, tmp_path: Path
) -> None:
    path = object_of(spoilt, "data", "metadata.csv")
    overwrite(path, path.read_bytes().replace(b"05001,1", b"05001,9"))
    with pytest.raises(VersioningError, match=r"metadata\.csv of data-\w+ is damaged"):
        Client(str(spoilt)).pull("data", "first", tmp_path / "to")


def test_a_file_that_fits_dvc_but_not_the_run_is_not_taken(spoilt: Path, tmp_path: Path) -> None:
    version = Client(str(spoilt)).find("forecasts", "first")
    sidecar = json.loads((spoilt / "versions" / f"{version.id}.json").read_bytes())
    sidecar["manifest"]["forecast.csv"]["sha256"] = "0" * 64
    read = Sidecar.model_validate(sidecar)
    sidecar["version"]["manifest_sha256"] = manifest_hash(read.manifest)
    (spoilt / "versions" / f"{version.id}.json").write_text(json.dumps(sidecar))
    (spoilt / "versions" / "index.json").unlink()
    with pytest.raises(VersioningError, match=r"forecast\.csv of .* is damaged"):
        Client(str(spoilt)).pull("forecasts", "first", tmp_path / "to")


@pytest.mark.parametrize(
    "name",
    ["../outside", "/{tmp}/outside", "a/../../outside", "C:\\outside", "a\\..\\b", "", "a//b", 7],
)
def test_a_name_that_leads_out_of_the_folder_is_refused(
    spoilt: Path, tmp_path: Path, name: object
) -> None:
    if isinstance(name, str):
        name = name.replace("/{tmp}", str(tmp_path / "deep"))
    md5 = hashlib.md5(b"evil").hexdigest()  # noqa: S324
    listed = json.dumps([{"md5": md5, "relpath": name}]).encode()
    dir_md5 = hashlib.md5(listed).hexdigest()  # noqa: S324
    for key, raw in ((object_key(md5), b"evil"), (object_key(f"{dir_md5}.dir"), listed)):
        (spoilt / key).parent.mkdir(parents=True, exist_ok=True)
        (spoilt / key).write_bytes(raw)
    evil = Version(
        id="report-evil", kind="report", version="evil", files=1, bytes=4, md5=f"{dir_md5}.dir"
    )
    (spoilt / "versions" / "index.json").write_text(
        json.dumps({"versions": {evil.id: evil.model_dump()}})
    )
    to = tmp_path / "deep" / "to"
    with pytest.raises(VersioningError, match="could lead out of the folder"):
        Client(str(spoilt)).pull("report", "evil", to)
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and spoilt not in p.parents]


@pytest.mark.parametrize(
    "field", [{"id": "report-../../x", "version": "../../x"}, {"md5": "../../../../etc/passwd"}]
)
def test_an_index_with_an_address_in_it_counts_as_damaged(
    spoilt: Path, field: dict[str, str]
) -> None:
    index = json.loads((spoilt / "versions" / "index.json").read_bytes())
    first = next(iter(index["versions"]))
    index["versions"][first] |= field
    (spoilt / "versions" / "index.json").write_text(json.dumps(index))
    listed = Client(str(spoilt)).list()
    assert len(listed) == len(index["versions"])
    assert not [v for v in listed if ".." in v.id or ".." in v.md5]


def test_a_link_in_the_folder_is_not_followed(planted: Planted, tmp_path: Path) -> None:
    version = Client(planted.remote).find("samples", "first")
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "to" / version.id).mkdir(parents=True)
    (tmp_path / "to" / version.id / "tables").symlink_to(outside)
    with pytest.raises(VersioningError, match="a link"):
        Client(planted.remote).pull("samples", "first", tmp_path / "to")
    assert not list(outside.iterdir())


def test_a_full_disk_is_said_and_leaves_nothing_half(planted: Planted, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "pull",
        "samples",
        "--version",
        "first",
        "--to",
        str(tmp_path),
        "--remote",
        planted.remote,
    ]
    # a measurement of coverage would write to the full disk, too, and say so
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    assert done.returncode == 2
    assert "the disk is full" in done.stderr
    assert "goes on where it stopped" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("samples-*"))


def test_a_disk_without_room_is_said_and_what_had_arrived_counts(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big, remote, to = bytes(30 << 20), home / "remote", tmp_path / "to"
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", str(remote))
    add_versions(deployment_paths(), [Draft("report", "big", {"a.bin": big}, "2018-w48", "run")])
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=40 << 20))
    with pytest.raises(VersioningError, match="report-big needs 30 MB more and the disk has 40"):
        Client(str(remote)).pull("report", "latest", to)
    assert list(to.iterdir()) == []
    part = to / ".report-big.part" / "parts" / hashlib.md5(big).hexdigest()  # noqa: S324
    part.parent.mkdir(parents=True)
    part.write_bytes(big[: 20 << 20])
    assert (Client(str(remote)).pull("report", "latest", to) / "a.bin").read_bytes() == big


def test_csv_is_the_same_each_time_and_says_what_the_parquet_says(
    planted: Planted, tmp_path: Path
) -> None:
    written = {}
    for kind in ("samples", "features", "embeddings", "forecasts"):
        one, other = (
            Client(planted.remote).pull(kind, "third", tmp_path / n, "csv") for n in ("a", "b")
        )  # type: ignore[arg-type]
        written[kind] = {n: s for n, s in manifest_of(one).items() if n.endswith(".csv")}
        assert written[kind] == {n: s for n, s in manifest_of(other).items() if n.endswith(".csv")}
    assert list(written["embeddings"]) == ["image.csv", "text.csv"]
    assert set(written["samples"]) == {
        "samples.csv",
        "thresholds.csv",
        "cases.csv",
        "climate.csv",
        "scenes.csv",
        "units.csv",
    }
    folder = next((tmp_path / "a").glob("features-*"))
    as_csv = pd.read_csv(folder / "rows.csv", dtype=str)
    pd.testing.assert_frame_equal(as_csv, pq.read_table(folder / "rows.parquet").to_pandas())
    image = pd.read_csv(
        next((tmp_path / "a").glob("embeddings-*")) / "image.csv", dtype={"municipality_code": str}
    )
    assert list(image.columns) == [
        "municipality_code",
        "epi_week",
        "key",
        *(f"embedding_{j}" for j in range(4)),
    ]
    assert list(image["municipality_code"].unique()) == ["05001", "76001"]
    assert set(image["embedding_0"]) == {1.0, 2.0, 3.0}


def test_a_number_in_a_csv_reads_back_to_the_last_bit(tmp_path: Path) -> None:
    double = np.array([0.1 + 0.2, 1 / 3, 5e-324, -1.7976931348623157e308, 123456789.12345679])
    single = np.random.default_rng(7).normal(size=5).astype(np.float32)
    made = pa.table({"sample_id": list("abcde"), "double": double, "single": single})
    for name in (
        "samples/epi_year=2018/part",
        "thresholds",
        *(f"tables/{t}" for t in ("cases", "climate", "scenes", "units")),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(made, tmp_path / f"{name}.parquet")
    for file in write_csv(tmp_path, "samples"):
        read = pd.read_csv(file, float_precision="round_trip")
        assert read["double"].to_numpy().tobytes() == double.tobytes(), file
        assert read["single"].to_numpy(np.float32).tobytes() == single.tobytes(), file


def test_s3_is_pulled_from_like_a_folder_and_a_short_outage_is_waited_out(
    planted: Planted, s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in sorted(
        p for p in Path(planted.remote).rglob("*") if p.is_file() and p.name[0] != "."
    ):
        s3.write(f"denguard/{path.relative_to(planted.remote).as_posix()}", path.read_bytes())
    denguard = Client(f"{s3.uri}/denguard/")
    folder = denguard.pull("embeddings", WEEKS["first"], tmp_path)
    assert manifest_of(folder) == planted.originals["first"]["embeddings"]

    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # the store's own tries off: this room's are tested
    from pipelines.storage.s3 import _client

    _client.cache_clear()
    with s3.server.down():
        command = [
            sys.executable,
            "-m",
            "pipelines.cli",
            "pull",
            "data",
            "--version",
            "first",
            "--to",
            str(tmp_path),
            "--remote",
            denguard.remote,
        ]
        with (tmp_path / "said").open("w") as told:
            process = subprocess.Popen(
                command,
                env={**os.environ, **s3.env},
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
            )
        deadline = time.monotonic() + 120
        while "trying again" not in (tmp_path / "said").read_text():
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()
            time.sleep(0.02)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, (tmp_path / "said").read_text()
    assert manifest_of(Path(said.split(": ")[1].strip())) == planted.originals["first"]["data"]
    _client.cache_clear()


def test_wrong_addresses_and_missing_rights_are_answered_with_what_to_do(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(VersioningError, match="no versions are published there") as caught:
        Client(str(tmp_path / "nowhere")).list()
    assert "check the address" in caught.value.fix
    with pytest.raises(VersioningError, match="no such bucket"):
        Client("s3://there-is-none/x").list()
    with pytest.raises(VersioningError, match="not known"):
        Client("ftp://host/x")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(VersioningError, match="no credentials") as caught:
        Client(s3.uri).list()
    assert "AWS_ACCESS_KEY_ID" in caught.value.fix


def test_a_version_whose_record_is_lost_is_verified_by_dvc_alone(
    spoilt: Path, planted: Planted, tmp_path: Path
) -> None:
    for path in (spoilt / "versions").glob("*.json"):
        path.unlink()
    version = planted.originals["first"]["forecasts"]
    found = [
        v for v in Client(str(spoilt)).list("forecasts") if v.id.startswith("forecasts-2018-w46")
    ]
    folder = Client(str(spoilt)).pull("forecasts", found[0].id, tmp_path / "to")
    assert manifest_of(folder) == version
    shutil.rmtree(folder)
    overwrite(next((spoilt / object_key(found[0].md5)).parent.glob("*.dir")), b"[]")
    with pytest.raises(VersioningError, match="its list of files"):
        Client(str(spoilt)).pull("forecasts", found[0].id, tmp_path / "to")
