"""Energy that the machine used meanwhile, from the processor's own counters (RAPL).

Nothing is estimated from a rated power: where nothing was measured, only the reason is given.

Source: https://docs.kernel.org/power/powercap/powercap.html. Counters are of the whole machine,
whatever else runs on it: packages (cores and caches) plus memory, which is outside of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
NO_COUNTER = "no readable energy counter on this machine"
READ_EVERY_S = 10.0  # a counter of 65 kJ comes round in minutes; no round may be missed
_JOULES = 1e-6


@dataclass
class _Zone:
    """One counter: its file, where it starts again from 0, and its last value, in microjoules."""

    file: Path
    range_uj: int
    last_uj: int


class EnergyCounter:
    """Joules since it was made.

    Attributes:
        joules: so far; None where it cannot be measured.
        note: why not, else what was counted.
    """

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self.joules: float | None = None
        self._zones: list[_Zone] = []
        try:
            folders = [f for f in sorted(powercap.glob("intel-rapl:*")) if _counts(f)]
            self._zones = [_zone(folder) for folder in folders]
        except PermissionError:
            self.note = f"{NO_COUNTER}: it has one, which only root may read"
            return
        except (OSError, ValueError):
            self.note = NO_COUNTER
            return
        self.note = (
            f"the whole machine, {len(self._zones)} counters of {powercap}"
            if self._zones
            else NO_COUNTER
        )
        self.joules = 0.0 if self._zones else None

    def update(self) -> None:
        """Add what was used since the last call; call it at least every READ_EVERY_S."""
        if self.joules is None:
            return
        try:
            for zone in self._zones:
                now_uj = int(zone.file.read_text())
                used_uj = now_uj - zone.last_uj
                self.joules += (used_uj if used_uj >= 0 else used_uj + zone.range_uj) * _JOULES
                zone.last_uj = now_uj
        except (OSError, ValueError):
            self.joules, self.note = None, "the energy counter could not be read to the end"


def _counts(folder: Path) -> bool:
    """Packages and memory; cores lie within a package, and a platform (psys) counts all again."""
    name = (folder / "name").read_text().strip()
    return name.startswith("package") or name == "dram"


def _zone(folder: Path) -> _Zone:
    file = folder / "energy_uj"
    return _Zone(file, int((folder / "max_energy_range_uj").read_text()), int(file.read_text()))
