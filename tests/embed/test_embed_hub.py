"""Weights from folders and from the hub: never fetched by a run, always by one command."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from pipelines.config import DeploymentPaths, EncoderConfig, Profile, load_profile
from pipelines.embed.weights import locate_weights
from pipelines.errors import EncoderError

WEIGHTS = os.urandom(1 << 20) * 24  # the hub's client keeps what came in pieces of 10 MiB
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
REVISION = "0123456789abcdef0123456789abcdef01234567"
CONFIG = b'{"model_type": "dinov2", "hidden_size": 8}'
PREPROCESSOR = json.dumps(
    {
        "image_processor_type": "BitImageProcessor",
        "do_resize": True,
        "do_center_crop": True,
        "do_rescale": True,
        "do_normalize": True,
        "size": {"shortest_edge": 256},
        "crop_size": {"height": 224, "width": 224},
        "resample": 3,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
).encode()
FILES = {
    "model.safetensors": WEIGHTS,
    "config.json": CONFIG,
    "preprocessor_config.json": PREPROCESSOR,
    "README.md": b"# not wanted",
}
ADDRESS = f"somebody/tiny@{REVISION}/model.safetensors"


class _Hub(BaseHTTPRequestHandler):
    """The hub's protocol: what a commit holds, and ranged files; `fails` cuts one and then
    refuses."""

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._file(None)

    def do_GET(self) -> None:
        found = re.search(r"bytes=(\d+)-", self.headers.get("Range") or "")
        self.server.asked.append((self.path, found and int(found[1])))  # type: ignore[attr-defined]
        if self.path.startswith(f"/api/models/somebody/tiny/revision/{REVISION}"):
            siblings = [self._sibling(name, content) for name, content in FILES.items()]
            return self._answer(
                200,
                json.dumps({"id": "somebody/tiny", "sha": REVISION, "siblings": siblings}).encode(),
            )
        return self._file(int(found[1]) if found else 0)

    def _sibling(self, name: str, content: bytes) -> dict[str, object]:
        lfs = {"sha256": self.server.said_sha256, "size": self.server.said_size, "pointerSize": 1}  # type: ignore[attr-defined]
        size = lfs["size"] if content is WEIGHTS else len(content)
        return {"rfilename": name, "size": size, "lfs": lfs if content is WEIGHTS else None}

    def _file(self, start: int | None) -> None:
        prefix = f"/somebody/tiny/resolve/{REVISION}/"
        content = FILES.get(self.path.removeprefix(prefix))
        if not self.path.startswith(prefix) or content is None:
            return self._answer(404, b"")
        sha = hashlib.sha256(content).hexdigest()
        headers = {"ETag": f'"{sha}"', "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
        if start is None:
            return self._answer(200, b"", {**headers, "Content-Length": str(len(content))})
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = content is WEIGHTS and self.server.fails  # type: ignore[attr-defined]
        if cut and start:
            return self._answer(503, b"")
        self._answer(206 if start else 200, content[start:], headers, cut=cut)

    def _answer(
        self, code: int, body: bytes, headers: dict[str, str] | None = None, cut: bool = False
    ) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if cut:
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)


@pytest.fixture
def hub() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    server.asked, server.fails = [], False  # type: ignore[attr-defined]
    server.said_size, server.said_sha256 = len(WEIGHTS), SHA256  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def weights(hub: ThreadingHTTPServer, tmp_path: Path):
    """`denguard weights ...` in a process of its own, with a cache and a hub of this test."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
            "DENGUARD_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        command = [
            sys.executable,
            "-c",
            "from pipelines.cli import main; main()",
            "weights",
            *arguments,
        ]
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.fixture
def hub_profile(tmp_path: Path) -> Path:
    raw = load_profile("ci").model_dump(mode="json", exclude_defaults=True)
    raw["embed"]["image"] = {
        "name": "dinov2",
        "hub": "somebody/tiny",
        "revision": REVISION,
        "file": "model.safetensors",
        "sha256": SHA256,
        "pooling": "cls",
    }
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


def test_only_the_command_fetches_and_goes_on_where_a_transfer_broke(
    weights, hub, hub_profile: Path, tmp_path: Path
) -> None:
    before = weights(str(hub_profile))
    assert before.returncode == 2 and not hub.asked
    assert f"denguard weights {ADDRESS} --fetch" in before.stdout
    hub.fails = True
    broken = weights(str(hub_profile), "--fetch")
    assert broken.returncode == 2 and "it goes on where it stopped" in broken.stdout, broken.stderr
    hub.fails, hub.asked[:] = False, []
    assert not list(tmp_path.rglob("model.safetensors"))
    done = weights(str(hub_profile), "--fetch")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^(\w+)\t\w+\t\w+\tverified", done.stdout, re.M) == ["image", "text"]
    starts = [start for path, start in hub.asked if path.endswith("/model.safetensors")]
    assert starts == [10 << 20]
    model = Path(done.stdout.split("verified\t")[1].split("\n")[0])
    assert sorted(p.name for p in model.parent.iterdir()) == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]
    hub.asked.clear()
    assert weights(str(hub_profile)).returncode == 0 and not hub.asked


def test_whole_weights_that_no_encoder_can_read_are_not_called_verified(
    weights, hub_profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FILES, "config.json", b'{"model_type": "vit"}')
    done = weights(str(hub_profile), "--fetch")
    assert done.returncode == 2 and "not a DINOv2 checkpoint but 'vit'" in done.stdout
    assert "image\tdinov2\thub\tnot usable" in done.stdout


def test_the_command_of_the_error_message_works_and_tells_the_hash(weights) -> None:
    done = weights(ADDRESS, "--fetch")
    assert done.returncode == 0, done.stderr
    assert f"sha256 {SHA256}" in done.stdout


def test_another_hash_is_refused_before_anything_is_downloaded(
    weights, hub, hub_profile: Path
) -> None:
    hub_profile.write_text(hub_profile.read_text().replace(SHA256, "a" * 64))
    done = weights(str(hub_profile), "--fetch")
    assert done.returncode == 2 and f"the hub's file has sha256 {SHA256}" in done.stdout
    assert not [path for path, _ in hub.asked if "/resolve/" in path]


def test_a_file_that_arrives_with_another_hash_is_thrown_away(
    weights, hub, hub_profile: Path, tmp_path: Path
) -> None:
    hub.said_sha256 = "a" * 64
    hub_profile.write_text(hub_profile.read_text().replace(SHA256, hub.said_sha256))
    done = weights(str(hub_profile), "--fetch")
    assert done.returncode == 2 and f"arrived with sha256 {SHA256}" in done.stdout
    assert not list(tmp_path.rglob("model.safetensors*"))


def test_a_disk_too_small_is_noticed_before_anything_is_downloaded(weights, hub) -> None:
    hub.said_size = 10**16
    done = weights(ADDRESS, "--fetch")
    assert done.returncode == 2 and "the weights need" in done.stderr
    assert not [path for path, _ in hub.asked if "/resolve/" in path]


def test_a_commit_that_is_not_there_is_a_named_error(weights) -> None:
    done = weights(ADDRESS.replace(REVISION, "f" * 40), "--fetch")
    assert done.returncode == 2 and "EncoderError: the hub did not give the weights" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_hub_out_of_reach_is_a_named_error(weights, hub) -> None:
    hub.shutdown()
    hub.server_close()
    done = weights(ADDRESS, "--fetch")
    assert done.returncode == 2 and "check the network and the address" in done.stderr
    assert "Traceback" not in done.stderr


# --- Folders, hashes and recipes
# -------------------------------------------------------------------
def _in_folder(at: Path, /, **changed: object) -> EncoderConfig:
    made = {"name": "dinov2", "folder": at, "file": "w.bin", "sha256": SHA256, "pooling": "cls"}
    return EncoderConfig.model_validate({**made, **changed})


def test_a_folder_without_the_weights_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=rf"put w.bin and the files beside it into {tmp_path}"):
        locate_weights(_in_folder(tmp_path), tmp_path / "cache")


def test_a_folder_with_other_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(WEIGHTS[:-1])
    with pytest.raises(EncoderError, match="not the pinned ones"):
        locate_weights(_in_folder(tmp_path), tmp_path / "cache")


def test_a_recipe_knows_weights_by_their_hash_and_finds_them_again(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(WEIGHTS)
    config, cache = _in_folder(tmp_path), tmp_path / "cache"
    kept = EncoderConfig.model_validate(config.recipe())
    assert str(tmp_path) not in json.dumps(config.recipe())
    assert _in_folder(tmp_path / "elsewhere").recipe() == config.recipe()
    with pytest.raises(EncoderError, match="denguard weights PROFILE"):
        locate_weights(kept, cache)
    locate_weights(config, cache)
    assert locate_weights(kept, cache).path == tmp_path / "w.bin"
    (tmp_path / "w.bin").write_bytes(WEIGHTS[:-1])
    with pytest.raises(EncoderError, match="not the pinned ones"):
        locate_weights(kept, cache)


@pytest.mark.parametrize(
    "changed",
    [
        {"package": "a-package"},
        {"hub": "a/b"},
        {"revision": REVISION},
        {"folder": Path("here")},
        {"file": "../w.bin"},
        {"file": "/w.bin"},
        {"hub": "a/b", "revision": "main", "folder": None},
    ],
)
def test_weights_come_from_one_pinned_place(tmp_path: Path, changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        _in_folder(tmp_path, **changed)


def test_a_profile_without_a_place_for_its_weights_is_refused() -> None:
    raw = load_profile("ci").model_dump(mode="json")
    raw["embed"]["image"]["package"] = None
    with pytest.raises(ValidationError, match="say where the weights are"):
        Profile.model_validate(raw)


def test_the_recipe_of_a_packaged_encoder_is_what_it_always_was() -> None:
    image = load_profile("ci").embed.image.by_torch().recipe()
    assert sorted(image) == ["file", "name", "package", "pooling", "sha256", "threads"]


def test_the_weights_of_the_ci_profile_are_listed(weights, paths: DeploymentPaths) -> None:
    done = weights("ci")
    assert done.returncode == 0 and done.stdout.count("verified") == 2
