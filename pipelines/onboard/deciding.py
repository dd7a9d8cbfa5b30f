"""From what the tables hold to maturity, label rule and test years: proposed, and asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from pipelines.config import GateConfig, TestYears, sentence
from pipelines.contracts import LABEL_RULES
from pipelines.errors import ConfigError
from pipelines.label_config import LabelConfig
from pipelines.onboard.answers import Answers, RuleAnswers
from pipelines.onboard.asking import Ask, Question, answered
from pipelines.onboard.findings import Findings
from pipelines.onboard.history import Filling, History
from pipelines.onboard.rules import (
    Rated,
    Rater,
    TestYearChoice,
    choose_test_years,
    of_kind,
    offered,
    proposed,
)
from pipelines.onboard.writing import Part
from pipelines.weeks import Calendar

_MOST_MATURITY = 26


def maturity_part(filling: Filling, answers: Answers, ask: Ask) -> Part | None:
    """Newest weeks that are taken as unknown: as said, else asked where they are thin."""
    weeks = answers.maturity
    if weeks is None and filling.weeks:
        question = Question(
            "--maturity",
            f"The newest {filling.weeks} weeks seem to be still filling. How many are taken as "
            "unknown?",
            (),
            str(filling.weeks),
            filling.why,
        )
        reply = ask(question)
        if not reply.isdigit() or int(reply) > _MOST_MATURITY:
            raise ConfigError(
                f"{reply!r} is no number of weeks", where="--maturity", fix="say --maturity 0..26"
            )
        weeks = int(reply)
    if not weeks:
        return None
    return Part(
        "data.maturity", {"method": "drop", "weeks": weeks}, (f"newest weeks: {filling.why}",)
    )


def labels_of(rater: Rater, answers: Answers, ask: Ask, findings: Findings) -> Rated:
    """The label rule: as said, else asked, with the rates that each would give."""
    rule_answers, units = answers.rule, rater.history.units
    base = proposed(rater)
    findings.offer(offered(rater, base))
    kind = rule_answers.kind
    if kind is None and not _parameters(rule_answers):
        why = "the table above says what each would call an outbreak week"
        question = Question(
            "--rule",
            "Which label rule says what an outbreak week is?",
            tuple(r.labels.rule.kind for r in findings.rules),
            base["kind"],
            why,
        )
        kind = answered(question, ask(question))
    kind = _known(kind or base["kind"])
    keys = {"kind": kind} if rule_answers.reference else of_kind(kind, base, rater)
    chosen = rater.rate(_validated(_with(keys, rule_answers), rule_answers))
    description = described(chosen, units)
    findings.add("label rule", description)
    if chosen.zero_share > 0.5 and chosen.labels.rule.floor_cases is None:
        findings.add(
            "label rule",
            f"WARNING: {chosen.zero_share:.0%} of thresholds are 0 and cannot be used; --floor 3 "
            "gives these units one",
        )
    if chosen.pool and not chosen.now:
        findings.add(
            "label rule",
            "WARNING: no unit has a threshold for the newest weeks, so nothing would be forecast "
            f"now: {chosen.why_not}; another rule, --floor or a lower --min-reference-cases may "
            "give one",
        )
    return chosen


def labels_part(chosen: Rated, units: int) -> Part:
    """The rule as the profile has it."""
    return Part("labels", _changed(chosen.labels), (f"label rule {described(chosen, units)}",))


def described(chosen: Rated, units: int) -> str:
    """A rule, its units and its rates in one sentence."""
    rates = ", ".join(f"{year} {share:.0%}" for year, share in list(chosen.rates.items())[-8:])
    return (
        f"{chosen.labels.rule_id}: {chosen.pool} of {units} units have a threshold; outbreak "
        f"weeks {rates or 'none'}"
    )


def _known(kind: str) -> str:
    if kind not in LABEL_RULES:
        raise ConfigError(
            f"there is no label rule {kind!r}",
            where="--rule",
            fix=f"use one of {', '.join(sorted(LABEL_RULES))}",
        )
    return kind


def _parameters(rule_answers: RuleAnswers) -> dict[str, Any]:
    keys = {
        "q": rule_answers.q,
        "years": rule_answers.years,
        "floor_cases": rule_answers.floor_cases,
        "centre": rule_answers.centre,
        "k": rule_answers.k,
        "per_100k": rule_answers.per_100k,
    }
    found: dict[str, Any] = {key: value for key, value in keys.items() if value is not None}
    if rule_answers.reference:
        found["reference"] = rule_answers.reference
    return found


def _with(rule: dict[str, Any], rule_answers: RuleAnswers) -> dict[str, Any]:
    given = _parameters(rule_answers)
    if reference := given.get("reference"):
        first, dots, last = str(reference).partition("..")
        if not dots:
            raise ConfigError(
                f"{reference!r} is no range",
                where="--reference",
                fix="write it as 2019-w01..2020-w53, for the endemic channel as 2017..2020",
            )
        whole = first.isdigit() and last.isdigit()
        given["reference"] = [int(first), int(last)] if whole else [first.lower(), last.lower()]
    return {**rule, **given}


def _validated(rule: dict[str, Any], rule_answers: RuleAnswers) -> LabelConfig:
    keys: dict[str, Any] = {"rule": rule}
    if rule_answers.min_reference_cases is not None:
        keys["min_reference_cases"] = rule_answers.min_reference_cases
    try:
        return LabelConfig.model_validate(keys)
    except ValidationError as err:
        raise ConfigError(
            f"the label rule is not valid: {sentence(err)}",
            where="--rule",
            fix=(
                "correct --quantile, --reference, --years, --floor, --centre, --k or --per-100k; "
                "each belongs to some rules only"
            ),
        ) from err


def _changed(labels: LabelConfig) -> dict[str, Any] | None:
    """Keys that differ from the defaults; the kind stays."""
    if labels == LabelConfig():
        return None
    rule = labels.rule.model_dump(mode="json")
    fields = type(labels.rule).model_fields
    kept = {k: v for k, v in rule.items() if k in ("kind", "q") or v != fields[k].default}
    out: dict[str, Any] = {"rule": kept}
    if labels.min_reference_cases != LabelConfig().min_reference_cases:
        out["min_reference_cases"] = labels.min_reference_cases
    return out


def evaluate_parts(answers: Answers, units: set[str], found: TestYearChoice) -> list[Part]:
    """Test years and judged units, where they were said or are fewer than the counts alone
    allow."""
    out = []
    if found.years and found.too_early:
        why = (
            f"{found.too_early[-1]} has nothing to learn from before it; say 5 when there are "
            "more years"
        )
        out.append(Part("evaluate.test_years", {"last": len(found.years)}, (why,)))
    elif answers.test_years is not None:
        out.append(Part("evaluate.test_years", {"last": answers.test_years}, ("as said",)))
    if answers.units_judged:
        absent = [u for u in answers.units_judged if u not in units]
        if absent:
            raise ConfigError(
                f"no unit is called {absent[0]!r}",
                where="--units-judged",
                fix=f"name units of the files, such as {', '.join(sorted(units)[:3])}",
            )
        out.append(Part("evaluate.municipalities", list(answers.units_judged), ("as said",)))
    return out


def test_year_choice(
    chosen: Rated,
    weeks: int,
    history: History,
    answers: Answers,
    calendar: Calendar,
    findings: Findings,
) -> TestYearChoice:
    """What can be judged with these choices, as a finding.

    Args:
        weeks: newest weeks that are taken as unknown.
    """
    wanted = TestYears() if answers.test_years is None else TestYears(last=answers.test_years)
    kept = replace(history, newest=history.newest - weeks)
    rows = chosen.rows[chosen.rows["target_week_no"] <= kept.newest]
    if answers.units_judged:
        rows = rows[rows["unit_id"].isin(answers.units_judged)]
    found = choose_test_years(replace(chosen, rows=rows), kept, wanted, GateConfig(), calendar)
    findings.test_year_choice = found
    findings.add("judging", found.as_text())
    return found
