"""Week numberings that break one promise each, for the tests of the conformance kit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.errors import ConfigError
from pipelines.weeks import Calendar


@dataclass(frozen=True)
class Shifted(Calendar):
    """Says Sunday and begins on Monday."""

    @property
    def first_end(self) -> date:
        return super().first_end + timedelta(days=1)


@dataclass(frozen=True)
class Gapped(Calendar):
    """Leaves a week out after week 500."""

    def week_end(self, number):
        return super().week_end(number) + timedelta(days=7 * (int(number) > 500))


@dataclass(frozen=True)
class Eager(Calendar):
    """Every year has a week 53."""

    def has(self, year, week):
        return 1 <= week <= 53 and super().has(year, 1)


@dataclass(frozen=True)
class Taking(Calendar):
    """Takes a label of no week for the last one of its year."""

    def week_no(self, label):
        try:
            return super().week_no(label)
        except ConfigError:
            return 0


@dataclass(frozen=True)
class Monthly(Calendar):
    """Counts weeks within months."""

    def week_label(self, number):
        start = self.week_start(number)
        return f"{start.year}-w{start.month:02d}"


class Unequal(Calendar):
    """Two of it are never equal."""

    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)


def shifted(starts=None):
    return Shifted(starts or "sunday")


def gapped(starts=None):
    return Gapped(starts or "sunday")


def eager(starts=None):
    return Eager(starts or "sunday")


def taking(starts=None):
    return Taking(starts or "sunday")


def monthly(starts=None):
    return Monthly(starts or "sunday")


def unequal(starts=None):
    return Unequal(starts or "sunday")


def deaf(starts=None):
    return Calendar("sunday")
