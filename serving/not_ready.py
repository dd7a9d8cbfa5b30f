"""Why nothing answers, and what to do about it: for 503, by cause."""

from __future__ import annotations

from pipelines.config import DeploymentPaths
from pipelines.errors import DenguardError
from pipelines.registry import audit
from serving.kept import LastSeen
from serving.problems import NotReady

NO_CHAMPION = NotReady(
    "no-champion",
    "no champion is registered yet",
    "run the weekly cycle until a model is promoted; its report says why none was",
)

_ASK_AGAIN = (
    "check MLFLOW_TRACKING_URI and that MLflow answers; the endpoint asks again by itself, and has "
    "no earlier champion on its disk"
)


def registry_away(err: Exception) -> NotReady:
    """Nobody can say who is champion, and none that was lies on this disk."""
    own = "" if isinstance(err, DenguardError) and err.away else fix_of(err, "")
    return NotReady("registry-away", error_text(err), own or _ASK_AGAIN)


def unusable(text: str, err: Exception) -> NotReady:
    """The champion's bundle cannot be loaded, and none that was lies on this disk."""
    return NotReady("champion-unusable", text, fix_of(err, "read the endpoint's log"))


def nobody(paths: DeploymentPaths, model_name: str, last: LastSeen | None) -> NotReady:
    """The registry answers and names nobody: there never was a champion, it was taken back, or the
    registry lost it.

    Args:
        last: who was champion by the endpoint's own record: the audit may lie on another machine.
    """
    moved = audit.newest(paths, model_name)
    if moved is None:
        return NO_CHAMPION if last is None else _gone(last)
    if (version := moved.get("to_version")) is None:
        return NotReady(
            "champion-taken-away",
            f"no champion serves since {moved['at']}: {moved['action']} by {moved['by']}",
            "run the weekly cycle: its candidate is judged as a first champion; or let a "
            "version serve with denguard promote",
        )
    return NotReady(
        "champion-lost",
        f"the registry names no champion, but by the audit version {version} serves",
        "put the registry's database back from its newest backup, or let a version serve with "
        "denguard promote",
    )


def _gone(last: LastSeen) -> NotReady:
    return NotReady(
        "champion-gone",
        f"the registry names no champion; until {last.seen_at.isoformat(timespec='seconds')} "
        f"it was version {last.version}",
        "if it was taken back, run the weekly cycle; if nobody did that, put the registry's "
        "database back from its newest backup, or let a version serve with denguard promote",
    )


def error_text(err: Exception) -> str:
    """The error's text; running out of memory has none."""
    return str(err) or type(err).__name__


def fix_of(err: Exception, otherwise: str) -> str:
    """What to do about it, as the error itself says."""
    return (err.fix if isinstance(err, DenguardError) else "") or otherwise
