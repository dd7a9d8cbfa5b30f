"""The Python client and the command as an analyst uses them, and every example of
docs/analysts.md."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from support.planted_versions import UNITS, Planted, planted_in

from pipelines.cli import main
from pipelines.client import Client
from pipelines.errors import ConfigError, VersioningError
from pipelines.storage import manifest_of

DOCS = Path(__file__).parents[2] / "docs" / "analysts.md"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted_in(tmp_path_factory.mktemp("deployment"))


def analyst(folder: Path, **variables: str) -> dict[str, str]:
    """An environment that knows no deployment."""
    left = {k: v for k, v in os.environ.items() if not k.startswith("DENGUARD_")}
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **left,
        "PATH": tools,
        "HOME": str(folder),
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(folder / ".site"),
        **variables,
    }


def denguard(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=analyst(folder, **variables),
        capture_output=True,
        text=True,
        timeout=120,
    )


def example(language: str, holding: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return next(block for block in blocks if holding in block)


def test_list_show_and_pull_work_in_an_empty_folder_with_only_the_address(
    planted: Planted, tmp_path: Path
) -> None:
    listed = denguard(tmp_path, "list", "--remote", planted.remote, "--json")
    assert listed.returncode == 0, listed.stderr
    assert len(json.loads(listed.stdout)) == 20  # seven kinds, three weeks, two bundles
    shown = denguard(tmp_path, "show", "bundle", "--version", "third", "--remote", planted.remote)
    assert "made from features-" in shown.stdout
    assert "origin week 2018-w47" in shown.stdout, "week 48 kept the bundle of week 47"
    pulled = denguard(
        tmp_path,
        "pull",
        "samples",
        "--version",
        "first",
        "--to",
        "out",
        "--format",
        "csv",
        DENGUARD_DVC_REMOTE=planted.remote,
    )
    assert pulled.returncode == 0, pulled.stderr
    folder = next((tmp_path / "out").iterdir())
    files = manifest_of(folder)
    assert planted.originals["first"]["samples"].items() < files.items()
    assert {"samples.csv", "cases.csv"} < files.keys()
    assert [p.name for p in tmp_path.iterdir()] == ["out"], "nothing else is left behind"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list"], "use --remote FOLDER"),
        (["list", "--remote", "nowhere"], "check the address"),
        (["show", "report", "--version", "2019-w01"], "there are report-"),
        (["pull", "report", "--version", "2019-w01", "--to", "x"], "there are report-"),
        (["pull", "everything", "--to", "x"], "'embeddings', 'features'"),
        (["pull", "report", "--to", "/dev/null/x"], "check its path"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(
    planted: Planted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    known = (
        {}
        if arguments == ["list"] or "--remote" in arguments
        else {"DENGUARD_DVC_REMOTE": planted.remote}
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["denguard", *arguments])
    alone = mock.patch.dict(os.environ, analyst(tmp_path, **known, COLUMNS="200"), clear=True)
    with alone, pytest.raises(SystemExit) as ended:
        main()
    error = capsys.readouterr().err
    assert ended.value.code == 2, error
    assert says in error
    assert "Traceback" not in error


def test_an_analyst_needs_neither_orchestrator_nor_registry_nor_dvc(
    planted: Planted, tmp_path: Path
) -> None:
    code = (
        "import sys\nfrom pipelines.client import Client\n"
        f"Client({planted.remote!r}).pull('embeddings', 'first', 'out', 'csv')\n"
        "print([m for m in ('airflow', 'mlflow', 'dvc', 'torch', 'boto3', 'great_expectations') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=analyst(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_tables_come_as_data_frames_and_are_pulled_once(planted: Planted, tmp_path: Path) -> None:
    client = Client(planted.remote, cache=tmp_path)
    image = client.table("embeddings", "2018-w48", "image")
    assert list(image["municipality_code"].unique()) == list(UNITS)
    assert len(client.table("features", "2018-w48")) == len(image) == 6
    assert list(client.table("forecasts", "2018-w48")["probability"]) == [0.25, 0.25]
    kept = next(tmp_path.glob("*/embeddings-*/embeddings.json"))
    before = kept.stat().st_mtime_ns
    client.table("embeddings", "2018-w48", "text")
    assert kept.stat().st_mtime_ns == before


def test_what_the_client_cannot_give_is_said(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(planted.remote, cache=tmp_path)
    with pytest.raises(VersioningError, match="image or text"):
        client.table("embeddings", "latest")
    with pytest.raises(VersioningError, match="use one of rows, image, text"):
        client.table("features", "latest", "lines")
    with pytest.raises(VersioningError, match="no table"):
        client.table("report", "latest")
    with pytest.raises(VersioningError, match="use one of data"):
        client.list("models")  # type: ignore[arg-type]
    monkeypatch.delenv("DENGUARD_DVC_REMOTE", raising=False)
    with pytest.raises(ConfigError, match="DENGUARD_DVC_REMOTE"):
        Client()


def test_the_python_example_of_the_docs_runs(planted: Planted, tmp_path: Path) -> None:
    environment = analyst(tmp_path, DENGUARD_DVC_REMOTE=planted.remote)
    done = subprocess.run(
        [sys.executable, "-c", example("python", "Client()")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "forecasts-2018-w48-" in done.stdout
    assert re.search(r"05001\s.*0\.25\s+2\.0", done.stdout), done.stdout


def test_the_shell_example_of_the_docs_runs(planted: Planted, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-e", "-c", example("sh", "denguard pull")],
        cwd=tmp_path,
        env=analyst(tmp_path, DENGUARD_DVC_REMOTE=planted.remote),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    pulled = {p.name.split("-")[0]: manifest_of(p) for p in (tmp_path / "work").iterdir()}
    assert pulled == {
        kind: planted.originals["third"][kind] for kind in ("embeddings", "forecasts")
    }


def test_the_plain_dvc_example_of_the_docs_runs(planted: Planted, tmp_path: Path) -> None:
    version = Client(planted.remote).find("bundle", "first").id
    shutil.copy(Path(planted.remote) / "versions" / f"{version}.dvc", tmp_path)
    environment = analyst(tmp_path, DENGUARD_DVC_REMOTE=planted.remote, VERSION_ID=version)
    done = subprocess.run(
        ["bash", "-e", "-c", example("sh", "dvc pull")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert manifest_of(tmp_path / version) == planted.originals["first"]["bundle"]
