"""What a forecast's reader must know: it was withdrawn, or lacks this week's data."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.run import run_folder
from pipelines.run.events import read_events
from pipelines.run.outputs import ForecastOutput
from pipelines.run.withdrawn import Withdrawn, withdrawal
from pipelines.words import words_of

_FALLBACK = "fallback-"  # how the folder of its page begins
_LANGUAGE = re.compile(r'<html lang="([a-z]{2})">')
_BODY = "<body>"


def marks(
    paths: DeploymentPaths, run_id: str, fallbacks: Mapping[str, dict[str, Any]]
) -> list[str]:
    """Sentences on the forecasts that belong to a run: its own, and the one in its place.

    Args:
        fallbacks: by_run of the same home.
    """
    sentences = []
    if own := withdrawal_of_run(paths, run_id):
        sentences.append(f"forecast {own.words()}")
    if fallback := fallbacks.get(run_id):
        record = withdrawal(paths, "forecast", str(fallback["forecast_version"]))
        withdrawn = f", {record.words()}" if record else ""
        data = f"{fallback['data_state']}, up to {fallback['data_until']}"
        sentences.append(f"forecast {data}{withdrawn}")
    return sentences


def by_run(paths: DeploymentPaths) -> dict[str, dict[str, Any]]:
    """Red run -> event of the newest forecast made in its place."""
    return {str(e["run_id"]): e for e in read_events(paths, "fallback-forecast") if e.get("run_id")}


def withdrawal_of_run(paths: DeploymentPaths, run_id: str) -> Withdrawn | None:
    """The withdrawal of a run's own forecast, or None."""
    version = _version_of(paths, run_id)
    return withdrawal(paths, "forecast", version) if version else None


def marked_page(paths: DeploymentPaths, path: Path) -> str | None:
    """A page of artifacts/reports with a notice on top, None if its forecast was not withdrawn.

    The file stays as it is; the notice is in the language of the page.
    """
    folder = path.parent.name
    if folder.startswith(_FALLBACK):
        record = withdrawal(paths, "forecast", folder.removeprefix(_FALLBACK))
    else:
        record = withdrawal_of_run(paths, folder)
    if record is None:
        return None
    text = path.read_text(encoding="utf-8")
    found = _LANGUAGE.search(text)
    words = words_of(found[1] if found else "en")
    sentence = words("withdrawn", day=words.day(record.at), by=record.by, reason=record.reason)
    notice = (
        '<p role="alert" style="margin:0;padding:1rem;border:.4rem solid '
        "#a8321f;background:#fff;color:#a8321f;font:bold 1.3rem/1.4 "
        f'sans-serif">{html.escape(sentence)}</p>'
    )
    return text.replace(_BODY, _BODY + notice, 1) if _BODY in text else notice + text


def _version_of(paths: DeploymentPaths, run_id: str) -> str:
    try:
        return ForecastOutput.read(run_folder(paths, run_id)).forecast_version or ""
    except StoreError:  # a damaged run has nothing to mark
        return ""
