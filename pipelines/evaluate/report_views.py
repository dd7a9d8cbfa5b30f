"""Tables and sentences of the report, as plain strings for the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import pandas as pd

from pipelines.contracts import FUSED_HEADS, LINEAR, Level
from pipelines.evaluate import figures
from pipelines.evaluate.decision import words
from pipelines.evaluate.report_lambda import primary
from pipelines.evaluate.report_numbers import Record, Rows, number, percent

SHOWN_ISSUES = 40
_OTHER_HEADS = "*"  # candidates that are neither the linear model nor fused
_LEVELS = (Level.CRITICAL, Level.ERROR, Level.WARNING, Level.INFO)
_MEANING = {
    Level.CRITICAL: "stopped the run",
    Level.ERROR: "rows set aside, the run went on",
    Level.WARNING: "used, but look at it",
    Level.INFO: "for your information",
}
SCORES = {
    "brier": "Brier",
    "skill_linear": "skill vs linear",
    "skill_prevalence": "skill vs prevalence",
    "skill_persistence_calibrated": "skill vs calibrated persistence",
    "auprc": "AUPRC",
    "macro_f1_at_half": "F1 at 0.5",
    "macro_f1": "F1 at threshold",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "PPV",
    "ece": "ECE",
}


def verdict(decision: Record) -> dict[str, str]:
    """The decision as a headline with its tone."""
    champion = decision.get("champion") or {}
    if decision["decision"] == "promote":
        return {"tone": "go", "text": f"Promoted: the {words(decision['head'])} head goes live."}
    if decision["decision"] == "keep":
        which = (
            f"version {champion['version']}, {words(champion['head'])} head"
            if champion
            else "unchanged"
        )
        return {"tone": "keep", "text": f"Kept: the champion stays ({which})."}
    return {
        "tone": "stop",
        "text": (
            "No model goes live: there is no champion, and none was registered. The endpoint "
            "answers “not ready”."
        ),
    }


def chosen_head(metrics: Record, decision: Record) -> str:
    """Head whose details are shown: the one judged for service, else the linear one."""
    known = primary(metrics).get("heads", {})
    head = decision.get("head")
    return str(head) if head in known else "linear"


def cards(
    decision: Record, metrics: Record, forecast_rows: pd.DataFrame | None
) -> list[tuple[str, str]]:
    """A few numbers for a reader with ten seconds."""
    found: list[tuple[str, str]] = []
    heads = primary(metrics).get("heads", {})
    head = chosen_head(metrics, decision)
    if head in heads:
        ahead = metrics["primary_horizon_weeks"]
        found.append((f"Brier, {ahead} weeks ahead ({words(head)})", number(heads[head]["brier"])))
        calibrated = heads.get("persistence_calibrated", {})
        found.append(("the same for calibrated persistence", number(calibrated.get("brier"))))
        found.append(("outbreak weeks caught", percent(heads[head]["sensitivity"])))
        found.append(("alarms that were right", percent(heads[head]["ppv"])))
    if forecast_rows is not None:
        found += _forecast_cards(forecast_rows, decision["primary_horizon_weeks"])
    return found


def _forecast_cards(rows: pd.DataFrame, ahead: int) -> list[tuple[str, str]]:
    """Alarms among the units that have a forecast, and how many are not forecast as the
    others are."""
    primary = rows[rows["horizon_weeks"] == ahead]
    answered = primary.dropna(subset=["probability"])
    alarms = int(answered["outbreak_expected"].sum())
    found = [
        (
            f"municipalities with an outbreak week expected in {ahead} "
            f"{'week' if ahead == 1 else 'weeks'}",
            f"{alarms} of {len(answered)}",
        )
    ]
    if "state" not in primary.columns:
        return found
    states = primary["state"].value_counts()
    return found + [
        (f"municipalities {state}", str(n)) for state, n in sorted(states.items()) if state
    ]


def comparisons(decision: Record) -> Rows:
    """Paired comparisons of the gate."""
    return [
        {
            "what": f"{words(c['challenger'])} {c['question']} {words(c['reference'])}?",
            "mean": f"{c['interval']['mean']:+.4f}".replace("-", "−"),
            "interval": f"{c['interval']['lower']:+.4f} to {c['interval']['upper']:+.4f}".replace(
                "-", "−"
            ),
            "limit": f"{c['margin']:.3f}",
            "blocks": c["interval"]["blocks"],
            "origins": c["interval"]["origins"],
            "rows": c["interval"]["rows"],
            "passed": c["passed"],
        }
        for c in decision.get("comparisons", ())
    ]


def power(decision: Record) -> Rows:
    """How large an effect of the best fused head each horizon's rows could have shown."""
    found = decision.get("power") or {}
    return [
        {
            "horizon": int(horizon),
            "head": words(found[horizon]["head"]),
            "sentence": found[horizon]["sentence"],
            "primary": int(horizon) == decision["primary_horizon_weeks"],
        }
        for horizon in sorted(found, key=int)
    ]


def sanity(decision: Record) -> Rows:
    """Sanity of the recipes that were considered, by horizon."""
    return [
        {
            "head": words(head),
            "horizon": horizon,
            "brier": number(found["brier"]),
            "blind": number(found["brier_prevalence"]),
            "mean": number(found["mean_probability"]),
            "rate": number(found["rate"]),
            "problems": list(found["problems"]),
        }
        for head, horizons_ in decision.get("sanity", {}).items()
        for horizon, found in sorted(horizons_.items(), key=lambda pair: int(pair[0]))
    ]


def issues(found: Sequence[Record]) -> Rows:
    """Issues grouped by level, worst first; only the first of very many are shown."""
    order = {str(level): i for i, level in enumerate(_LEVELS)}
    ranked = sorted(found, key=lambda i: order[str(i["level"])])
    groups = []
    for level, group in groupby(ranked, key=lambda i: str(i["level"])):
        every = list(group)
        groups.append(
            {
                "level": level,
                "meaning": _MEANING[Level(level)],
                "count": len(every),
                "shown": every[:SHOWN_ISSUES],
                "more": max(0, len(every) - SHOWN_ISSUES),
            }
        )
    return groups


def in_order(metrics: Record) -> Record:
    """Metrics with horizons ascending and heads before baselines; JSON on disk sorts by letter."""
    known = (LINEAR, *FUSED_HEADS, _OTHER_HEADS, *figures.BASELINE_LOOKS)
    order = {name: at for at, name in enumerate(known)}
    found = metrics.get("horizons", {})
    ordered = {
        h: {
            **found[h],
            "heads": {
                n: found[h]["heads"][n]
                for n in sorted(found[h]["heads"], key=lambda n: order.get(n, order[_OTHER_HEADS]))
            },
        }
        for h in sorted(found, key=int)
    }
    return {**metrics, "horizons": ordered} if found else metrics


def horizons(metrics: Record, decision: Record) -> Rows:
    """One table a horizon, every recipe and baseline on the same rows."""
    serving = chosen_head(metrics, decision)
    return [
        {
            "horizon": int(horizon),
            "primary": int(horizon) == metrics["primary_horizon_weeks"],
            "rows": found["rows"],
            "prevalence": percent(found["prevalence"]),
            "heads": [_score_row(n, r, n == serving) for n, r in found["heads"].items()],
        }
        for horizon, found in metrics.get("horizons", {}).items()
    ]


def _score_row(name: str, record: Record, serving: bool) -> dict[str, Any]:
    skills = {f"skill_{k}": v for k, v in record["skill_vs"].items()}
    values = {**record, **skills}
    return {
        "name": words(name),
        "serving": serving,
        "baseline": name in figures.BASELINE_LOOKS,
        "cells": [number(values.get(k)) for k in SCORES],
    }


def years(metrics: Record, decision: Record) -> dict[str, Any]:
    """Brier by test year at the primary horizon, because epidemic years are the hard ones."""
    heads = primary(metrics).get("heads", {})
    labels = [str(y) for y in metrics.get("test_years", ())]
    some: Record = next(iter(heads.values()), {"years": {}})
    rate = [percent(some["years"].get(y, {}).get("prevalence")) for y in labels]
    rows = [
        {"name": words(n), "cells": [number(r["years"].get(y, {}).get("brier")) for y in labels]}
        for n, r in heads.items()
    ]
    own = heads.get(chosen_head(metrics, decision), {"years": {}})["years"]
    scored = {y: own[y]["brier"] for y in labels if own.get(y, {}).get("brier") is not None}
    worst = max(scored, key=scored.__getitem__) if scored else None
    return {"labels": labels, "worst": worst, "rate": rate, "rows": rows}


def onset(metrics: Record) -> Rows:
    """Rows with no outbreak at origin: how well its beginning is seen coming."""
    return [
        {
            "horizon": int(horizon),
            "onsets": found["onset_rows"],
            "rows": next(iter(found["heads"].values()))["onset"]["rows"],
            "heads": [
                {
                    "name": words(n),
                    "cells": [
                        number(r["onset"][k])
                        for k in ("brier", "auprc", "sensitivity", "specificity", "ppv")
                    ],
                }
                for n, r in found["heads"].items()
            ],
        }
        for horizon, found in metrics.get("horizons", {}).items()
    ]


def municipalities(metrics: Record, decision: Record, names: Mapping[str, str]) -> Rows:
    """Scores by municipality of the judged head at the primary horizon, the worst one marked."""
    heads = primary(metrics).get("heads", {})
    record = heads.get(chosen_head(metrics, decision))
    if record is None:
        return []
    other = {
        m["unit_id"]: m["brier"]
        for m in heads.get("persistence_calibrated", record)["municipalities"]
    }
    return [
        {
            "name": names.get(m["unit_id"], ""),
            "code": m["unit_id"],
            "worst": m["unit_id"] == record["worst_municipality"],
            "single_class": m["single_class"],
            "prevalence": percent(m["prevalence"]),
            "cells": [
                number(m["brier"]),
                number(other.get(m["unit_id"])),
                *(number(m[k]) for k in ("sensitivity", "specificity", "ppv")),
            ],
        }
        for m in record["municipalities"]
    ]


def brier_picture(metrics: Record) -> str | None:
    return figures.brier_by_horizon(metrics) if metrics.get("horizons") else None


def calibration_picture(metrics: Record, decision: Record) -> str | None:
    """Calibration of the judged head beside the linear one."""
    heads = primary(metrics).get("heads", {})
    shown = dict.fromkeys(["linear", chosen_head(metrics, decision)])
    tables = {n: heads[n]["calibration"] for n in shown if n in heads}
    return figures.calibration(tables) if tables else None
