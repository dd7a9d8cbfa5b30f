"""Which bundle answers: polls the champion alias and swaps by one reference assignment.

Every worker runs its own.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.fusion.bundle import Bundle, load_verified_bundle
from pipelines.registry.named import Registered
from pipelines.registry.served import former_version, serving_version
from serving.encoders import Encoders, encoders_of, needs_encoders
from serving.kept import Kept
from serving.metrics import Metrics
from serving.not_ready import NO_CHAMPION, error_text, nobody, registry_away, unusable
from serving.problems import NotReady
from serving.settings import Settings
from serving.standing import Standing
from serving.vector_cache import VectorCache

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Champion:
    """A bundle that passed its golden rows, ready to answer. Never changed, only replaced.

    `former` is who served before it and was not taken out of service, as the registry said then.
    """

    registered: Registered
    bundle: Bundle
    encoders: Encoders | None
    former: Registered | None = None

    def rule(self) -> dict[str, str | None]:
        """By which label rule it answers, and which one was adopted since and awaits its
        champion."""
        return {
            "label_rule_id": self.bundle.meta.label_rule_id,
            "adopted_rule_id": self.registered.adopted_rule,
        }


@dataclass(frozen=True)
class CandidateError:
    """Why the version that the alias names does not serve. `attempts` tells a new try from
    an old."""

    version: str
    bundle_id: str
    error: str
    attempts: int


class ChampionHolder:
    """Holds the champion and follows the alias in a background thread.

    Attributes:
        current: what answers now, None before the first champion.
        candidate_error: of the version that the alias names, None if it serves.
        last_error: newest failure of any kind, kept after it is over; "" if there was none.
        not_ready: why nothing answers while `current` is None.
        standing: when the registry last named `current`, and since when it is away.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self.current: Champion | None = None
        self.candidate_error: CandidateError | None = None
        self.last_error = ""
        self.not_ready = NO_CHAMPION
        self.standing = Standing(None, None, timedelta(hours=settings.stale_after_h))
        self._kept = Kept(settings.paths, settings.model_name)
        self._confirmed = False  # whether the registry has named `current` to this process
        self._attempts = 0
        self._vectors = VectorCache(settings.max_prompt_cache_bytes)
        self._stop, self._looked = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name="champion", daemon=True)

    def start(self, wait_s: float = 0.0) -> None:
        """Begin to follow the alias; give the first look this long to take the champion."""
        self._thread.start()
        self._looked.wait(wait_s)

    def stop(self) -> None:
        """Stop following; a look that is under way may finish by itself."""
        self._stop.set()
        self._thread.join(timeout=5.0)

    def _follow(self) -> None:
        self.begin_with_kept()
        while not self._stop.is_set():
            self.look()
            self._looked.set()
            self._warm()
            self._stop.wait(self._settings.poll_s)

    def begin_with_kept(self) -> None:
        """Take the last champion from this disk, until the registry says who it is. Never raises.

        Nobody is answered before the first look has ended or has taken too long.
        """
        last = self._kept.last()
        if last is None or last.gone_at is not None or self._kept.here(last.registered) is None:
            return
        self._take(last.registered, last.former)
        self.standing = replace(self.standing, as_of=last.seen_at)

    def look(self) -> None:
        """Read the alias once and take its bundle if it is another one. Never raises."""
        try:
            named = serving_version(self._settings.paths, self._settings.model_name)
            former = self._former_of(named)
        except Exception as err:  # noqa: BLE001 the thread must outlive it
            self._away(err)
        else:
            self.standing = replace(self.standing, away_since=None)
            self._follow_to(named, former)
        self._metrics.stands(self.standing, _now())

    def _away(self, err: Exception) -> None:
        since = self.standing.away_since or _now()
        self.standing = replace(self.standing, away_since=since)
        self._failed("registry", error_text(err), registry_away(err))

    def _former_of(self, named: Registered | None) -> Registered | None:
        """Asked once a champion: it changes with the champion alone."""
        current = self.current
        if current is not None and self._confirmed and current.registered == named:
            return current.former
        settings = self._settings
        return named and former_version(settings.paths, settings.model_name)

    def _follow_to(self, named: Registered | None, former: Registered | None) -> None:
        if named is None:
            self._withdrawn()
        elif self.current is None or named.bundle_id != self.current.registered.bundle_id:
            self._take(named, former)
        else:
            self._renamed(named, former, self.current)
            self.candidate_error = None
            self._metrics.failing.set(0)
        if self.current is not None and self.current.registered == named:
            self._confirmed = True
            self.standing = replace(self.standing, as_of=_now())
            self._kept.seen(named, _now(), former)

    def _renamed(self, named: Registered, former: Registered | None, current: Champion) -> None:
        """The same bundle, of which the registry says something else than before."""
        if (named, former) == (current.registered, current.former):
            return
        self.current = replace(current, registered=named, former=former)
        if named.adopted_rule:
            log.warning(
                "label rule %s was adopted; version %s goes on answering by %s until the new line "
                "has a champion",
                named.adopted_rule,
                named.version,
                current.bundle.meta.label_rule_id,
            )

    def _take(self, named: Registered, former: Registered | None) -> None:
        try:
            champion = replace(self._load(named), former=former)
        except Exception as err:  # noqa: BLE001 any error keeps the old champion
            self._attempts += 1
            self.candidate_error = CandidateError(
                named.version, named.bundle_id, error_text(err), self._attempts
            )
            text = f"version {named.version}: {error_text(err)}"
            self._failed(
                "bundle",
                text,
                unusable(text, err),
            )
            return
        self.current = champion  # the swap: requests under way keep the reference they took
        self.candidate_error = None
        self._metrics.swaps.inc()
        self._metrics.ready.set(1)
        self._metrics.failing.set(0)
        self._metrics.serves(named.version, named.bundle_id, champion.bundle.meta.head)
        log.info("version %s (bundle %s) serves", named.version, named.bundle_id)

    def _load(self, named: Registered) -> Champion:
        bundle = load_verified_bundle(self._kept.bundle(named))
        return Champion(named, bundle, self._encoders(bundle) if needs_encoders(bundle) else None)

    def _encoders(self, bundle: Bundle) -> Encoders:
        """Loaded before they take a serving champion's place; before the first one, after it."""
        found = encoders_of(bundle, self._settings.paths, self._vectors)
        current = self.current
        if current is None:
            return found
        if current.encoders and current.encoders.same_as(found):
            return current.encoders
        found.load()
        return found

    def _warm(self) -> None:
        """Load the encoders of a first champion; tried again at each look while that fails."""
        try:
            if self.current is not None and self.current.encoders is not None:
                self.current.encoders.load()
        except Exception as err:  # noqa: BLE001 the thread must outlive it
            self._failed("encoders", error_text(err), self.not_ready)

    def _withdrawn(self) -> None:
        """Nobody is champion: the first one was taken back, or there never was one."""
        self.candidate_error = None
        settings = self._settings
        self.not_ready = nobody(settings.paths, settings.model_name, self._kept.last())
        self._metrics.failing.set(0)
        self._kept.gone(_now())
        if not self._confirmed:  # taken from the disk alone
            self.current = None
            self._metrics.ready.set(0)
        if self.current is not None:
            log.warning(
                "the champion alias was removed; version %s goes on serving",
                self.current.registered.version,
            )

    def _failed(self, cause: str, text: str, not_ready: NotReady) -> None:
        if text != self.last_error:
            log.error(
                "%s; %s",
                text,
                "the bundle taken before goes on serving" if self.current else "nothing serves yet",
            )
        self.last_error = text
        self.not_ready = not_ready
        self._metrics.failing.set(1)
        self._metrics.poll_errors.labels(cause).inc()

    def status(self) -> dict[str, Any]:
        """Errors as GET /model shows them."""
        error = self.candidate_error
        return {
            "candidate_error": asdict(error) if error else None,
            "last_error": self.last_error or None,
        }


def _now() -> datetime:
    return datetime.now(UTC)
