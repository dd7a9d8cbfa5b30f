"""A folder that is made here, and a server that is installed from it where no network leads out."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stack import offline
from support.stack import run as weekly
from support.stack.engine import FaultyStack, Stack, until
from support.stack.offline import STACK, Bundle, Carried
from support.stack.table import Row, Table
from support.stack.week import NOTICED_S, week

pytestmark = [pytest.mark.stack, pytest.mark.timeout(2 * 3600)]
HEALTHY_S = 900
SCHEDULER = "airflow-scheduler"
LASTING = (
    "postgres", "mlflow", "airflow-api-server", SCHEDULER, "airflow-dag-processor", "serving",
    "proxy", "watch",
)  # fmt: skip
RUNS_AS = {"mlflow": "denguard-airflow", "serving": "denguard-serving", "proxy": "denguard-proxy"}


@pytest.fixture(scope="module")
def bundle(stack: Stack, table: Table) -> Iterator[Bundle]:
    """Made of images that are nowhere else: what runs later came out of it."""
    work = Path(tempfile.mkdtemp(prefix="denguard-bundle-"))
    began = time.monotonic()
    made = offline.make(work)
    size = sum(p.stat().st_size for p in made.folder.rglob("*") if p.is_file())
    said = f"{size / 1e9:.2f} GB, {time.monotonic() - began:.0f} s"
    table.figure("offline folder with images, made and signed", said)
    yield made
    shutil.rmtree(work)


@pytest.fixture(scope="module")
def carried(bundle: Bundle) -> Iterator[Carried]:
    """The server without a network."""
    made = offline.unpack(bundle)
    yield made
    if os.environ.get("DENGUARD_STACK_KEEP") != "1":
        offline.remove(made)
        offline.forget(bundle.ids)


def flip(file: Path, at: int) -> None:
    """Change one byte; once more, and it is what it was."""
    with file.open("r+b") as opened:
        opened.seek(at)
        byte = opened.read(1)[0]
        opened.seek(at)
        opened.write(bytes([byte ^ 1]))


def test_a_byte_that_was_changed_is_refused(bundle: Bundle, table: Table) -> None:
    file = bundle.folder / STACK
    middle = file.stat().st_size // 2
    flip(file, middle)
    began = time.monotonic()
    with pytest.raises(FaultyStack, match="was changed") as caught:
        offline.denguard("verify", str(bundle.folder), "--signers", str(bundle.signers))
    took = time.monotonic() - began
    flip(file, middle)
    assert STACK in str(caught.value)
    happened = "refused before anything is loaded, the file named"
    table.add(Row("a byte of the offline folder's images was changed", happened, took, "nothing"))


def test_a_list_that_was_written_anew_has_nobodys_signature(bundle: Bundle) -> None:
    sums = bundle.folder / "SHA256SUMS"
    true = sums.read_bytes()
    flip(sums, 0)
    with pytest.raises(FaultyStack, match="nobody who may sign"):
        offline.denguard("verify", str(bundle.folder), "--signers", str(bundle.signers))
    sums.write_bytes(true)


def test_it_installs_where_no_network_leads_out(
    bundle: Bundle, carried: Carried, table: Table
) -> None:
    assert not any(map(offline.id_of, [*bundle.ids, *bundle.ids.values()]))
    began = time.monotonic()
    check(bundle)
    said = offline.call("docker", "load", "-i", str(bundle.folder / STACK))
    assert all(f"Loaded image: {image}" in said for image in bundle.ids)
    assert "Loaded image: postgres:" in said
    assert {image: offline.id_of(image) for image in bundle.ids} == bundle.ids
    carried.init()
    carried.compose("up", "-d", "--no-build", "--pull", "never", timeout_s=HEALTHY_S)
    healthy = lambda: all(carried.healthy(service) for service in LASTING)  # noqa: E731
    until("every service is healthy", healthy, HEALTHY_S, every_s=2)
    took = time.monotonic() - began
    for service, name in RUNS_AS.items():
        run = carried.inspect(service, "{{.Image}}")
        assert run == bundle.ids[f"{name}:{offline.VERSION}"], service
    assert all(all(carried.networks(service).values()) for service in LASTING)
    assert carried.endpoint("/health/live").status_code == 200
    until("doctor finds nothing that fails", lambda: failing(carried) == [], 300, every_s=10)
    happened = "signature and hashes held, images loaded, all services healthy, doctor content"
    table.add(Row("installation where no network leads out", happened, took, "nothing"))


def failing(stack: Stack) -> list[str]:
    """What doctor says does not work; a scheduler that is starting on a busy machine is late."""
    told = stack.run("doctor", check=False).splitlines()
    if not any(line.startswith("ok\tdatabase") for line in told):
        raise FaultyStack(f"doctor did not look: {told}")
    return [line for line in told if line.startswith("fail")]


def check(bundle: Bundle) -> None:
    """As docs/backup.md does it where no denguard is installed."""
    who = ("-f", str(bundle.signers), "-I", offline.SIGNER, "-n", "denguard-offline")
    text = (bundle.folder / "SHA256SUMS").read_text(encoding="utf-8")
    verify = ("ssh-keygen", "-Y", "verify", *who, "-s", "SHA256SUMS.sig")
    assert f'Good "denguard-offline" signature for {offline.SIGNER}' in offline.call(
        *verify, cwd=bundle.folder, text=text
    )
    offline.call("sha256sum", "--quiet", "-c", "SHA256SUMS", cwd=bundle.folder)


def test_its_first_week_is_green_and_the_endpoint_answers(carried: Carried, table: Table) -> None:
    began = time.monotonic()
    run_id = weekly.first_run(carried)
    weekly.until_done(carried, run_id)
    ready = lambda: carried.endpoint("/health/ready").status_code == 200  # noqa: E731
    until("the endpoint is ready", ready, 120)
    assert carried.endpoint("/forecast").status_code == 200
    happened = "begun by itself, green; the endpoint answers by its champion"
    took = time.monotonic() - began
    table.add(Row("the first week where no network leads out", happened, took, "nothing"))


def test_a_power_cut_of_one_server_is_noticed_within_a_minute(
    carried: Carried, table: Table
) -> None:
    fault = "power cut of one server without overlays: kill -9 of every process"
    with week(carried, table, "power", SCHEDULER) as run, run.hit("train", fault) as hit:
        noticed_s = run.power_cut(hit, "train", LASTING)
    assert noticed_s <= NOTICED_S
