"""Onboarding from beginning to end: look, read as a run will, ask, write."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.config import DeploymentPaths, Profile, own_profiles, profile_names
from pipelines.contracts import Issue, Level
from pipelines.data.adapters import Reading
from pipelines.data.adapters.content import AGAIN
from pipelines.data.drop_info import DropInfo, check_info, require_received
from pipelines.data.drops import make_drop, read_drop
from pipelines.data.intake import require_not_withdrawn_name
from pipelines.data.plausible.issues import TOO_MUCH_HELD
from pipelines.data.sources import context_of, source_of
from pipelines.data.sync import share_drop
from pipelines.data.trial import TrialReport, try_files
from pipelines.data.usable import as_delivered
from pipelines.errors import ConfigError, DropError
from pipelines.onboard import deciding, history
from pipelines.onboard.answers import Answers
from pipelines.onboard.asking import Ask
from pipelines.onboard.columns import choose_columns, thousands
from pipelines.onboard.findings import Findings, Tell
from pipelines.onboard.maps import lay_beside, map_parts
from pipelines.onboard.previews import InputPreview, look_at
from pipelines.onboard.reading import Numbering, numbering_of
from pipelines.onboard.rules import Rater
from pipelines.onboard.writing import Part, checked, profile_text, require_place
from pipelines.place_config import PlaceConfig
from pipelines.storage import write_atomic

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_TOLD_ELSEWHERE = ("no-place", "climate-ended", "codes-of-two-lengths")  # with the flags that help
_MOST_ISSUES = 12  # issues of the files that are told


@dataclass(frozen=True)
class Onboarded:
    """What came of it.

    Attributes:
        text: of the profile.
        boundaries: GeoJSON that is to lie beside it.
    """

    name: str
    text: str
    profile: Profile
    info: DropInfo
    paths: tuple[Path, ...]
    findings: Findings
    boundaries: Path | None = None

    def as_json(self, written: Path | None, drop: Path | None, command: str) -> dict[str, Any]:
        """For programs."""
        return {
            "profile": self.name,
            "text": self.text,
            "written": str(written) if written else None,
            "drop": str(drop) if drop else None,
            "command": command,
            "findings": self.findings.as_json(),
        }


def onboard(paths: Sequence[Path], answers: Answers, ask: Ask, tell: Tell) -> Onboarded:
    """Look at files and make a profile of them; nothing is written.

    Raises:
        DropError: a file cannot be used.
        ConfigError: a question that nobody answers, or an answer that does not fit.
    """
    name = _name(answers, paths)
    today = _today(answers.time_zone)
    info = check_info({"received_date": answers.received or today}, "--received")
    require_received(info.received_date, today)
    findings = Findings(tell)
    previews = look_at(paths, answers, info.received_date, ask)
    names = [preview.name for preview in previews]
    for preview in previews:
        choose_columns(preview, answers, names, ask)
        thousands(preview)
    numbering, readings = numbering_of(previews, answers, ask)
    for preview in previews:
        findings.add(preview.name, *preview.seen)
    findings.add("weeks", f"{numbering.calendar.name}: {numbering.by}")
    _people(previews, findings)
    place, inputs = _place_parts(numbering, answers, readings, findings), _inputs(previews)
    draft = checked(name, profile_text("", [Part("profile", name), *place, inputs]))
    report = _tried(paths, draft, info.received_date, findings)
    place += map_parts(name, answers, report.result.tables, draft.codes, findings)
    parts = [*place, inputs, *_decided(report, draft, readings, names, answers, ask, findings)]
    head = (
        f"Written by `denguard onboard` on {info.received_date} from {', '.join(names)}; "
        f"`denguard profile {name}` prints every default."
    )
    text = profile_text(head, [Part("profile", name), *_schedule(answers), *parts])
    return Onboarded(
        name, text, checked(name, text), info, tuple(paths), findings, answers.boundaries
    )


def _today(time_zone: str | None) -> date:
    """The day that it is at the place. Raises ConfigError if there is no such time zone."""
    try:
        return PlaceConfig(time_zone=time_zone or "UTC").today()
    except ValidationError as err:
        raise ConfigError(
            f"{time_zone!r} is no time zone", where="--time-zone", fix="write it as America/Lima"
        ) from err


def _decided(
    report: TrialReport,
    draft: Profile,
    readings: Sequence[Reading],
    names: Sequence[str],
    answers: Answers,
    ask: Ask,
    findings: Findings,
) -> list[Part]:
    tables, calendar = report.result.tables, draft.calendar
    known = history.history_of(tables, calendar)
    if known is None:
        raise DropError(
            "the files hold no weekly counts",
            where=", ".join(names),
            fix="deliver counts of cases; climate and population alone forecast nothing",
        )
    findings.add("history", known.as_text(calendar))
    findings.add("climate", *history.climate_facts(tables, known.newest, calendar))
    findings.add("units", *history.unit_facts(names, readings))
    filling = history.filling_of(tables, readings, calendar)
    findings.add("newest weeks", filling.why)
    maturity = deciding.maturity_part(filling, answers, ask)
    chosen = deciding.labels_of(Rater(tables, known, calendar), answers, ask, findings)
    units = set(map(str, tables.units["unit_id"]))
    weeks = maturity.value["weeks"] if maturity else 0
    judged = deciding.test_year_choice(chosen, weeks, known, answers, calendar, findings)
    labels = deciding.labels_part(chosen, known.units)
    asked = deciding.evaluate_parts(answers, units, judged)
    return [*([maturity] if maturity else []), labels, *asked]


def _name(answers: Answers, paths: Sequence[Path]) -> str:
    plain = re.sub(r"[^a-z0-9_-]+", "-", paths[0].stem.lower()).strip("-_")[:40]
    name = answers.name or plain or "place"
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no usable name of a profile",
            where="--name",
            fix="use letters, digits, - and _",
        )
    if name in set(profile_names()) - set(own_profiles()):
        raise ConfigError(
            f"denguard brings a profile {name!r} of its own",
            where="--name",
            fix="choose another --name",
        )
    return name


def _place_parts(
    numbering: Numbering, answers: Answers, readings: Sequence[Reading], findings: Findings
) -> list[Part]:
    week = {"numbering": numbering.numbering} | (
        {"starts": numbering.starts} if numbering.starts else {}
    )
    out = [Part("place.week", week, (f"weeks: {numbering.by}",))]
    if pattern := history.code_pattern(readings):
        findings.add("codes", f"all codes look like {pattern}")
        out.append(
            Part(
                "place.codes",
                None,
                (f"all codes look so; to refuse others: codes: {{pattern: '{pattern}'}}",),
            )
        )
    if answers.language:
        out.append(Part("place.language", answers.language, ("as said",)))
    if answers.time_zone:
        out.append(Part("place.time_zone", answers.time_zone, ("as said",)))
    return out


def _inputs(previews: Sequence[InputPreview]) -> Part:
    why = tuple(f"{s.name}: {sentence}" for s in previews for sentence in s.seen)
    entries = []
    for preview in previews:
        first = {"adapter": preview.settings.get("adapter", "long"), "file": preview.name}
        entries.append({**first, **{k: v for k, v in preview.settings.items() if k != "adapter"}})
        if preview.config.table != "cases":
            entries[-1]["optional"] = True
    return Part("data.inputs", entries, why)


def _schedule(answers: Answers) -> list[Part]:
    return (
        [Part("schedule", answers.schedule, ("as said: a line of its own",))]
        if answers.schedule
        else []
    )


def _people(previews: Sequence[InputPreview], findings: Findings) -> None:
    for preview in previews:
        if preview.config.adapter == "line_list":
            findings.add(
                "persons",
                f"{preview.name} is counted while it is read: no table, model or forecast holds a "
                "person's row, age or sex (the drop keeps your file as it is)",
            )
            for key, verb in (("keep", "only counted if"), ("leave_out", "not counted if")):
                for column, values in preview.settings.get(key, {}).items():
                    findings.add("persons", f"records are {verb} {column} is {' or '.join(values)}")


def _tried(
    paths: Sequence[Path], draft: Profile, received: date, findings: Findings
) -> TrialReport:
    """The files as a run would check them. Raises DropError if it would stop.

    What is only doubted is told: a person answers for it with `denguard confirm`, once a run asks.
    """
    with tempfile.TemporaryDirectory(prefix="denguard-onboard-") as empty:
        report = try_files(list(paths), draft, DeploymentPaths(home=Path(empty)), received)
    issues = [
        i
        for i in report.result.issues
        if i.level is not Level.INFO and i.code not in _TOLD_ELSEWHERE
    ]
    doubted = {cause.suspicion.rule for cause in report.result.assessment.causes} | {TOO_MUCH_HELD}
    if any(i.level is Level.CRITICAL and i.code not in doubted for i in issues):
        first, more = issues[0], [i for i in issues[1:] if i.level is not Level.WARNING][:1]
        why = "".join(
            f"; first of them: {i.message} ({i.place}), where one should {i.fix}" for i in more
        )
        raise DropError(
            f"[{first.code}] {first.message}{why}",
            where=first.place,
            fix=first.fix.removesuffix(f"; {AGAIN}"),
        )
    kinds: dict[str, list[Issue]] = {}
    for one in issues:
        kinds.setdefault(f"{one.level.value}: {one.message}", []).append(one)
    for what, found in list(kinds.items())[:_MOST_ISSUES]:
        where = ", ".join(filter(None, (f"{i.place} {i.period}".strip() for i in found[:3])))
        findings.add(
            "checks", f"{what} ({where}{', ...' if len(found) > 3 else ''}); {found[0].fix}"
        )
    if len(kinds) > _MOST_ISSUES:
        findings.add(
            "checks", f"and {len(kinds) - _MOST_ISSUES} more; `denguard validate` lists all"
        )
    # What is proposed follows from what was delivered: weeks that still fill look unreported.
    delivered = as_delivered(report.result.tables)
    return replace(report, result=replace(report.result, tables=delivered))


def write(made: Onboarded, paths: DeploymentPaths) -> tuple[Path, Path]:
    """The first drop, then the profile; both are no-ops if they are there and equal.

    Raises:
        ConfigError: another profile has the name, or the deployment has drops of other files.
        DropError: a drop of that date is there with other content.
    """
    path = require_place(made.name, made.text, paths, made.info.folder_name)
    if made.boundaries is not None:
        lay_beside(path, made.boundaries)
    context = context_of(made.profile)
    bring = partial(source_of(context.config).bring, list(made.paths), context=context)
    require_not_withdrawn_name(paths, made.info.folder_name)
    drop = make_drop(bring, None, paths.drops, made.info)
    share_drop(paths, read_drop(drop))
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, made.text)
    return path, drop
