"""Images of the compose file, saved by a docker that is a script: what it is asked and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import ConfigError, StoreError
from pipelines.offline.images import names_of, save

PINNED = f"someone/store:4.48@sha256:{'0' * 64}"
DOCKER = f"""#!/bin/sh
echo "$*" >> "$(dirname "$0")/asked"
case $1 in
compose) printf 'ours:latest\\n{PINNED}\\nours:latest\\n' ;;
save) case $* in *absent*) echo "No such image: absent:1" >&2; exit 1 ;; esac; echo layers > "$3" ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the script; `asked` there has a line for each call."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def test_an_image_is_named_once_with_the_overlays_that_were_asked_for(docker: Path) -> None:
    assert names_of(Path("/checkout"), ["workers", "s3"]) == ["ours:latest", PINNED]
    asked = (docker / "asked").read_text()
    assert "--profile workers --profile s3 -f /checkout/docker-compose.yml" in asked


def test_an_image_that_is_pinned_by_its_digest_is_saved_under_its_tag(
    docker: Path, tmp_path: Path
) -> None:
    file = save(["ours:latest", PINNED], tmp_path / "stack.tar")
    assert file.read_text() == "layers\n"
    tagged, saved = (docker / "asked").read_text().splitlines()
    assert tagged == f"tag {PINNED} someone/store:4.48"
    assert saved.endswith(" ours:latest someone/store:4.48")


def test_an_image_that_is_not_here_leaves_no_file_and_says_what_to_do(
    docker: Path, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="No such image: absent:1") as caught:
        save(["absent:1"], tmp_path / "stack.tar")
    assert "docker compose build" in caught.value.fix
    assert not (tmp_path / "stack.tar").exists()


def test_without_docker_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="docker is not installed"):
        names_of(tmp_path)
