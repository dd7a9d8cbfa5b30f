"""Up from nothing on a real engine, the first week by itself, and an answer of the endpoint.

In the order of the files: each test leaves the stack up for the next one.
"""

from __future__ import annotations

import time

import pytest
from support.stack import run as weekly
from support.stack.at_rest import cost
from support.stack.engine import Stack, until
from support.stack.table import Row, Table

pytestmark = [pytest.mark.stack, pytest.mark.timeout(4 * 3600)]
HEAVY, LIGHT, SCHEDULER = "worker-cpu-heavy", "worker-default", "airflow-scheduler"
LASTING = (
    "postgres", "redis", "s3", "mlflow", "airflow-api-server", SCHEDULER, "airflow-dag-processor",
    LIGHT, HEAVY, "serving", "proxy", "watch",
)  # fmt: skip
OVERLAYS = {"redis", "s3", LIGHT, HEAVY}
HEALTHY_S = 900
REST_S = 180
SIZES_MB = {"denguard-airflow": 2000, "denguard-serving": 600}
MOST_OF_A_CORE, MOST_MEMORY_MIB = 0.05, 3 * 1024


def all_healthy(stack: Stack) -> bool:
    return all(stack.healthy(service) for service in LASTING)


def test_it_comes_up_from_nothing(stack: Stack, table: Table) -> None:
    began = time.monotonic()
    stack.build()
    table.figure("images built, seconds", round(time.monotonic() - began))
    stack.init("workers", "s3")
    began = time.monotonic()
    stack.compose("up", "-d", "--no-build", timeout_s=HEALTHY_S)
    until("every service is healthy", lambda: all_healthy(stack), HEALTHY_S, every_s=3)
    table.figure("up from nothing, seconds", round(time.monotonic() - began))


@pytest.mark.parametrize(("image", "most_mb"), SIZES_MB.items())
def test_an_image_is_no_larger_than_it_may_be(
    stack: Stack, table: Table, image: str, most_mb: float
) -> None:
    size_mb = stack.image_bytes(image) / 1e6
    table.figure(f"image {image}, MB", round(size_mb))
    assert size_mb <= most_mb


def test_no_secret_is_seen_from_outside(stack: Stack) -> None:
    names = [p.name for p in (stack.folder / "secrets").iterdir() if p.stat().st_size > 20]
    values = {stack.secret(n) for n in names if not n.endswith(".pem") and "sha256" not in n}
    for service in LASTING:
        shown = stack.docker("inspect", stack.container(service))
        shown += stack.docker("top", stack.container(service), "-eo", "pid,args")
        assert not [v for v in values if v in shown], service


def test_a_worker_that_is_killed_gives_its_shard_to_the_next_try(
    stack: Stack, table: Table
) -> None:
    run_id = weekly.first_run(stack)
    shard = weekly.until_running(stack, run_id, "embed_shard")
    stack.kill_tree(HEAVY)

    def again() -> bool:
        now = [t for t in weekly.tasks_of(stack, run_id) if t.title == shard.title]
        return now[0].try_number > shard.try_number  # it waits its turn behind the other shards

    took = until("the shard has a next try", again, 300)
    weekly.until_done(stack, run_id)
    tries = [f"{task} ({n} tries)" for task, n in weekly.tries_of(stack, run_id).items()]
    happened = "container back by itself; the shard was tried again; run green"
    table.add(
        Row(
            "kill -9 of the worker during embed_shard",
            happened,
            took,
            f"nothing; begun again: {', '.join(tries)}",
        )
    )
    assert took < 120


def test_the_endpoint_answers_with_the_new_champion(stack: Stack, table: Table) -> None:
    took = until(
        "the endpoint is ready", lambda: stack.endpoint("/health/ready").status_code == 200, 120
    )
    table.figure("endpoint ready after the first run, seconds", round(took))
    answer = stack.endpoint("/forecast")
    assert answer.status_code == 200


def test_at_rest_the_stack_costs_little(stack: Stack, table: Table) -> None:
    found, engine = cost(stack, LASTING, REST_S)
    for service, of in found.items():
        share = f"{of.core:.2%} of a core, {of.memory_mib:,.0f} MiB"
        table.figure(f"at rest, {REST_S} s: {service}", share)
    core = sum(of.core for of in found.values())
    memory = sum(of.memory_mib for of in found.values())
    one_server = sum(of.core for name, of in found.items() if name not in OVERLAYS)
    shown = f"{core:.2%} of a core ({one_server:.2%} without overlays), {memory:,.0f} MiB"
    table.figure("at rest, together", shown)
    own = "not seen from here" if engine is None else f"{engine:.2%} of a core"
    table.figure(f"at rest, {REST_S} s: the engine itself", own)
    assert one_server < MOST_OF_A_CORE and memory < MOST_MEMORY_MIB
