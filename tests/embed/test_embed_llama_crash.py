"""What a language model's process may do to itself: the caller lives, says what to do, and loses
nothing.

A small `llama_cpp` stands in here for one that was built for another CPU: after a given number of
texts it ends its process by the signal that the kernel would send.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from support.tiny_gguf import gguf

from pipelines.config import DeploymentPaths, EncoderConfig, Profile, load_profile
from pipelines.embed import llama
from pipelines.embed.base import load_encoder
from pipelines.embed.crash import crash_error
from pipelines.embed.locks import held
from pipelines.embed.plan import plan_embedding
from pipelines.embed.run import embed_shard
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.embed.weights import Weights
from pipelines.embed.work import read_work
from pipelines.errors import EncoderError

CONFIG = load_profile("satellitebench_gemma").embed.text
STAND_IN = """
import os, signal
from pathlib import Path

HERE = Path(__file__).parent
(HERE / f"loaded-{os.getpid()}").touch()

class Llama:
    def __init__(self, path, **_):
        self.texts_left = int((HERE / "texts").read_text())
    def tokenize(self, text):
        return list(text)
    def embed(self, text, **_):
        if self.texts_left == 0:
            os.kill(os.getpid(), getattr(signal, (HERE / "signal").read_text()))
        self.texts_left -= 1
        return [float(len(text)), float(sum(text.encode()) % 997), float(text.encode()[-2]), 1.0]
    def close(self):
        pass
"""
MakeDataset = Callable[..., Path]


@pytest.fixture
def mortal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Puts the stand-in before the real library; call it with how many texts a process survives."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "llama_cpp.py").write_text(STAND_IN)
    monkeypatch.delitem(sys.modules, "llama_cpp", raising=False)  # a real one comes back
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)

    def lives(texts: int, by: str = "SIGILL") -> Path:
        (site / "texts").write_text(str(texts))
        (site / "signal").write_text(by)
        return site

    yield lives
    sys.modules.pop("llama_cpp", None)


def _config(folder: Path, content: bytes) -> EncoderConfig:
    folder.mkdir(exist_ok=True)
    (folder / "tiny.gguf").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return EncoderConfig(
        name="llama", folder=folder, file="tiny.gguf", sha256=sha256, pooling="mean"
    )


@pytest.mark.parametrize("by", ["SIGILL", "SIGSEGV"])
def test_a_crash_in_the_preflight_gives_build_advice_and_lets_the_next_model_load(
    tmp_path: Path, paths: DeploymentPaths, mortal: Callable[..., Path], by: str
) -> None:
    site = mortal(0, by)
    with pytest.raises(EncoderError, match=f"stopped by {by}") as caught:
        load_encoder(_config(tmp_path / "model", gguf()), paths)
    assert "GGML_NATIVE=OFF" in caught.value.fix
    assert len(list(site.glob("loaded-*"))) == 1  # the preflight's process
    assert not (site / f"loaded-{os.getpid()}").exists()
    with held(paths.artifacts / "weights" / "llm.lock", "the model that crashed", 0.2):
        pass


def test_a_crash_amid_a_shard_keeps_what_was_stored_and_the_next_run_goes_on(
    tmp_path: Path,
    make_dataset: MakeDataset,
    profile: Profile,
    paths: DeploymentPaths,
    mortal: Callable[..., Path],
) -> None:
    config = _config(tmp_path / "model", gguf())
    profile = profile.model_copy(
        update={"embed": profile.embed.model_copy(update={"text": config})}
    )
    plan = plan_embedding(make_dataset(weeks=70, scenes=0), profile, paths)
    work_file = next(f for f in plan.work_files if read_work(f).modality == "text")
    work = read_work(work_file)
    store = EmbeddingStore(store_root(paths), work.encoder_spec)
    mortal(8 + 128 + 20)  # golden inputs, a chunk, and some of the next
    with pytest.raises(EncoderError, match="stopped by SIGILL"):
        embed_shard(work_file, profile, paths)
    kept = {p: p.read_bytes() for p in store.folder.glob("*.parquet")}
    assert len(store.missing(i.key for i in work.inputs)) == 210 - 128

    mortal(1000)
    assert embed_shard(work_file, profile, paths).embedded == 210 - 128
    assert {p: p.read_bytes() for p in kept} == kept
    vectors = store.load([i.key for i in work.inputs])
    assert np.array_equal(vectors[:, 0], [len(str(i.text)) for i in work.inputs])


@pytest.mark.parametrize("whole", [0.1, 0.5, 0.99])
def test_a_cut_model_is_found_before_llama_is_loaded_even_if_its_hash_is_pinned(
    tmp_path: Path, paths: DeploymentPaths, mortal: Callable[..., Path], whole: float
) -> None:
    site, content = mortal(1000), gguf()
    config = _config(tmp_path / "model", content[: int(whole * len(content))])
    with pytest.raises(EncoderError, match="not a readable GGUF") as caught:
        load_encoder(config, paths)
    assert caught.value.where.endswith("tiny.gguf")
    assert not list(site.glob("loaded-*"))


def test_a_text_without_a_token_is_refused_before_it_reaches_llama(
    tmp_path: Path, paths: DeploymentPaths, mortal: Callable[..., Path]
) -> None:
    mortal(1000)
    encoder = load_encoder(_config(tmp_path / "model", gguf()), paths)
    with pytest.raises(EncoderError, match="no token of an empty text"):
        encoder.encode([""])
    encoder.close()


@pytest.mark.parametrize(("signal_name", "exit_code"), [("SIGILL", 132), ("SIGSEGV", 139)])
def test_a_crash_of_native_code_gives_build_advice(signal_name: str, exit_code: int) -> None:
    code = f"import os, signal; os.kill(os.getpid(), signal.{signal_name})"
    done = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    for seen in (done.returncode, exit_code):  # as a process and as a shell tell it
        error = crash_error(seen, encoder="llama", where="model.gguf")
        assert signal_name in str(error)
        assert "GGML_NATIVE=OFF" in error.fix


def test_a_kill_is_explained_by_memory() -> None:
    assert "memory" in crash_error(-9, encoder="llama", where="x").fix


def test_a_second_language_model_waits_and_then_gives_up(tmp_path: Path) -> None:
    def first(limit_s: float) -> AbstractContextManager[None]:
        return held(tmp_path / "llm.lock", "the first model", limit_s)

    with first(1.0), pytest.raises(EncoderError, match="did not finish"), first(0.2):
        pass
    with first(0.2):
        pass


def test_an_absent_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama, "find_spec", lambda _: None)
    with pytest.raises(EncoderError, match=r"denguard\[llama\]"):
        llama.load(CONFIG, Weights(tmp_path / "m.gguf", CONFIG.sha256, tmp_path))
